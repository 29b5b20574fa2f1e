"""What the native routes answer: closed shapes, and records put into them. No shape has a sealed key."""

from typing import Any, Literal

from quotad.config.schema import LeaseSection, PlanSection
from quotad.config.section import Section
from quotad.controlplane.desk import rfc3339
from quotad.controlplane.replica import Reach, Record, Replica, SecretRow
from quotad.core.plans import ENVIRONMENTS, UNLIMITED

EnvironmentName = Literal["release", "prepub", "test"]


class Problem(Section):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    """Stays the same where the words may change."""
    detail: str
    message: str
    """The same as detail."""
    field: str = ""
    """The name of what is wrong, if it is one field."""
    request_id: str


class Listed(Section):
    """A part of a list."""

    total_count: int
    """After the filters, before the page."""
    limit: int
    offset: int


class Throttle(Section):
    """A bound on all callers of an environment together, or of one Api there."""

    rate_rps: int
    burst: int


class EnvironmentState(Section):
    """One environment of a service."""

    environment: EnvironmentName
    published: bool
    released: str | None
    version_name: str
    release_desc: str
    throttle: Throttle | None
    default_plan: str | None


class ApiEnvironment(Section):
    """What holds for the callers of an Api in one environment."""

    environment: EnvironmentName
    throttle: Throttle | None


class Api(Section):
    """One operation of a service."""

    api_id: str
    api_name: str
    method: Literal["ANY", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    path: str
    environments: list[ApiEnvironment]


class ApiList(Listed):
    """Some Apis of a service."""

    apis: list[Api]


class Service(Section):
    """A service."""

    service_id: str
    service_name: str
    service_desc: str
    created: str
    modified: str
    environments: list[EnvironmentState]
    api_count: int
    """The Apis themselves are a list of their own."""


class ServiceList(Listed):
    """Some services."""

    services: list[Service]


class OpenBudget(Section):
    """How much is admitted without the store."""

    budget: int


class OpenPolicy(Section):
    """Admit without the store, up to a budget."""

    open: OpenBudget


class LocalUnits(Section):
    """How much is held ahead."""

    units: int


class LocalPolicy(Section):
    """Spend what the store debited beforehand."""

    local: LocalUnits


class Lease(Section):
    """Units that a sidecar takes ahead."""

    max: int
    ttl_ms: int


class SoftQuotas(Section):
    """Quotas that deny nobody."""

    allow: list[Literal["day", "month", "total"]]


class BoundEnvironment(Section):
    """Where a plan is bound."""

    service_id: str
    environment: EnvironmentName
    shadow: bool
    bound: str
    api_id: str = ""
    """The one Api for which it holds; absent: the whole environment."""


class Plan(Section):
    """A usage plan, with the defaults of what was not given."""

    usage_plan_id: str
    usage_plan_name: str
    usage_plan_desc: str
    rate_rps: int
    burst: int
    """-1: as many as rateRps."""
    day_quota_request: int
    month_quota_request: int
    max_request_num: int
    quota_condition: list[Literal["2xx", "3xx", "4xx", "5xx", "others"]]
    on_breach: Literal["deny", "allow"] | SoftQuotas
    """Beyond a quota: deny, or allow and count it as overage."""
    scope: Literal["plan", "secret"]
    """plan: its Secrets share one quota; secret: each has its own."""
    timezone: str
    month_anchor_day: int
    first_period_offset: int
    starts_on: str | None
    lease: Lease | None
    on_store_failure: Literal["closed"] | OpenPolicy | LocalPolicy
    on_crash: Literal["charge", "release"]
    disabled: bool
    version: int
    """Grows with each change of what it says."""
    created: str
    modified: str
    modifier: str
    """Who changed it last."""
    secret_count: int
    environments: list[BoundEnvironment]


class PlanList(Listed):
    """Some plans."""

    plans: list[Plan]


class Secret(Section):
    """A key pair without its key."""

    secret_id: str
    secret_name: str
    secret_desc: str
    type: Literal["auto", "manual"]
    enabled: bool
    expires_at: str | None
    previous_until: str | None
    """Until when what secretKey was before its last rotation is good."""
    has_secondary_key: bool
    """Whether there is a second key, as good as the other."""
    secondary_previous_until: str | None
    """Until when what secondaryKey was before its last rotation is good."""
    created: str
    modified: str
    usage_plan_ids: list[str]


class SecretList(Listed):
    """Some key pairs."""

    secrets: list[Secret]


class NewSecret(Secret):
    """A key pair with its key: keep it now, it is not shown again unasked."""

    secret_key: str
    secondary_key: str = ""
    """Absent where there is none."""


class RotatedSecret(Secret):
    """A key pair with the key that is new: keep it now, it is not shown again unasked."""

    secret_key: str = ""
    """Absent where the other one was rotated."""
    secondary_key: str = ""


class NewSecrets(Section):
    """Several of them."""

    secrets: list[NewSecret]


class Revealed(Section):
    """Keys in clear."""

    secret_id: str
    secret_key: str
    secondary_key: str = ""
    """Absent where there is none."""


class SecretBinding(Section):
    """A plan and a Secret."""

    usage_plan_id: str
    secret_id: str
    secret_name: str
    bound: str


class SecretBindingList(Listed):
    """Some of them."""

    bindings: list[SecretBinding]


class EnvironmentBinding(Section):
    """A plan and an environment."""

    usage_plan_id: str
    service_id: str
    environment: EnvironmentName
    shadow: bool
    bound: str
    api_id: str = ""
    """The one Api for which it holds; absent: the whole environment."""


class Demoted(Section):
    """What was demoted."""

    usage_plan_ids: list[str]
    """Now bound to each Api of the service."""


class EnvironmentBindingList(Listed):
    """Some of them."""

    bindings: list[EnvironmentBinding]


_PLAN_DEFAULTS: dict[str, Any] = {
    str(of.alias): of.get_default()
    for name, of in PlanSection.model_fields.items()
    if name not in ("usage_plan_id", "usage_plan_name")
}
_LEASE_MS = LeaseSection.model_fields["ttl_ms"].get_default()


def service(record: Record) -> dict[str, Any]:
    """See ``Service``."""
    return {
        "serviceId": record["serviceId"],
        "serviceName": record["serviceName"],
        "serviceDesc": record["serviceDesc"],
        "created": rfc3339(record["created"]),
        "modified": rfc3339(record["modified"]),
        "environments": [_environment(name, record["environments"][name]) for name in ENVIRONMENTS],
        "apiCount": len(record.get("apis") or ()),
    }


def api(record: Record) -> dict[str, Any]:
    """See ``Api``."""
    throttles = record.get("throttles") or {}
    return {
        **{name: record[name] for name in ("apiId", "apiName", "method", "path")},
        "environments": [{"environment": name, "throttle": throttles.get(name)} for name in ENVIRONMENTS],
    }


def _environment(name: str, state: Record) -> dict[str, Any]:
    return {
        "environment": name,
        "published": state["published"],
        "released": time_of(state["released"]),
        "versionName": state["versionName"],
        "releaseDesc": state["releaseDesc"],
        "throttle": state["throttle"],
        "defaultPlan": state["defaultPlan"],
    }


def plan(record: Record, secret_count: int) -> dict[str, Any]:
    """See ``Plan``."""
    said = {name: record.get(name, default) for name, default in _PLAN_DEFAULTS.items()}
    conditions, lease = said["quotaCondition"] or [], said["lease"]
    return {
        "usagePlanId": record["usagePlanId"],
        "usagePlanName": record["usagePlanName"],
        **said,
        "burst": UNLIMITED if said["burst"] is None else said["burst"],
        "quotaCondition": conditions.split(",") if isinstance(conditions, str) else conditions,
        "firstPeriodOffset": said["firstPeriodOffset"] or 0,
        "lease": None if lease is None else {"max": lease["max"], "ttlMs": lease.get("ttlMs", _LEASE_MS)},
        "onStoreFailure": record.get("onStoreFailure", "closed"),
        "onBreach": record.get("onBreach", "deny"),
        "version": record["version"],
        "created": rfc3339(record["created"]),
        "modified": rfc3339(record["modified"]),
        "modifier": record["modifier"],
        "secretCount": secret_count,
        "environments": [{**each, "bound": rfc3339(each["bound"])} for each in record["environments"]],
    }


def secret(row: SecretRow, replica: Replica) -> dict[str, Any]:
    """See ``Secret``."""
    return {
        "secretId": row.secret_id,
        "secretName": row.secret_name,
        "secretDesc": row.secret_desc,
        "type": row.type,
        "enabled": row.enabled,
        "expiresAt": time_of(row.expires_at),
        "previousUntil": time_of(row.previous_until),
        "hasSecondaryKey": row.has_secondary,
        "secondaryPreviousUntil": time_of(row.secondary_until),
        "created": rfc3339(row.created),
        "modified": rfc3339(row.modified),
        "usagePlanIds": list(replica.plans_of(row.secret_id)),
    }


def reach(found: Reach) -> dict[str, Any]:
    """See ``EnvironmentBinding``."""
    return {
        "usagePlanId": found.usage_plan_id,
        "serviceId": found.service_id,
        "environment": found.environment,
        "shadow": found.shadow,
        "bound": rfc3339(found.bound),
        **({"apiId": found.api_id} if found.api_id else {}),
    }


def time_of(time_us: int | None) -> str | None:
    """An instant that there may be."""
    return None if time_us is None else rfc3339(time_us)
