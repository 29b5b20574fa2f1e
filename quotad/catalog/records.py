"""Control records (plain JSON, camelCase) and what ``core`` knows, both ways.

Times in records are microseconds since the epoch. A field that is absent has its default. What this
version cannot make sense of is refused whole: a plan that was half understood would enforce something
else than was meant.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

from quotad.catalog.vault import (
    SECONDARY_FIELD,
    UNTIL_FIELDS,
    Vault,
    VaultError,
)
from quotad.core.api_paths import METHODS, pattern_of
from quotad.core.plans import (
    ENVIRONMENTS,
    QUOTA_WINDOWS,
    UNLIMITED,
    Api,
    Environment,
    EnvironmentRule,
    LeaseRule,
    QuotaWindow,
    Secret,
    Service,
    StoreFailurePolicy,
    UsagePlan,
)
from quotad.errors import QuotadError

Record = Mapping[str, Any]

_US = 1_000_000
_CLASSES = frozenset(("2xx", "3xx", "4xx", "5xx", "others"))
_CHOICES: dict[str, tuple[str, ...]] = {"scope": ("plan", "secret"), "onCrash": ("charge", "release")}


class RecordError(QuotadError):
    """A record that this version cannot read; the text names it and holds no key."""


class BoundAt(NamedTuple):
    """A place where a plan is bound."""

    service_id: str
    environment: Environment
    shadow: bool
    """Whether it is a shadow plan there."""
    api_id: str = ""
    """Empty: the whole environment."""


class BoundPlan(NamedTuple):
    """A plan, and where it is bound."""

    plan: UsagePlan
    places: tuple[BoundAt, ...]


def service_of(record: Record) -> Service:
    """Raises RecordError."""
    try:
        environments, version = record["environments"], _whole(record, "modified", 0) // 1000
        return Service(
            str(record["serviceId"]),
            str(record["serviceName"]),
            str(record.get("serviceDesc", "")),
            tuple(name for name in ENVIRONMENTS if environments.get(name, {}).get("published") is True),
            tuple(_rules(environments, version)),
            tuple(_api(said, version) for said in record.get("apis") or ()),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _unreadable("service", record.get("serviceId"), error) from None


def plan_of(record: Record, *, journal: bool = True) -> BoundPlan:
    """Raises RecordError.

    ``journal``: whether this process can write down what it admits without the store. If not, a plan
    that says ``open`` is ``closed`` here: what is admitted must be counted.
    """
    try:
        places = tuple(
            BoundAt(
                str(at["serviceId"]),
                _environment(at["environment"]),
                at.get("shadow") is True,
                str(at.get("apiId") or ""),
            )
            for at in record.get("environments", ())
        )
        return BoundPlan(_plan(record, journal), places)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _unreadable("plan", record.get("usagePlanId"), error) from None


def secret_of(record: Record, vault: Vault | None) -> tuple[Secret, frozenset[str]]:
    """A Secret, and the plans that it has. Raises RecordError.

    ``vault`` None: this process has no use for keys, and the Secret has none: it proves nobody.
    """
    try:
        secret_id, plans = record["secretId"], record.get("plans", {})
        if type(secret_id) is not str or type(plans) is not dict:
            raise TypeError
        expires_us, secondary = record.get("expiresAt"), record.get(SECONDARY_FIELD)
        secret = Secret(
            str(record["secretName"]),
            secret_id,
            b"" if vault is None else vault.open(secret_id, record["secretKey"]),
            record.get("enabled", True) is True,
            None if expires_us is None else expires_us / _US,
            vault.open(secret_id, secondary, SECONDARY_FIELD) if secondary and vault is not None else b"",
            () if vault is None else _previous_keys(secret_id, record, vault),
        )
        return secret, frozenset(plans)
    except (KeyError, TypeError, AttributeError, ValueError, VaultError) as error:
        raise _unreadable("secret", record.get("secretId"), error) from None


def _previous_keys(secret_id: str, record: Record, vault: Vault) -> tuple[tuple[bytes, float], ...]:
    return tuple(
        (vault.open(secret_id, record[name], name), (record.get(until) or 0) / _US)
        for name, until in UNTIL_FIELDS.items()
        if record.get(name)
    )


def _api(said: Record, version: int) -> Api:
    if said["method"] not in METHODS:
        raise ValueError("method")
    pattern_of(said["path"])
    throttles = said.get("throttles") or {}
    rules = tuple(
        _throttled(name, throttles[name], version) for name in ENVIRONMENTS if throttles.get(name) is not None
    )
    return Api(str(said["apiId"]), str(said["apiName"]), str(said["method"]), str(said["path"]), rules)


def plan_fields(plan: UsagePlan) -> dict[str, Any]:
    """A plan's fields as a record (and a file) has them; what has its default is left out."""
    policy, lease = plan.on_store_failure, plan.lease
    said: dict[str, Any] = {
        "usagePlanId": plan.usage_plan_id,
        "usagePlanName": plan.usage_plan_name,
        "usagePlanDesc": plan.usage_plan_desc,
    }
    numbers = {
        "rateRps": plan.rate_rps,
        "burst": plan.burst if plan.burst != plan.rate_rps else UNLIMITED,
        "dayQuotaRequest": plan.day_quota_request,
        "monthQuotaRequest": plan.month_quota_request,
        "maxRequestNum": plan.max_request_num,
    }
    said |= {name: number for name, number in numbers.items() if number != UNLIMITED}
    others: dict[str, tuple[Any, Any]] = {
        "quotaCondition": (sorted(plan.quota_condition), []),
        "onBreach": (_breach_said(plan.soft_quotas), "deny"),
        "scope": (plan.scope, "plan"),
        "timezone": (plan.timezone, "UTC"),
        "monthAnchorDay": (plan.month_anchor_day, 1),
        "firstPeriodOffset": (plan.first_period_offset, 0),
        "startsOn": (None if plan.starts_on is None else plan.starts_on.isoformat(), None),
        "lease": (None if lease is None else {"max": lease.max_units, "ttlMs": lease.ttl_ms}, None),
        "onStoreFailure": (_policy_said(policy), "closed"),
        "onCrash": (plan.on_crash, "charge"),
        "disabled": (plan.disabled, False),
        "version": (plan.version, 0),
    }
    return said | {name: value for name, (value, default) in others.items() if value != default}


def _rules(environments: Record, version: int) -> Iterator[EnvironmentRule]:
    """``version``: of the record, which grows with each change of it."""
    for name in ENVIRONMENTS:
        place = environments.get(name, {})
        throttle, default = place.get("throttle"), str(place.get("defaultPlan") or "")
        if throttle is not None:
            yield _throttled(name, throttle, version, default)
        elif default:
            yield EnvironmentRule(name, default_plan_id=default)


def _throttled(name: Environment, throttle: Record, version: int, default: str = "") -> EnvironmentRule:
    rate = _whole(throttle, "rateRps", UNLIMITED)
    burst = _whole(throttle, "burst", UNLIMITED)
    return EnvironmentRule(name, rate, rate if burst == UNLIMITED else burst, version, default)


def _plan(record: Record, journal: bool) -> UsagePlan:
    rate = _whole(record, "rateRps", UNLIMITED)
    burst = _whole(record, "burst", UNLIMITED)
    conditions = record.get("quotaCondition") or ()
    conditions = frozenset(conditions.split(",") if isinstance(conditions, str) else conditions)
    if conditions - _CLASSES:
        raise ValueError("quotaCondition")
    lease, starts_on = record.get("lease"), record.get("startsOn")
    return UsagePlan(
        usage_plan_id=str(record["usagePlanId"]),
        usage_plan_name=str(record["usagePlanName"]),
        usage_plan_desc=str(record.get("usagePlanDesc", "")),
        rate_rps=rate,
        burst=rate if burst == UNLIMITED else burst,
        day_quota_request=_whole(record, "dayQuotaRequest", UNLIMITED),
        month_quota_request=_whole(record, "monthQuotaRequest", UNLIMITED),
        max_request_num=_whole(record, "maxRequestNum", UNLIMITED),
        quota_condition=conditions,
        soft_quotas=_breach(record.get("onBreach", "deny")),
        scope=_choice(record, "scope"),
        timezone=str(record.get("timezone", "UTC")),
        month_anchor_day=_whole(record, "monthAnchorDay", 1),
        on_store_failure=_policy(record.get("onStoreFailure", "closed"), journal),
        on_crash=_choice(record, "onCrash"),
        lease=None if lease is None else LeaseRule(_whole(lease, "max", 0), _whole(lease, "ttlMs", 1_000)),
        first_period_offset=_whole(record, "firstPeriodOffset", 0),
        starts_on=None if starts_on is None else date.fromisoformat(starts_on),
        disabled=record.get("disabled", False) is True,
        version=_whole(record, "version", 0),
    )


def _breach(said: object) -> frozenset[QuotaWindow]:
    if said in ("deny", "allow"):
        return frozenset(QUOTA_WINDOWS if said == "allow" else ())
    names = said["allow"] if isinstance(said, Mapping) and said.keys() == {"allow"} else ()
    if not isinstance(names, list) or not names or any(name not in QUOTA_WINDOWS for name in names):
        raise ValueError("onBreach")
    return frozenset(names)


def _breach_said(soft: frozenset[QuotaWindow]) -> Any:
    if len(soft) in (0, len(QUOTA_WINDOWS)):
        return "allow" if soft else "deny"
    return {"allow": [name for name in QUOTA_WINDOWS if name in soft]}


def _policy(said: object, journal: bool) -> StoreFailurePolicy:
    if said == "closed":
        return StoreFailurePolicy()
    if isinstance(said, Mapping) and said.keys() == {"open"}:
        if not journal:
            return StoreFailurePolicy()
        return StoreFailurePolicy("open", budget=_whole(said["open"], "budget", 0))
    if isinstance(said, Mapping) and said.keys() == {"local"}:
        return StoreFailurePolicy("local", units=_whole(said["local"], "units", 0))
    raise ValueError("onStoreFailure")


def _policy_said(policy: StoreFailurePolicy) -> Any:
    if policy.mode == "open":
        return {"open": {"budget": policy.budget}}
    return {"local": {"units": policy.units}} if policy.mode == "local" else "closed"


def _whole(record: Record, name: str, default: int) -> int:
    value = record.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not -(2**53) < value < 2**53:
        raise ValueError(name)
    return value


def _choice(record: Record, name: str) -> Any:
    choices = _CHOICES[name]
    value = record.get(name, choices[0])
    if value not in choices:
        raise ValueError(name)
    return value


def _environment(name: object) -> Environment:
    for environment in ENVIRONMENTS:
        if environment == name:
            return environment
    raise ValueError("environment")


def _unreadable(kind: str, record_id: object, error: Exception) -> RecordError:
    # A KeyError's or ValueError's text is a field's name; a TypeError's could be anything.
    why = str(error) if isinstance(error, VaultError) else type(error).__name__
    if isinstance(error, KeyError | ValueError):
        why = f"{why}: {error}"
    return RecordError(f"{kind} {record_id!s:.80} cannot be read: {why}")
