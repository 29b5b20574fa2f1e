"""The ``/api/v1/usage-plans`` dialect's fields, and what its answers are made of."""

from typing import Any, NamedTuple

from quotad.controlplane.desk import Asker
from quotad.controlplane.dialects.fields import Codes, DialectError, Field, Shown, shape
from quotad.controlplane.replica import Record
from quotad.core.plans import UNLIMITED

CODES = Codes(*["100"] * 6)
"""This dialect has one word for whatever is wrong with a request."""

PAGE_AT_MOST = 1_000
_QUOTA_AT_MOST = 2**53 - 1
_CLASSES = ("2xx", "3xx", "4xx", "5xx", "others")
_READING = "quotad's own reading: no sample has it"

_LIMITS: tuple[Field, ...] = (
    Field(
        "monthQuotaRequest",
        "number",
        canonical="monthQuotaRequest",
        least=0,
        most=_QUOTA_AT_MOST,
        note="together with dayQuotaRequest",
    ),
    Field(
        "dayQuotaRequest",
        "number",
        canonical="dayQuotaRequest",
        least=1,
        most=_QUOTA_AT_MOST,
        note="together with monthQuotaRequest",
    ),
    Field("usagePlanDescription", canonical="usagePlanDesc", most=50),
    Field("rateRps", "number", canonical="rateRps", least=1, most=2**31 - 1),
    Field("quotaCondition", canonical="quotaCondition", options=_CLASSES),
)
_NAME = Field("usagePlanName", canonical="usagePlanName", required=True, least=1, most=45)

PLAN_CREATE: tuple[Field, ...] = (*_LIMITS, _NAME)
PLAN_EDIT: tuple[Field, ...] = PLAN_CREATE
PAGE: tuple[Field, ...] = (
    Field("offset", "number", least=0, most=2**53 - 1, default=0),
    Field(
        "limit",
        "number",
        least=1,
        most=2**53 - 1,
        default=20,
        status="different",
        note=f"at most {PAGE_AT_MOST} are answered",
    ),
)
SEARCH: tuple[Field, ...] = (*PAGE, Field("usagePlanName", most=45, note="contained in the name"))
STAGES: tuple[Field, ...] = (*PAGE, Field("name", most=45, note="contained in the service's name"))
STAGE_PLANS: tuple[Field, ...] = (
    *PAGE,
    Field("stageId", required=True, note="serviceId.environment"),
    Field("associated", options=("true", "false")),
)
PLAN_ID_ONLY: tuple[Field, ...] = (Field("usagePlanId", canonical="usagePlanId", required=True),)


class UsagePlanView(NamedTuple):
    """A plan as one admin sees it."""

    plan: Record
    stages: int
    asker: Asker
    action: str


def _limit(view: UsagePlanView, name: str) -> int | None:
    number: int = view.plan.get(name, UNLIMITED)
    return None if number == UNLIMITED else number


PLAN: tuple[Shown, ...] = (
    Shown("tenantId", lambda _: "quotad", "different", "always quotad"),
    Shown("usagePlanId", lambda view: view.plan["usagePlanId"], "different", "longer than 10 characters"),
    Shown("rateRps", lambda view: _limit(view, "rateRps")),
    Shown("usagePlanName", lambda view: view.plan["usagePlanName"]),
    Shown("usagePlanDescription", lambda view: view.plan.get("usagePlanDesc", "")),
    Shown("dayQuotaRequest", lambda view: _limit(view, "dayQuotaRequest")),
    Shown("quotaCondition", lambda view: _condition(view.plan), "different", "several joined by commas"),
    Shown("monthQuotaRequest", lambda view: _limit(view, "monthQuotaRequest")),
    Shown("domainCode", lambda _: "PUB", "different", "always PUB"),
    Shown("associatedStagesCount", lambda view: view.stages),
    Shown("modifier", lambda view: view.plan["modifier"], "different", f"who changed it last; {_READING}"),
    Shown(
        "disabled",
        lambda view: view.plan.get("disabled", False),
        "different",
        f"true: its callers get 403; {_READING}",
    ),
    Shown("permission", lambda view: view.asker.role, "different", f"the asker's role; {_READING}"),
    Shown("actionName", lambda view: view.action, "different", f"the operation; {_READING}"),
)
_BRIEF = frozenset(
    {
        "domainCode",
        "usagePlanId",
        "associatedStagesCount",
        "disabled",
        "permission",
        "usagePlanName",
        "actionName",
    }
)


def shown(view: UsagePlanView) -> dict[str, Any]:
    """A plan's object; a limit that is not set is left out."""
    return {name: value for name, value in shape(PLAN, view).items() if value is not None}


def brief(view: UsagePlanView) -> dict[str, Any]:
    """A plan in the list of a stage."""
    return {name: value for name, value in shown(view).items() if name in _BRIEF}


def limits_of(plan: Record) -> dict[str, Any]:
    """A plan's limits alone, beside the list of its stages."""
    view = UsagePlanView(plan, 0, Asker(""), "")
    wanted = ("domainCode", "monthQuotaRequest", "dayQuotaRequest", "rateRps", "quotaCondition")
    return {name: value for name, value in shown(view).items() if name in wanted}


def default_of(plan: Record) -> dict[str, Any]:
    """The limits of a stage's default plan."""
    return {name: value for name, value in limits_of(plan).items() if name != "domainCode"}


def check_pair(values: dict[str, Any]) -> None:
    """The quotas of a day and a month go together. Raises DialectError."""
    if ("dayQuotaRequest" in values) != ("monthQuotaRequest" in values):
        absent = "monthQuotaRequest" if "dayQuotaRequest" in values else "dayQuotaRequest"
        raise DialectError("100", f"{absent} is required when the other quota is given.")


def _condition(plan: Record) -> str | None:
    found = plan.get("quotaCondition")
    if found is None:
        return None
    return found if isinstance(found, str) else ",".join(found)
