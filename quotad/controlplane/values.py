"""What a change may say, in canonical names: each rule once, for every dialect."""

import secrets
import string
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError

from quotad.config import fields as kind
from quotad.config import plan_checks, schema
from quotad.config.document import Document
from quotad.config.problems import note
from quotad.config.section import Section
from quotad.config.service_schema import ApiMethod, ApiPath
from quotad.controlplane.refusal import OperationError, Reason, invalid, missing
from quotad.core.plans import ENVIRONMENTS, Environment

_S = TypeVar("_S", bound=Section)

_ALPHANUMERIC = string.ascii_letters + string.digits
SECRET_ID_LENGTH = 36
"""Of what follows AKID in a SecretId that quotad makes."""

SECRET_KEY_LENGTH = 40
OVERLAP_AT_MOST_S = 90 * 86_400
"""How long two SecretKeys of one Secret may be valid."""

_SAID_OTHERWISE = {"publish": "release", "pre-publish": "prepub", "prepublish": "prepub", "testing": "test"}


class ServiceForm(Section):
    """What a service is made of."""

    service_id: kind.Id | None = None
    """Absent: made by quotad."""
    service_name: kind.Name
    """For people, and for routes where no other service has it."""
    service_desc: kind.Description = ""


class ApiForm(Section):
    """One operation of a service, to which a plan can be bound."""

    api_id: kind.ApiId | None = None
    """Absent: made by quotad."""
    api_name: kind.Name
    """For people."""
    method: ApiMethod = "ANY"
    """ANY: every one that no other Api of the same path has."""
    path: ApiPath
    """As the backend is asked for it; {name} stands for one segment, a last /* for whatever follows."""


class ThrottleForm(Section):
    """Requests of all callers together, in one environment of one service, or of one Api there."""

    rate_rps: kind.Rate
    """Requests a second."""
    burst: kind.Rate | None = None
    """Requests at one instant; absent or -1: as many as rateRps."""


class SecretForm(Section):
    """What a key pair is made of."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {
                    "required": ["secretId", "secretKey"],
                    "properties": {"secretId": {"type": "string"}, "secretKey": {"type": "string"}},
                },
                {
                    "properties": {
                        "secretId": {"type": "null"},
                        "secretKey": {"type": "null"},
                        "secondaryKey": {"type": "null"},
                        "secretName": {"pattern": "^[A-Za-z0-9_]{1,50}$"},
                    }
                },
            ]
        }
    )

    secret_name: kind.SecretName
    """1 to 50 characters; a hyphen only in that of a pair that is given."""
    secret_id: kind.SecretId | None = None
    """Absent with secretKey: quotad makes both."""
    secret_key: kind.SecretKey | None = None
    """Absent with secretId: quotad makes both."""
    secondary_key: kind.SecretKey | None = None
    """A second key, as good as the other, of a pair that is given; quotad makes one by a rotation."""
    secret_desc: kind.Description = ""
    """For people."""
    expires_at: kind.Expiry | None = None
    """RFC 3339; absent: never."""


class RotationForm(Section):
    """A new SecretKey."""

    which: Literal["primary", "secondary"] = "primary"
    """primary: secretKey; secondary: secondaryKey, which is made where there was none."""
    secret_key: kind.SecretKey | None = None
    """Absent: made by quotad."""
    overlap_seconds: Annotated[int, Field(ge=0, le=OVERLAP_AT_MOST_S), kind.WHOLE] = 0
    """How long the key in whose place it comes stays valid."""


def _environment(value: object) -> object:
    return _SAID_OTHERWISE.get(value, value) if isinstance(value, str) else value


class EnvironmentForm(Section):
    """One of a service's environments."""

    environment: Annotated[Literal["release", "prepub", "test"], BeforeValidator(_environment)]


def parsed(model: type[_S], given: Mapping[str, Any]) -> _S:
    """The values as a section. Raises OperationError that names the first field and its rule."""
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        document = Document()
        note(error, model, (), document)
        raise _refusal(document) from None


def plan_values(given: Mapping[str, Any]) -> dict[str, Any]:
    """A plan's canonical values, checked, those at their defaults left out. Raises OperationError."""
    plan = parsed(schema.PlanSection, given)
    document = Document()
    plan_checks.plans_mean_something({0: plan}, document)
    if document.problems:
        raise _refusal(document)
    # Sections that stand in it were checked as they came; what was given is already canonical.
    unset = {
        field.alias for name, field in schema.PlanSection.model_fields.items() if _is_default(plan, name)
    }
    return {name: value for name, value in given.items() if name not in unset and value is not None}


def _is_default(plan: schema.PlanSection, name: str) -> bool:
    return bool(getattr(plan, name) == schema.PlanSection.model_fields[name].get_default())


def _refusal(document: Document) -> OperationError:
    problem = document.problems[0]
    path, message = problem.path, problem.message
    if path.startswith("plans[0]."):
        path = path.removeprefix("plans[0].")
    if message == "is required":
        return missing(path)
    if message.startswith("is no field"):
        return OperationError(Reason.UNKNOWN_FIELD, f"{path} {message}", path)
    return invalid(path, message)


def environment(value: object) -> Environment:
    """One of the three, also under the names that people use. Raises OperationError."""
    found = _environment(value)
    for each in ENVIRONMENTS:
        if found == each:
            return each
    raise invalid("environment", f"must be one of {', '.join(ENVIRONMENTS)}")


def new_id(prefix: str) -> str:
    """``service-`` or ``usagePlan-`` and eight random characters."""
    return prefix + "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8))


def new_secret_id() -> str:
    """``AKID`` and 36 random characters."""
    return "AKID" + "".join(secrets.choice(_ALPHANUMERIC) for _ in range(SECRET_ID_LENGTH))


def new_secret_key() -> str:
    """40 characters from the system's source of randomness: 238 bits."""
    return "".join(secrets.choice(_ALPHANUMERIC) for _ in range(SECRET_KEY_LENGTH))
