"""Cloud API 3.0: plans, and what they are bound to."""

from typing import Any

from quotad.controlplane.dialects import cloud_v3_rows as rows
from quotad.controlplane.dialects import in_use
from quotad.controlplane.dialects.cloud_v3_call import (
    PAGING,
    PLAN_ID,
    SERVICE_ID,
    TAGS,
    Action,
    Call,
    environment,
    filters,
)
from quotad.controlplane.dialects.cloud_v3_filters import PLAN_FILTERS, plans_where
from quotad.controlplane.dialects.fields import DialectError, Field, shape
from quotad.controlplane.refusal import no_plan, no_service

_MOST = 99_999_999
_LIMITS: tuple[Field, ...] = (
    Field("UsagePlanDesc", canonical="usagePlanDesc", most=200),
    Field(
        "MaxRequestNum",
        "number",
        canonical="maxRequestNum",
        least=1,
        most=_MOST,
        also=-1,
        code="InvalidParameterValue.InvalidMaxRequestNum",
    ),
    Field("MaxRequestNumPreSec", "number", canonical="rateRps", least=1, most=2000, also=-1),
)
_NAME = Field("UsagePlanName", canonical="usagePlanName", most=50)
_NEW_NAME = Field("UsagePlanName", canonical="usagePlanName", required=True, least=1, most=50)
_KEY_IDS = Field("AccessKeyIds", "texts", required=True)
_PLAN_IDS = Field("UsagePlanIds", "texts", required=True)
_BIND_TYPE = Field("BindType", options=("SERVICE", "API"), default="SERVICE")
_API_IDS = Field("ApiIds", "texts", note="with BindType API, and only then")


async def _info(call: Call, plan_id: str) -> dict[str, Any]:
    replica = await call.operations.records()
    plan = replica.plan(plan_id)
    if plan is None:
        raise no_plan(plan_id)
    return shape(rows.PLAN_INFO, rows.plan_view(replica, plan_id, plan))


async def _create(call: Call) -> dict[str, Any]:
    record = await call.operations.create_plan(call.asker, call.record)
    return shape(rows.PLAN_INFO, rows.PlanView(record, [], 0, []))


async def _modify(call: Call) -> dict[str, Any]:
    plan_id = call.record["usagePlanId"]
    await call.operations.modify_plan(call.asker, plan_id, call.record)
    return await _info(call, plan_id)


async def _delete(call: Call) -> bool:
    await call.operations.delete_plan(call.asker, call.record["usagePlanId"])
    return True


async def _describe(call: Call) -> dict[str, Any]:
    return await _info(call, call.record["usagePlanId"])


async def _list(call: Call) -> dict[str, Any]:
    total, found = await call.operations.plans(plans_where(call.values.get("Filters", [])), call.page)
    return {"TotalCount": total, "UsagePlanStatusSet": [shape(rows.PLAN_STATUS, each) for each in found]}


async def _secrets(call: Call) -> dict[str, Any]:
    plan_id = call.record["usagePlanId"]
    replica = await call.operations.records()
    if replica.plan(plan_id) is None:
        raise no_plan(plan_id)
    total, found = replica.holders(plan_id, call.page)
    return {"TotalCount": total, "AccessKeyList": [shape(rows.BOUND_SECRET, each) for each in found]}


async def _environments(call: Call) -> dict[str, Any]:
    plan_id = call.record["usagePlanId"]
    replica = await call.operations.records()
    if replica.plan(plan_id) is None:
        raise no_plan(plan_id)
    reaches = rows.enforcing(replica, plan_id=plan_id, single=call.values["BindType"] == "API")
    page = call.page
    bound = await in_use.rows(replica, call.backing.store, reaches[page.offset : page.offset + page.limit])
    shown = [shape(rows.PLAN_ENVIRONMENT, each) for each in bound]
    return {"TotalCount": len(reaches), "EnvironmentList": shown}


async def _of_service(call: Call) -> dict[str, Any]:
    return await _plans_of(call, "ServiceUsagePlanList", single=False)


async def _of_apis(call: Call) -> dict[str, Any]:
    return await _plans_of(call, "ApiUsagePlanList", single=True)


async def _plans_of(call: Call, name: str, *, single: bool) -> dict[str, Any]:
    service_id = call.record["serviceId"]
    replica = await call.operations.records()
    if replica.service(service_id) is None:
        raise no_service(service_id)
    reaches = rows.enforcing(replica, service_id=service_id, single=single)
    page = call.page
    bound = await in_use.rows(replica, call.backing.store, reaches[page.offset : page.offset + page.limit])
    return {"TotalCount": len(reaches), name: [shape(rows.SERVICE_PLAN, each) for each in bound]}


async def _bind_secrets(call: Call) -> bool:
    plan_id, ids = call.record["usagePlanId"], call.values["AccessKeyIds"]
    await call.operations.bind_secrets(call.asker, plan_id, ids)
    return True


async def _unbind_secrets(call: Call) -> bool:
    plan_id, ids = call.record["usagePlanId"], call.values["AccessKeyIds"]
    await call.operations.unbind_secrets(call.asker, plan_id, ids)
    return True


async def _bind_environment(call: Call) -> bool:
    values = call.values
    await call.operations.bind_environment(
        call.asker,
        values["UsagePlanIds"],
        values["ServiceId"],
        values["Environment"],
        api_ids=_api_ids(call),
    )
    return True


async def _unbind_environment(call: Call) -> bool:
    values = call.values
    await call.operations.unbind_environment(
        call.asker,
        values["UsagePlanIds"],
        values["ServiceId"],
        values["Environment"],
        api_ids=_api_ids(call),
    )
    return True


def _api_ids(call: Call) -> list[str]:
    """Those that are named, as ``BindType`` asks for. Raises DialectError."""
    given = list(call.values.get("ApiIds", ()))
    single = call.values["BindType"] == "API"
    if single != bool(given):
        words = "is needed with" if single else "goes only with"
        raise DialectError("InvalidParameterValue.InvalidApiIds", f"`ApiIds` {words} the BindType API.")
    return given


async def _demote(call: Call) -> bool:
    values = call.values
    place = values["ServiceId"], values["Environment"]
    await call.operations.demote(call.asker, *place, [values["UsagePlanId"]])
    return True


_PLACE: tuple[Field, ...] = (_PLAN_IDS, _BIND_TYPE, environment("Environment"), SERVICE_ID, _API_IDS)

PLAN_ACTIONS: tuple[Action, ...] = (
    Action("CreateUsagePlan", (_NEW_NAME, *_LIMITS, TAGS), _create, rows.PLAN_INFO),
    Action(
        "ModifyUsagePlan",
        (PLAN_ID, _NAME, *_LIMITS),
        _modify,
        rows.PLAN_INFO,
        note="what is absent, and what only other dialects know, stays",
    ),
    Action("DeleteUsagePlan", (PLAN_ID,), _delete),
    Action("DescribeUsagePlan", (PLAN_ID,), _describe, rows.PLAN_INFO, reads=True),
    Action(
        "DescribeUsagePlansStatus",
        (*PAGING, filters(PLAN_FILTERS)),
        _list,
        rows.PLAN_STATUS,
        ("TotalCount", "UsagePlanStatusSet"),
        reads=True,
    ),
    Action(
        "DescribeUsagePlanSecretIds",
        (PLAN_ID, *PAGING),
        _secrets,
        rows.BOUND_SECRET,
        ("TotalCount", "AccessKeyList"),
        reads=True,
    ),
    Action(
        "DescribeUsagePlanEnvironments",
        (PLAN_ID, _BIND_TYPE, *PAGING),
        _environments,
        rows.PLAN_ENVIRONMENT,
        ("TotalCount", "EnvironmentList"),
        reads=True,
        note="those of one BindType; shadow plans are left out",
    ),
    Action("BindSecretIds", (PLAN_ID, _KEY_IDS), _bind_secrets, note="all keys or none"),
    Action("UnBindSecretIds", (PLAN_ID, _KEY_IDS), _unbind_secrets, note="all keys or none"),
    Action("BindEnvironment", _PLACE, _bind_environment, note="all plans or none"),
    Action("UnBindEnvironment", _PLACE, _unbind_environment, note="all plans or none"),
    Action(
        "DescribeServiceUsagePlan",
        (SERVICE_ID, *PAGING),
        _of_service,
        rows.SERVICE_PLAN,
        ("TotalCount", "ServiceUsagePlanList"),
        reads=True,
        note="plans of whole environments; shadow plans are left out",
    ),
    Action(
        "DescribeApiUsagePlan",
        (SERVICE_ID, *PAGING),
        _of_apis,
        rows.SERVICE_PLAN,
        ("TotalCount", "ApiUsagePlanList"),
        reads=True,
        note="plans of single Apis; shadow plans are left out",
    ),
    Action(
        "DemoteServiceUsagePlan",
        (PLAN_ID, SERVICE_ID, environment("Environment")),
        _demote,
        note="refused while other plans of the service would stay bound to whole environments",
    ),
)
