"""Routes of the single Apis of services."""

from collections.abc import Mapping

from quotad.controlplane.operations import Operations
from quotad.controlplane.replica import Record, tag_of
from quotad.controlplane.rest import forms, shapes
from quotad.controlplane.rest.route import Answer, Body, Call, Route
from quotad.controlplane.values import ApiForm, ThrottleForm

_APIS = "/v1/services/{serviceId}/apis"
_ONE = _APIS + "/{apiId}"
_SEARCHED = ("apiId", "apiName", "path")
_THROTTLE = _ONE + "/environments/{environment}/throttle"
_STRATEGY = "ModifyApiEnvironmentStrategy"


class Apis:
    """What they do."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def routes(self) -> list[Route]:
        """All of them."""
        changes = Body(ApiForm, partial=True, without=("apiId",))
        return [
            Route("GET", _APIS, "Describe", "The single Apis of a service", self._list, shapes.ApiList,
                  query=forms.ApisQuery),
            Route("POST", _APIS, "CreateApi", "A new Api, bound to nothing", self._create, shapes.Api, 201,
                  Body(ApiForm), tagged=True),
            Route("GET", _ONE, "Describe", "One Api", self._get, shapes.Api, tagged=True),
            Route("PATCH", _ONE, "ModifyApi", "Another name, method or path", self._modify, shapes.Api,
                  body=changes, tagged=True, matched=True, current_tag=self._tag),
            Route("DELETE", _ONE, "DeleteApi", "Take away an Api that no plan is bound to", self._delete,
                  matched=True, current_tag=self._tag),
            Route("PUT", _THROTTLE, _STRATEGY, "Bound all callers of an Api together", self._throttle,
                  shapes.Api, body=Body(ThrottleForm), tagged=True),
            Route("DELETE", _THROTTLE, _STRATEGY, "Take that bound away", self._unthrottle, shapes.Api,
                  tagged=True),
        ]  # fmt: skip

    async def _list(self, call: Call) -> Answer:
        limit, offset = call.query["limit"], call.query["offset"]
        every, words = await self._operations.apis(call.path["serviceId"]), call.query["search"].lower()
        found = [each for each in every if any(words in each[name].lower() for name in _SEARCHED)]
        shown = [shapes.api(each) for each in found[offset : offset + limit]]
        return Answer({"totalCount": len(found), "limit": limit, "offset": offset, "apis": shown})

    async def _create(self, call: Call) -> Answer:
        service_id = call.path["serviceId"]
        record = await self._operations.create_api(call.asker, service_id, call.body)
        return _answer(record, f"/v1/services/{service_id}/apis/{record['apiId']}")

    async def _get(self, call: Call) -> Answer:
        return _answer(await self._operations.api(call.path["serviceId"], call.path["apiId"]))

    async def _modify(self, call: Call) -> Answer:
        named = call.path["serviceId"], call.path["apiId"]
        return _answer(await self._operations.modify_api(call.asker, *named, call.body, call.tag))

    async def _delete(self, call: Call) -> Answer:
        named = call.path["serviceId"], call.path["apiId"]
        await self._operations.delete_api(call.asker, *named, call.tag)
        return Answer()

    async def _throttle(self, call: Call) -> Answer:
        return await self._set_throttle(call, call.body)

    async def _unthrottle(self, call: Call) -> Answer:
        return await self._set_throttle(call, None)

    async def _set_throttle(self, call: Call, given: Mapping[str, object] | None) -> Answer:
        service_id, api_id, environment = (call.path[name] for name in ("serviceId", "apiId", "environment"))
        found = await self._operations.set_api_throttle(call.asker, service_id, [api_id], environment, given)
        return _answer(found[0])

    async def _tag(self, path: Mapping[str, str]) -> str:
        return tag_of(await self._operations.api(path["serviceId"], path["apiId"]))


def _answer(record: Record, location: str = "") -> Answer:
    return Answer(shapes.api(record), tag_of(record), location)
