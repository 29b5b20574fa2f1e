"""Why an operation is not done: one table of reasons, which each dialect puts into its own words."""

from enum import Enum


class Reason(Enum):
    """What stands in the way. The value is what the native dialect shows as ``code``."""

    INVALID = "invalid_value"
    MISSING = "missing_value"
    UNKNOWN_FIELD = "unknown_field"
    NO_SERVICE = "unknown_service"
    NO_PLAN = "unknown_plan"
    NO_SECRET = "unknown_secret"  # noqa: S105 - a word
    NO_CREDENTIAL = "unknown_credential"
    NO_BINDING = "not_bound"
    SECRET_EXISTS = "secret_exists"  # noqa: S105 - a word
    NAME_EXISTS = "service_name_exists"
    ID_EXISTS = "id_exists"
    ALREADY_BOUND = "already_bound"
    SECRET_CONFLICT = "secret_has_other_plan"  # noqa: S105 - a word
    ENVIRONMENT_CONFLICT = "environment_has_other_plan"
    LEVEL_CONFLICT = "service_bound_otherwise"
    NO_API = "unknown_api"
    API_EXISTS = "api_exists"
    API_IN_USE = "api_in_use"
    NOT_PUBLISHED = "environment_not_published"
    PLAN_IN_USE = "plan_in_use"
    SECRET_ENABLED = "secret_enabled"  # noqa: S105 - a word
    SECRET_IN_USE = "secret_in_use"  # noqa: S105 - a word
    SERVICE_IN_USE = "service_in_use"
    NO_WEBHOOK = "unknown_webhook"
    NO_DELIVERY = "unknown_delivery"
    WEBHOOK_DISABLED = "webhook_disabled"
    LIMIT = "limit_exceeded"
    FORBIDDEN = "forbidden"
    READ_ONLY = "read_only"
    STALE = "stale"
    KEY_REUSED = "idempotency_key_reused"
    TOO_OFTEN = "too_many_requests"
    BUSY = "too_many_changes"


class OperationError(Exception):
    """Nothing was changed. ``field``: the canonical name of what is wrong, or empty; never a secret."""

    def __init__(self, reason: Reason, detail: str, field: str = "") -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.field = field


def invalid(field: str, rule: str) -> OperationError:
    """A value breaks a rule."""
    return OperationError(Reason.INVALID, f"{field} {rule}", field)


def missing(field: str) -> OperationError:
    """A value is needed."""
    return OperationError(Reason.MISSING, f"{field} is missing", field)


def no_plan(plan_id: str) -> OperationError:
    """There is no such plan."""
    return OperationError(Reason.NO_PLAN, f"there is no plan {_shown(plan_id)}", "usagePlanId")


def no_secret(secret_id: str) -> OperationError:
    """There is no such Secret. What is none of quotad's own ids may be a pasted SecretKey: it is not told."""
    shown = f" {secret_id}" if secret_id.startswith("AKID") and len(secret_id) <= 50 else ""
    return OperationError(Reason.NO_SECRET, f"there is no such secret{shown}", "secretId")


def no_service(service_id: str) -> OperationError:
    """There is no such service."""
    return OperationError(Reason.NO_SERVICE, f"there is no service {_shown(service_id)}", "serviceId")


def no_api(service_id: str, api_id: str) -> OperationError:
    """The service has no such Api."""
    return OperationError(Reason.NO_API, f"{_shown(service_id)} has no api {_shown(api_id)}", "apiId")


def _shown(name: str) -> str:
    """A name as it may stand in an error: what could be a pasted SecretKey is cut."""
    return name if len(name) <= 40 and name.isascii() and name.isprintable() else f"{name[:8]!r}..."
