"""Cloud API 3.0: services and their environments."""

from typing import Any

from quotad.controlplane.dialects import cloud_v3_rows as rows
from quotad.controlplane.dialects.cloud_v3_call import (
    PAGING,
    SERVICE_ID,
    TAGS,
    Action,
    Call,
    environment,
    environments,
    filters,
)
from quotad.controlplane.dialects.cloud_v3_filters import SERVICE_FILTERS, services_where
from quotad.controlplane.dialects.fields import Field, Shown, shape
from quotad.controlplane.refusal import no_service
from quotad.controlplane.services import RELEASE_DESC_LENGTH
from quotad.core.plans import ENVIRONMENTS, UNLIMITED

_NOT_KEPT = "checked, not kept: the listener decides"
_RESERVED = "taken and not looked at: reserved by the cloud"
_OWN_CLUSTER = "there are no instances and no private networks here"
_PROTOCOLS = ("http", "https", "http&https")

_DESC = Field("ServiceDesc", canonical="serviceDesc", most=200)
_NET_TYPES = Field(
    "NetTypes", "texts", most=2, options=("INNER", "OUTER"), status="different", note=_NOT_KEPT
)
_VPC = Field("UniqVpcId", status="not done", note=_OWN_CLUSTER)
_API_IDS = Field("ApiIds", "texts", status="different", note=_RESERVED)
_CREATE: tuple[Field, ...] = (
    Field("ServiceName", canonical="serviceName", required=True, least=1, most=50),
    Field("Protocol", required=True, options=_PROTOCOLS, status="different", note=_NOT_KEPT),
    _DESC,
    _NET_TYPES,
    Field("IpVersion", options=("IPv4", "IPv6"), status="different", note=_NOT_KEPT),
    Field("SetServerName", status="different", note=_RESERVED),
    Field("AppIdType", status="different", note=_RESERVED),
    TAGS,
    Field("InstanceId", status="not done", note=_OWN_CLUSTER),
    _VPC,
)
_MODIFY: tuple[Field, ...] = (
    SERVICE_ID,
    Field("ServiceName", canonical="serviceName", most=50),
    _DESC,
    Field("Protocol", options=_PROTOCOLS, status="different", note=_NOT_KEPT),
    _NET_TYPES,
    _VPC,
)
_STRATEGY = Field("Strategy", "number", required=True, least=1, most=rows.RATE_AT_MOST, also=UNLIMITED)
_RELEASE: tuple[Shown, ...] = (
    Shown("ReleaseDesc", lambda place: place["releaseDesc"]),
    Shown("ReleaseVersion", lambda place: place["versionName"]),
)


async def _create(call: Call) -> dict[str, Any]:
    record = await call.operations.create_service(call.asker, call.record)
    return shape(rows.SERVICE_CREATED, rows.ServiceView(record, []))


async def _modify(call: Call) -> dict[str, Any]:
    await call.operations.modify_service(call.asker, call.record["serviceId"], call.record)
    return {}


async def _delete(call: Call) -> bool:
    await call.operations.delete_service(call.asker, call.record["serviceId"])
    return True


async def _describe(call: Call) -> dict[str, Any]:
    service_id = call.record["serviceId"]
    replica = await call.operations.records()
    service = replica.service(service_id)
    if service is None:
        raise no_service(service_id)
    return shape(rows.SERVICE_WHOLE, rows.service_view(replica, service))


async def _list(call: Call) -> dict[str, Any]:
    where = services_where(call.values.get("Filters", []))
    total, found = await call.operations.services(where, call.page)
    shown = [shape(rows.SERVICE_STATUS, rows.ServiceView(each, [])) for each in found]
    return {"TotalCount": total, "ServiceSet": shown}


async def _release(call: Call) -> dict[str, Any]:
    service_id, place = call.record["serviceId"], call.values["EnvironmentName"]
    record = await call.operations.publish(call.asker, service_id, place, call.values["ReleaseDesc"])
    return shape(_RELEASE, record["environments"][place])


async def _unrelease(call: Call) -> bool:
    await call.operations.unpublish(call.asker, call.record["serviceId"], call.values["EnvironmentName"])
    return True


async def _throttle(call: Call) -> bool:
    places = call.values["EnvironmentNames"]
    await call.operations.set_throttle(call.asker, call.record["serviceId"], places, _given(call))
    return True


def _given(call: Call) -> dict[str, int] | None:
    rate = call.values["Strategy"]
    return None if rate == UNLIMITED else {"rateRps": rate}


async def _api_throttle(call: Call) -> bool:
    api_ids, place = call.values["ApiIds"], call.values["EnvironmentName"]
    await call.operations.set_api_throttle(call.asker, call.record["serviceId"], api_ids, place, _given(call))
    return True


async def _api_strategies(call: Call) -> dict[str, Any]:
    service_id, api_id = call.record["serviceId"], call.values.get("ApiId")
    if api_id:
        found = [await call.operations.api(service_id, api_id)]
    else:
        found = await call.operations.apis(service_id)
    named, page = call.values.get("EnvironmentNames") or ENVIRONMENTS, call.page
    places = [each for each in ENVIRONMENTS if each in named]
    shown = [shape(rows.API_STRATEGY, (api, places)) for api in found[page.offset : page.offset + page.limit]]
    return {"TotalCount": len(found), "ApiEnvironmentStrategySet": shown}


async def _environments(call: Call) -> dict[str, Any]:
    return await _places(call, rows.ENVIRONMENT)


async def _strategies(call: Call) -> dict[str, Any]:
    return await _places(call, rows.STRATEGY)


async def _places(call: Call, shown: tuple[Shown, ...]) -> dict[str, Any]:
    service = await call.operations.service(call.record["serviceId"])
    found = [shape(shown, (each, service["environments"][each])) for each in ENVIRONMENTS]
    page = call.page
    return {"TotalCount": len(found), "EnvironmentList": found[page.offset : page.offset + page.limit]}


_ENVIRONMENT = environment("EnvironmentName")

SERVICE_ACTIONS: tuple[Action, ...] = (
    Action("CreateService", _CREATE, _create, rows.SERVICE_CREATED, flat=True),
    Action(
        "DescribeService",
        (SERVICE_ID,),
        _describe,
        rows.SERVICE_WHOLE,
        flat=True,
        reads=True,
        note="shadow plans are left out",
        absent=(
            *("InnerHttpPort", "InnerHttpsPort", "UserType", "SetId", "InstanceId", "InstanceName"),
            *("SetType", "DeploymentType", "SpecialUse", "UniqVpcId"),
        ),
    ),
    Action(
        "DescribeServicesStatus",
        (*PAGING, filters(SERVICE_FILTERS, "IpVersion, InstanceId, NetType, EIAMAppId")),
        _list,
        rows.SERVICE_STATUS,
        ("TotalCount", "ServiceSet"),
        reads=True,
        absent=(
            *("InnerHttpPort", "InnerHttpsPort", "ExclusiveSetName", "TradeIsolateStatus"),
            *("InstanceId", "SetType", "DeploymentType"),
        ),
    ),
    Action("ModifyService", _MODIFY, _modify, flat=True),
    Action(
        "DeleteService",
        (
            SERVICE_ID,
            Field("SkipVerification", "number", status="different", note="nothing is skipped"),
        ),
        _delete,
    ),
    Action(
        "ReleaseService",
        (
            SERVICE_ID,
            _ENVIRONMENT,
            Field("ReleaseDesc", required=True, least=1, most=RELEASE_DESC_LENGTH),
            _API_IDS,
        ),
        _release,
        _RELEASE,
    ),
    Action("UnReleaseService", (SERVICE_ID, _ENVIRONMENT, _API_IDS), _unrelease),
    Action(
        "DescribeServiceEnvironmentList",
        (SERVICE_ID, *PAGING),
        _environments,
        rows.ENVIRONMENT,
        ("TotalCount", "EnvironmentList"),
        reads=True,
        absent=("CreateTime",),
    ),
    Action(
        "ModifyServiceEnvironmentStrategy",
        (SERVICE_ID, _STRATEGY, environments("EnvironmentNames")),
        _throttle,
        note="-1 takes the throttle away",
    ),
    Action(
        "DescribeServiceEnvironmentStrategy",
        (SERVICE_ID, *PAGING),
        _strategies,
        rows.STRATEGY,
        ("TotalCount", "EnvironmentList"),
        reads=True,
    ),
    Action(
        "ModifyApiEnvironmentStrategy",
        (SERVICE_ID, _STRATEGY, _ENVIRONMENT, Field("ApiIds", "texts", required=True)),
        _api_throttle,
        note="-1 takes the throttle away; all Apis or none",
    ),
    Action(
        "DescribeApiEnvironmentStrategy",
        (
            SERVICE_ID,
            environments("EnvironmentNames", required=False),
            Field("ApiId", note="this one only"),
            *PAGING,
        ),
        _api_strategies,
        rows.API_STRATEGY,
        ("TotalCount", "ApiEnvironmentStrategySet"),
        reads=True,
    ),
)
