"""Routes of services and their environments."""

from collections.abc import Mapping

from quotad.controlplane.operations import Operations
from quotad.controlplane.replica import Page, Record, Where, tag_of
from quotad.controlplane.rest import forms, shapes
from quotad.controlplane.rest.route import Answer, Body, Call, Route
from quotad.controlplane.values import ServiceForm, ThrottleForm, parsed

_SERVICES = "/v1/services"
_ONE = _SERVICES + "/{serviceId}"
_PLACE = _ONE + "/environments/{environment}"


class Services:
    """What they do."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def routes(self) -> list[Route]:
        """All of them."""
        of, shape = self._tag, shapes.Service
        release, plan = Body(forms.PublishForm, optional=True), Body(forms.DefaultPlanForm)
        changes = Body(ServiceForm, partial=True, without=("serviceId",))
        put, delete, act = "PUT", "DELETE", "ReleaseService"
        strategy, default = "ModifyServiceEnvironmentStrategy", "SetDefaultPlan"
        return [
            Route("GET", _SERVICES, "Describe", "Services", self._list, shapes.ServiceList,
                  query=forms.ServicesQuery),
            Route("POST", _SERVICES, "CreateService", "A new service, published nowhere", self._create, shape,
                  201, Body(ServiceForm), tagged=True),
            Route("GET", _ONE, "Describe", "A service", self._get, shape, tagged=True),
            Route("PATCH", _ONE, "ModifyService", "Another name or description", self._modify, shape,
                  body=changes, tagged=True, matched=True, current_tag=of),
            Route(delete, _ONE, "DeleteService", "Take away a service that is published nowhere",
                  self._delete,
                  matched=True, current_tag=of),
            Route("POST", _PLACE + "/publish", act, "Let an environment be bound and called", self._publish,
                  shape, body=release, tagged=True),
            Route("POST", _PLACE + "/unpublish", "UnReleaseService", "Have an environment answer 404",
                  self._unpublish, shape, tagged=True),
            Route(put, _PLACE + "/throttle", strategy, "Bound all callers together", self._throttle, shape,
                  body=Body(ThrottleForm), tagged=True),
            Route(delete, _PLACE + "/throttle", strategy, "Take that bound away", self._unthrottle, shape,
                  tagged=True),
            Route(put, _PLACE + "/default-plan", default, "The plan of whoever has none there", self._default,
                  shape, body=plan, tagged=True),
            Route(delete, _PLACE + "/default-plan", default, "Refuse whoever has no plan there",
                  self._no_default, shape, tagged=True),
        ]  # fmt: skip

    async def _list(self, call: Call) -> Answer:
        where, query = Where(), call.query
        if query["search"]:
            where.has(("id", "name"), query["search"])
        total, found = await self._operations.services(where, Page(query["limit"], query["offset"]))
        page = {"totalCount": total, "limit": query["limit"], "offset": query["offset"]}
        return Answer({**page, "services": [shapes.service(each) for each in found]})

    async def _create(self, call: Call) -> Answer:
        record = await self._operations.create_service(call.asker, call.body)
        return _answer(record, f"{_SERVICES}/{record['serviceId']}")

    async def _get(self, call: Call) -> Answer:
        return _answer(await self._operations.service(call.path["serviceId"]))

    async def _modify(self, call: Call) -> Answer:
        service_id = call.path["serviceId"]
        return _answer(await self._operations.modify_service(call.asker, service_id, call.body, call.tag))

    async def _delete(self, call: Call) -> Answer:
        await self._operations.delete_service(call.asker, call.path["serviceId"], call.tag)
        return Answer()

    async def _publish(self, call: Call) -> Answer:
        form = parsed(forms.PublishForm, call.body)
        place = call.path["serviceId"], call.path["environment"]
        said = form.release_desc, form.version_name
        return _answer(await self._operations.publish(call.asker, *place, *said))

    async def _unpublish(self, call: Call) -> Answer:
        place = call.path["serviceId"], call.path["environment"]
        return _answer(await self._operations.unpublish(call.asker, *place))

    async def _throttle(self, call: Call) -> Answer:
        return await self._set_throttle(call, call.body)

    async def _unthrottle(self, call: Call) -> Answer:
        return await self._set_throttle(call, None)

    async def _set_throttle(self, call: Call, given: Mapping[str, object] | None) -> Answer:
        service_id, environment = call.path["serviceId"], call.path["environment"]
        return _answer(await self._operations.set_throttle(call.asker, service_id, [environment], given))

    async def _default(self, call: Call) -> Answer:
        return await self._set_default(call, parsed(forms.DefaultPlanForm, call.body).usage_plan_id)

    async def _no_default(self, call: Call) -> Answer:
        return await self._set_default(call, None)

    async def _set_default(self, call: Call, plan_id: str | None) -> Answer:
        place = call.path["serviceId"], call.path["environment"]
        return _answer(await self._operations.set_default_plan(call.asker, *place, plan_id))

    async def _tag(self, path: Mapping[str, str]) -> str:
        return tag_of(await self._operations.service(path["serviceId"]))


def _answer(record: Record, location: str = "") -> Answer:
    return Answer(shapes.service(record), tag_of(record), location)
