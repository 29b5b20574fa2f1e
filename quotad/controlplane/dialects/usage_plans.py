"""The ``/api/v1`` dialect: plans with quotas of a day and a month, stages, and (``api_keys``) keys.

A stage is one environment of one service; its id is ``serviceId.environment``. Product and API are both the
service.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar

from aiohttp import web

from quotad.controlplane.answers import RefusedError
from quotad.controlplane.desk import Asker
from quotad.controlplane.dialects.api_keys import ApiKeys
from quotad.controlplane.dialects.cloud_v3_call import Backing
from quotad.controlplane.dialects.cloud_v3_rows import by_environment
from quotad.controlplane.dialects.fields import DialectError, Field, canonical
from quotad.controlplane.dialects.signed import Signer, gateway_signer
from quotad.controlplane.dialects.usage_plans_call import BASE, Ask, Does, FailedError, Row, stage_of
from quotad.controlplane.dialects.usage_plans_rows import (
    PAGE,
    PAGE_AT_MOST,
    PLAN_CREATE,
    PLAN_EDIT,
    PLAN_ID_ONLY,
    SEARCH,
    STAGE_PLANS,
    STAGES,
    UsagePlanView,
    brief,
    check_pair,
    default_of,
    limits_of,
    shown,
)
from quotad.controlplane.refusal import OperationError, Reason, no_plan, no_service
from quotad.controlplane.replica import Page, Record, Replica, Where
from quotad.controlplane.roles import may
from quotad.controlplane.visits import visit_of
from quotad.errors import StoreError

_STAGE = BASE + "/products/{product}/apis/{api}/stages/{stage}"

_FAILED: Mapping[Reason, tuple[int, int]] = {
    Reason.NO_SERVICE: (404, 300),
    Reason.NO_PLAN: (404, 300),
    Reason.NO_BINDING: (404, 300),
    Reason.NO_SECRET: (404, 300),
    Reason.FORBIDDEN: (401, 210),
    Reason.READ_ONLY: (403, 230),
    Reason.LIMIT: (429, 400),
    Reason.TOO_OFTEN: (429, 420),
    Reason.BUSY: (429, 420),
}
"""Status and errorCode; what is not among them is 400 and 100."""

logger = logging.getLogger("quotad.admin")


_T = TypeVar("_T")


class UsagePlans:
    """The dialect's door."""

    def __init__(self, backing: Backing) -> None:
        self._backing = backing
        self._operations = backing.operations

    def add_to(self, app: web.Application) -> None:
        """Serve it there."""
        plan = BASE + "/usage-plans/{plan}"
        rows: tuple[Row, ...] = (
            ("POST", BASE + "/usage-plans", self._create),
            ("GET", BASE + "/usage-plans", self._for_stage),
            ("POST", BASE + "/usage-plans/search", self._search),
            ("GET", plan, self._get),
            ("PUT", plan, self._edit),
            ("DELETE", plan, self._delete),
            ("GET", plan + "/stages", self._stages),
            ("POST", _STAGE + "/associate-usage-plan", self._associate),
            ("POST", _STAGE + "/disassociate-usage-plan", self._disassociate),
            ("GET", _STAGE + "/usage-plans", self._of_stage),
            *ApiKeys(self._operations).rows(),
        )
        for method, path, does in rows:
            app.router.add_route(method, path, self._handler(does))

    def _handler(self, does: Does) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            try:
                status, answer = await does(await self._ask(request))
            except FailedError as error:
                return _refused(error.status, error.code, error.details)
            except web.HTTPRequestEntityTooLarge:
                return _refused(413, 430, "The body is too large.")
            except DialectError as error:
                return _refused(400, 100, error.message)
            except OperationError as error:
                return _refused(*_FAILED.get(error.reason, (400, 100)), f"{error.detail}.")
            except (StoreError, TimeoutError):
                return _refused(500, 900, "The quota store did not answer.")
            except Exception:
                logger.exception("a request of the usage-plans dialect failed")
                return _refused(500, 900, "An error inside quotad ended this request.")
            return _response(status, answer)

        return handle

    async def _ask(self, request: web.Request) -> Ask:
        headers = {name.lower(): value for name, value in request.headers.items()}
        now_us = await self._operations.now_us()
        signer: Signer | None = await gateway_signer(
            self._backing.keys, request.method, request.raw_path, headers, now_us
        )
        if signer is None:
            self._backing.failed(request.remote or "")
            raise FailedError(401, 200, "The timestamp, access key or signature is not right.")
        visit = visit_of(request)
        asker = Asker(signer.key_id, signer.role, "signature", request.remote or "", visit.request_id)
        visit.asker = asker
        if not may(signer.role, "Describe"):
            raise FailedError(401, 210, "This needs the role read.")
        return Ask(request, asker, await request.read())

    async def _create(self, ask: Ask) -> tuple[int, Any]:
        given = _plan_values(ask, PLAN_CREATE)
        record = await self._operations.create_plan(ask.asker, given)
        return 201, _whole(record, 0, ask.asker, "createUsagePlan")

    async def _edit(self, ask: Ask) -> tuple[int, Any]:
        given = _plan_values(ask, PLAN_EDIT)
        record = await self._operations.modify_plan(ask.asker, ask.plan_id, given)
        return 200, _whole(record, _stage_count(record), ask.asker, "updateUsagePlan")

    async def _get(self, ask: Ask) -> tuple[int, Any]:
        record = await self._operations.plan(ask.plan_id)
        return 200, _whole(record, _stage_count(record), ask.asker, "getUsagePlan")

    async def _delete(self, ask: Ask) -> tuple[int, Any]:
        await self._operations.delete_plan(ask.asker, ask.plan_id)
        return 204, None

    async def _search(self, ask: Ask) -> tuple[int, Any]:
        values = ask.values(SEARCH)
        where = Where()
        if values.get("usagePlanName"):
            where.has(("name",), values["usagePlanName"])
        replica = await self._operations.records()
        total, found = replica.plans(where, _page(values))
        initial, _ = replica.plans(Where(), Page(1))
        views = [UsagePlanView(each, _stage_count(each), ask.asker, "getUsagePlanList") for each in found]
        return 200, {"initialCount": initial, "total": total, "usagePlans": [shown(each) for each in views]}

    async def _for_stage(self, ask: Ask) -> tuple[int, Any]:
        values = ask.query(STAGE_PLANS)
        service_id, environment = stage_of(values["stageId"])
        replica = await self._operations.records()
        _known(replica, service_id)
        there = "id IN (SELECT plan_id FROM reach WHERE service_id = ? AND environment = ? AND shadow = 0)"
        where = Where()
        if values.get("associated") in ("true", "false"):
            words = there if values["associated"] == "true" else f"NOT {there}"
            where.add(words, service_id, environment)
        total, found = replica.plans(where, _page(values))
        views = [UsagePlanView(each, _stage_count(each), ask.asker, "getStageUsagePlan") for each in found]
        return 200, {"total": total, "usagePlans": [brief(each) for each in views]}

    async def _stages(self, ask: Ask) -> tuple[int, Any]:
        values = ask.query(STAGES)
        replica = await self._operations.records()
        record = replica.plan(ask.plan_id)
        if record is None:
            raise no_plan(ask.plan_id)
        rows = [
            _stage(replica, each.service_id, each.environment)
            for each in by_environment(replica, plan_id=ask.plan_id)
        ]
        wanted = values.get("name", "")
        rows = [row for row in rows if wanted in row["apiName"]]
        part = _part(rows, values)
        return 200, {"total": len(rows), "stages": part, "usagePlan": limits_of(record)}

    async def _associate(self, ask: Ask) -> tuple[int, Any]:
        service_id, environment = ask.stage
        plan_id = ask.values(PLAN_ID_ONLY)["usagePlanId"]
        await self._operations.bind_environment(ask.asker, [plan_id], service_id, environment)
        return 204, None

    async def _disassociate(self, ask: Ask) -> tuple[int, Any]:
        service_id, environment = ask.stage
        plan_id = ask.values(PLAN_ID_ONLY)["usagePlanId"]
        await self._operations.unbind_environment(ask.asker, [plan_id], service_id, environment)
        return 204, None

    async def _of_stage(self, ask: Ask) -> tuple[int, Any]:
        values = ask.query(PAGE)
        service_id, environment = ask.stage
        replica = await self._operations.records()
        place = _known(replica, service_id)["environments"][environment]
        reaches = [
            each for each in by_environment(replica, service_id=service_id) if each.environment == environment
        ]
        part = _part(reaches, values)
        plans = [plan for plan in (replica.plan(each.usage_plan_id) for each in part) if plan is not None]
        views = [UsagePlanView(each, _stage_count(each), ask.asker, "getStageUsagePlan") for each in plans]
        default = replica.plan(place["defaultPlan"]) if place["defaultPlan"] else None
        return 200, {
            "total": len(reaches),
            **({} if default is None else default_of(default)),
            "content": [shown(each) for each in views],
        }


def _plan_values(ask: Ask, fields: tuple[Field, ...]) -> dict[str, Any]:
    values = ask.values(fields)
    check_pair(values)
    given = canonical(fields, values)
    if "quotaCondition" in given:
        given["quotaCondition"] = [given["quotaCondition"]]
    return given


def _page(values: Mapping[str, Any]) -> Page:
    return Page(min(values["limit"], PAGE_AT_MOST), values["offset"])


def _known(replica: Replica, service_id: str) -> Record:
    service = replica.service(service_id)
    if service is None:
        raise no_service(service_id)
    return service


def _part(found: list[_T], values: Mapping[str, Any]) -> list[_T]:
    page = _page(values)
    return found[page.offset : page.offset + page.limit]


def _stage(replica: Replica, service_id: str, environment: str) -> dict[str, Any]:
    name = _known(replica, service_id)["serviceName"]
    return {
        "apiName": name,
        "stageName": environment,
        "productId": service_id,
        "apiId": service_id,
        "productName": name,
        "stageId": f"{service_id}.{environment}",
    }


def _stage_count(record: Record) -> int:
    return len({(each["serviceId"], each["environment"]) for each in record["environments"]})


def _whole(record: Record, count: int, asker: Asker, action: str) -> dict[str, Any]:
    return {"usagePlan": shown(UsagePlanView(record, count, asker, action))}


def refused(error: Exception, _request_id: str) -> web.Response:
    """What went wrong before, or beside, any of its routes."""
    match error:
        case web.HTTPNotFound():
            return _refused(404, 300, "There is nothing here.")
        case web.HTTPException():
            return _refused(error.status, 100, f"{error.reason}.")
        case RefusedError():
            return _refused(error.status, 420 if error.status == 429 else 100, str(error))
        case _:
            return _refused(500, 900, "An error inside quotad ended this request.")


def _refused(status: int, code: int, details: str) -> web.Response:
    words = {
        (400, 100): "Bad Request Exception",
        (401, 200): "Authentication Failed",
        (401, 210): "Permission Denied",
        (403, 230): "Forbidden",
        (404, 300): "Not Found Exception",
        (413, 430): "Request Entity Too Large",
        (429, 400): "Quota Exceeded",
        (429, 420): "Rate Limited",
        (500, 900): "Unexpected Error",
    }
    message = words.get((status, code), HTTPStatus(status).phrase)
    return _response(status, {"error": {"errorCode": str(code), "message": message, "details": details}})


def _response(status: int, members: Any) -> web.Response:
    body = b"" if members is None else json.dumps(members, ensure_ascii=False).encode("utf-8", "replace")
    headers = {"Cache-Control": "no-store"}
    if members is not None:
        headers["Content-Type"] = "application/json"
    return web.Response(status=status, body=body, headers=headers)
