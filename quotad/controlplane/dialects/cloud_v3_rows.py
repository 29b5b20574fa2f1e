"""What Cloud API 3.0 answers, object by object: a row for each field."""

from typing import NamedTuple

from quotad.controlplane.dialects.fields import Shown, shape, through
from quotad.controlplane.replica import Page, Reach, Record, Replica, SecretRow
from quotad.core.plans import ENVIRONMENTS, UNLIMITED
from quotad.core.usage_rows import stamp

BOUND_SHOWN = 1_000
"""Secrets and environments that one plan's answer names; the total counts beside them count all."""

RATE_AT_MOST = 2**31 - 1

_NO_TAGS = "quotad keeps no tags; the list is empty"
_WHOLE = "empty where the plan holds for a whole environment"
_NO_PLACE = "empty: where a service is called is said by routes, which this part does not know"


class PlanView(NamedTuple):
    """A plan and what is bound to it."""

    plan: Record
    secret_ids: list[str]
    secret_count: int
    reaches: list[Reach]


class KeyView(NamedTuple):
    """A Secret, and what is told of its key. Times are microseconds since the epoch."""

    secret_id: str
    key: str
    type: str
    secret_name: str
    modified: int
    enabled: bool
    created: int


class ServiceView(NamedTuple):
    """A service, and the plans that are bound to it."""

    service: Record
    plans: list[tuple[Record, Reach]]


def enforcing(
    replica: Replica, *, plan_id: str = "", service_id: str = "", single: bool = False
) -> list[Reach]:
    """Where plans are bound, without shadow plans: this dialect has no word for them.

    To whole environments, or with ``single`` to single Apis.
    """
    _, found = replica.reaches(plan_id, service_id)
    return [reach for reach in found if not reach.shadow and bool(reach.api_id) == single]


def by_environment(replica: Replica, *, plan_id: str = "", service_id: str = "") -> list[Reach]:
    """The same of both kinds, each plan and environment once."""
    found = [
        reach
        for single in (False, True)
        for reach in enforcing(replica, plan_id=plan_id, service_id=service_id, single=single)
    ]
    places = {(each.usage_plan_id, each.service_id, each.environment): each for each in reversed(found)}
    return [each for each in found if each in places.values()]


def plan_view(replica: Replica, plan_id: str, plan: Record) -> PlanView:
    """A plan with its bindings."""
    count, holders = replica.holders(plan_id, Page(BOUND_SHOWN))
    ids = [holder.secret_id for holder in holders]
    return PlanView(plan, ids, count, by_environment(replica, plan_id=plan_id))


def key_of(row: SecretRow, key: str) -> KeyView:
    """A Secret of a list."""
    return KeyView(row.secret_id, key, row.type, row.secret_name, row.modified, row.enabled, row.created)


def key_made(record: Record) -> KeyView:
    """What a change has answered, with its new key: read again it might be gone, and the key lost."""
    names = ("secretId", "secretKey", "type", "secretName", "modified", "enabled", "created")
    return KeyView(*(record[name] for name in names))


def service_view(replica: Replica, service: Record) -> ServiceView:
    """A service with its plans."""
    bound = []
    for reach in by_environment(replica, service_id=service["serviceId"]):
        plan = replica.plan(reach.usage_plan_id)
        if plan is not None:
            bound.append((plan, reach))
    return ServiceView(service, bound)


def rate_of(throttle: Record | None) -> int:
    """What a throttle admits a second; -1 without one."""
    return UNLIMITED if throttle is None else int(throttle["rateRps"])


def published(service: Record) -> list[str]:
    """The environments that can be called."""
    return [each for each in ENVIRONMENTS if service["environments"][each]["published"]]


_PLAN: tuple[Shown, ...] = (
    Shown("UsagePlanId", lambda plan: plan["usagePlanId"]),
    Shown("UsagePlanName", lambda plan: plan["usagePlanName"]),
    Shown("UsagePlanDesc", lambda plan: plan.get("usagePlanDesc", "")),
    Shown("MaxRequestNumPreSec", lambda plan: plan.get("rateRps", UNLIMITED)),
    Shown(
        "MaxRequestNum",
        lambda plan: plan.get("maxRequestNum", UNLIMITED),
        "different",
        "-1 where there is no limit, also in a plan's own answer, where the samples have null",
    ),
    Shown("CreatedTime", lambda plan: stamp(plan["created"])),
    Shown("ModifiedTime", lambda plan: stamp(plan["modified"])),
)
_TAGS = Shown("Tags", lambda _: [], "not done", _NO_TAGS)

PLAN_STATUS: tuple[Shown, ...] = (*_PLAN, _TAGS)

PLAN_INFO: tuple[Shown, ...] = (
    *through(lambda view: view.plan, _PLAN),
    Shown("BindSecretIdTotalCount", lambda view: view.secret_count),
    Shown("BindSecretIds", lambda view: view.secret_ids, "different", f"the first {BOUND_SHOWN}"),
    Shown("BindEnvironmentTotalCount", lambda view: len(view.reaches)),
    Shown(
        "BindEnvironments",
        lambda view: [
            {"EnvironmentName": reach.environment, "ServiceId": reach.service_id}
            for reach in view.reaches[:BOUND_SHOWN]
        ],
        "different",
        f"the first {BOUND_SHOWN}; shadow plans are left out",
    ),
    _TAGS,
)


_PLACE: tuple[Shown, ...] = (
    Shown("ServiceId", lambda row: row.reach.service_id),
    Shown("ServiceName", lambda row: row.service_name),
    Shown("ApiId", lambda row: row.reach.api_id, note=_WHOLE),
    Shown("ApiName", lambda row: row.api.get("apiName", ""), note=_WHOLE),
    Shown("Path", lambda row: row.api.get("path", ""), note=_WHOLE),
    Shown("Method", lambda row: row.api.get("method", ""), note=_WHOLE),
    Shown("Environment", lambda row: row.reach.environment),
    Shown("InUseRequestNum", lambda row: row.in_use),
)
_OF_PLAN = through(lambda row: row.plan, _PLAN)
PLAN_ENVIRONMENT: tuple[Shown, ...] = (
    *_PLACE,
    *(row for row in _OF_PLAN if not row.name.startswith("UsagePlan")),
)
SERVICE_PLAN: tuple[Shown, ...] = (*_PLACE, *_OF_PLAN, _TAGS)

BOUND_SECRET: tuple[Shown, ...] = (
    Shown("AccessKeyId", lambda row: row.secret_id),
    Shown("SecretName", lambda row: row.secret_name),
    Shown("Status", lambda row: int(row.enabled)),
)

API_KEY: tuple[Shown, ...] = (
    Shown("AccessKeyId", lambda view: view.secret_id),
    Shown(
        "AccessKeySecret",
        lambda view: view.key,
        "different",
        "in clear only at creation, after a change, and in DescribeApiKey for the role admin; else, and"
        " whenever it stands in a file, ******",
    ),
    Shown("AccessKeyType", lambda view: view.type),
    Shown("SecretName", lambda view: view.secret_name),
    Shown("ModifiedTime", lambda view: stamp(view.modified)),
    Shown("Status", lambda view: int(view.enabled)),
    Shown("CreatedTime", lambda view: stamp(view.created)),
    _TAGS,
)

_SERVICE: tuple[Shown, ...] = (
    Shown("ServiceId", lambda view: view.service["serviceId"]),
    Shown("AvailableEnvironments", lambda view: published(view.service)),
    Shown("ServiceName", lambda view: view.service["serviceName"]),
    Shown("ServiceDesc", lambda view: view.service["serviceDesc"]),
    Shown("Protocol", lambda _: "http&https", "different", "always http&https: the listener decides"),
    Shown("CreatedTime", lambda view: stamp(view.service["created"])),
    Shown("ModifiedTime", lambda view: stamp(view.service["modified"])),
    Shown("NetTypes", lambda _: ["OUTER"], "different", "always OUTER: the listener decides"),
    Shown("OuterSubDomain", lambda _: "", "not done", _NO_PLACE),
    Shown("IpVersion", lambda _: "IPv4", "different", "always IPv4: the listener decides"),
    _TAGS,
)
SERVICE_STATUS: tuple[Shown, ...] = (*_SERVICE, Shown("InnerSubDomain", lambda _: "", "not done", _NO_PLACE))

API_STATUS: tuple[Shown, ...] = (
    Shown("ApiId", lambda api: api["apiId"]),
    Shown("ApiName", lambda api: api["apiName"]),
    Shown("Path", lambda api: api["path"]),
    Shown("Method", lambda api: api["method"]),
)
USAGE_PLAN: tuple[Shown, ...] = (
    Shown("Environment", lambda each: each[1].environment),
    *through(lambda each: each[0], [row for row in _PLAN if row.name != "MaxRequestNum"]),
)
SERVICE_WHOLE: tuple[Shown, ...] = (
    *_SERVICE,
    Shown("InternalSubDomain", lambda _: "", "not done", _NO_PLACE),
    Shown("ApiTotalCount", lambda view: len(view.service.get("apis") or ())),
    Shown(
        "ApiIdStatusSet",
        lambda view: [
            {**shape(API_STATUS, api), "ServiceId": view.service["serviceId"]}
            for api in view.service.get("apis") or ()
        ],
        "different",
        "of each ServiceId, ApiId, ApiName, Path, Method",
    ),
    Shown("UsagePlanTotalCount", lambda view: len(view.plans)),
    Shown("UsagePlanList", lambda view: [shape(USAGE_PLAN, each) for each in view.plans]),
)
SERVICE_CREATED: tuple[Shown, ...] = (
    *(
        row
        for row in SERVICE_STATUS
        if row.name
        in (
            "ServiceId",
            "ServiceName",
            "ServiceDesc",
            "OuterSubDomain",
            "InnerSubDomain",
            "CreatedTime",
            "NetTypes",
            "IpVersion",
        )
    ),
)

ENVIRONMENT: tuple[Shown, ...] = (
    Shown("EnvironmentName", lambda each: each[0]),
    Shown("Url", lambda _: "", "not done", _NO_PLACE),
    Shown("Status", lambda each: int(each[1]["published"])),
    Shown("VersionName", lambda each: each[1]["versionName"]),
)
STRATEGY: tuple[Shown, ...] = (
    *ENVIRONMENT,
    Shown(
        "Strategy",
        lambda each: rate_of(each[1]["throttle"]),
        "different",
        "-1 where the environment has no throttle",
    ),
    Shown("MaxStrategy", lambda _: RATE_AT_MOST, "different", "quotad's own bound"),
)

API_STRATEGY: tuple[Shown, ...] = (
    *through(lambda each: each[0], API_STATUS),
    Shown(
        "EnvironmentStrategySet",
        lambda each: [
            {"EnvironmentName": name, "Quota": rate_of((each[0].get("throttles") or {}).get(name))}
            for name in each[1]
        ],
        "different",
        "of each environment EnvironmentName and Quota, which is -1 where the Api has no throttle",
    ),
)
