"""Routes of the fleet: its Sidecars, the last hour, and who is refused."""

from quotad.controlplane.fleet import FleetView, Place
from quotad.controlplane.rest import fleet_shapes as shapes
from quotad.controlplane.rest import forms
from quotad.controlplane.rest.route import Answer, Call, Route
from quotad.controlplane.rest.use import Tables


class Fleet:
    """What they do."""

    def __init__(self, view: FleetView, table: Tables) -> None:
        self._view = view
        self._table = table

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("GET", "/v1/fleet", "Describe", "Sidecars that were heard within the last hour",
                  self._sidecars, shapes.FleetNow),
            Route("GET", "/v1/activity", "Describe", "Admitted and denied in each minute of the last hour",
                  self._activity, shapes.Activity, query=forms.ActivityQuery),
            Route("GET", "/v1/refusals", "Describe", "Who was refused in the last hour, and by which limit",
                  self._refusals, shapes.RefusalList, query=forms.RefusalsQuery),
        ]  # fmt: skip

    async def _sidecars(self, _: Call) -> Answer:
        return Answer(await self._view.sidecars())

    async def _activity(self, call: Call) -> Answer:
        return Answer(await self._view.activity(_place(call)))

    async def _refusals(self, call: Call) -> Answer:
        found = await self._view.refused(await self._table(), _place(call), call.query["secret_id"] or "")
        limit, offset = call.query["limit"], call.query["offset"]
        page = {"totalCount": len(found), "limit": limit, "offset": offset}
        return Answer({**page, "refusals": found[offset : offset + limit]})


def _place(call: Call) -> Place:
    query = call.query
    return query["usage_plan_id"] or "", query["service_id"] or "", query["environment"] or ""
