"""Why an operation is not done, in the words of Cloud API 3.0."""

from collections.abc import Mapping
from typing import NamedTuple

from quotad.controlplane.refusal import OperationError, Reason


class Word(NamedTuple):
    """An error's code; without a message of its own it says what ``operations`` said."""

    code: str
    message: str = ""


STORE_AWAY = Word(
    "InternalError.OssException",
    "OSS internal request error. Please try again. If the problem persists, please contact the intelligent"
    " customer service or submit a ticket.",
)
TOO_OFTEN = Word("RequestLimitExceeded", "More than 20 requests a second of this action.")
BROKEN = Word("InternalError", "An error inside quotad ended this request.")

_BOUND = "The key has already been bound to a usage plan."
_PLAIN: Mapping[Reason, Word] = {
    Reason.INVALID: Word("InvalidParameter.FormatError"),
    Reason.MISSING: Word("MissingParameter"),
    Reason.UNKNOWN_FIELD: Word("UnknownParameter"),
    Reason.NO_SERVICE: Word("ResourceNotFound.InvalidService", "The service does not exist."),
    Reason.NO_PLAN: Word("ResourceNotFound.InvalidUsagePlan", "The usage plan does not exist."),
    Reason.NO_SECRET: Word("ResourceNotFound.InvalidAccessKeyId", "The key does not exist."),
    Reason.NO_CREDENTIAL: Word("ResourceNotFound"),
    Reason.NO_WEBHOOK: Word("ResourceNotFound"),
    Reason.NO_DELIVERY: Word("ResourceNotFound"),
    Reason.WEBHOOK_DISABLED: Word("UnsupportedOperation.InvalidStatus"),
    Reason.NO_BINDING: Word("UnsupportedOperation.UnsupportedUnBindEnvironment"),
    Reason.SECRET_EXISTS: Word("FailedOperation.AccessKeyExist", "The same key exists."),
    Reason.NAME_EXISTS: Word("InvalidParameter.FormatError"),
    Reason.ID_EXISTS: Word("InvalidParameter.FormatError"),
    Reason.ALREADY_BOUND: Word("UnsupportedOperation.AlreadyBindUsagePlan", _BOUND),
    Reason.SECRET_CONFLICT: Word("UnsupportedOperation.UnsupportedBindApiKey", _BOUND),
    Reason.ENVIRONMENT_CONFLICT: Word("UnsupportedOperation.UnsupportedBindEnvironment"),
    Reason.LEVEL_CONFLICT: Word("UnsupportedOperation.UnsupportedBindEnvironment"),
    Reason.NO_API: Word("ResourceNotFound.InvalidApi", "The API does not exist."),
    Reason.API_EXISTS: Word("InvalidParameter.FormatError"),
    Reason.API_IN_USE: Word("UnsupportedOperation.ResourceIsInUse"),
    Reason.NOT_PUBLISHED: Word("UnsupportedOperation.UnsupportedBindEnvironment"),
    Reason.PLAN_IN_USE: Word("UnsupportedOperation.UsagePlanInUse"),
    Reason.SECRET_ENABLED: Word("UnsupportedOperation.InvalidStatus"),
    Reason.SECRET_IN_USE: Word("UnsupportedOperation.ResourceIsInUse"),
    Reason.SERVICE_IN_USE: Word("UnsupportedOperation.UnsupportedDeleteService"),
    Reason.LIMIT: Word("LimitExceeded"),
    Reason.FORBIDDEN: Word("UnauthorizedOperation"),
    Reason.READ_ONLY: Word("UnsupportedOperation"),
    Reason.STALE: Word("FailedOperation"),
    Reason.KEY_REUSED: Word("FailedOperation"),
    Reason.TOO_OFTEN: TOO_OFTEN,
    Reason.BUSY: Word("FailedOperation"),
}
_OF_ACTION: Mapping[tuple[str, Reason], Word] = {
    ("UnBindSecretIds", Reason.NO_BINDING): Word("ResourceNotFound.InvalidAccessKeyId"),
    ("DemoteServiceUsagePlan", Reason.NO_BINDING): Word("UnsupportedOperation.NoUsagePlanEnv"),
    ("DemoteServiceUsagePlan", Reason.LEVEL_CONFLICT): Word("UnsupportedOperation.NoUsagePlanEnv"),
    ("UnReleaseService", Reason.NOT_PUBLISHED): Word("InvalidParameterValue.InvalidEnvStatus"),
    ("CreateUsagePlan", Reason.LIMIT): Word("LimitExceeded.UsagePlanLimitExceeded"),
    ("CreateApiKey", Reason.LIMIT): Word("LimitExceeded.ApiKeyCountLimitExceeded"),
    ("CreateService", Reason.LIMIT): Word("LimitExceeded.ServiceCountLimitExceeded"),
    ("BindSecretIds", Reason.LIMIT): Word("LimitExceeded.AccessKeyCountInUsagePlanLimitExceeded"),
}


def word_of(action: str, error: OperationError) -> Word:
    """Its code and message."""
    word = _OF_ACTION.get((action, error.reason)) or _PLAIN[error.reason]
    return word if word.message else Word(word.code, _sentence(error.detail))


def _sentence(detail: str) -> str:
    return f"{detail[:1].upper()}{detail[1:]}."
