"""Routes of usage plans."""

from collections.abc import Mapping

from quotad.config.schema import PlanSection
from quotad.controlplane.operations import Operations
from quotad.controlplane.replica import Page, Record, Where, tag_of
from quotad.controlplane.rest import forms, shapes
from quotad.controlplane.rest.route import Answer, Body, Call, Route

_PLANS = "/v1/plans"
_ONE = _PLANS + "/{usagePlanId}"
_FIXED = ("version",)


class Plans:
    """What they do."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def routes(self) -> list[Route]:
        """All of them."""
        new = Body(PlanSection, needed=("usagePlanName",), without=_FIXED)
        names = [str(of.alias) for of in PlanSection.model_fields.values()]
        kept = ("usagePlanId", "usagePlanName", *_FIXED)
        cleared = tuple(name for name in names if name not in kept)
        changes = Body(
            PlanSection,
            partial=True,
            needed=("usagePlanName",),
            without=("usagePlanId", *_FIXED),
            cleared=cleared,
        )
        return [
            Route("GET", _PLANS, "Describe", "Usage plans", self._list, shapes.PlanList,
                  query=forms.PlansQuery),
            Route("POST", _PLANS, "CreateUsagePlan",
                  "A new plan: all its Secrets share one quota unless scope is secret",
                  self._create, shapes.Plan, 201, new, tagged=True),
            Route("GET", _ONE, "Describe", "A usage plan", self._get, shapes.Plan, tagged=True),
            Route("PATCH", _ONE, "ModifyUsagePlan", "Other limits; what was used stays used", self._modify,
                  shapes.Plan, body=changes, tagged=True, matched=True, current_tag=self._tag),
            Route("DELETE", _ONE, "DeleteUsagePlan",
                  "Take away a plan that is bound to nothing, and its counters",
                  self._delete, matched=True, current_tag=self._tag),
        ]  # fmt: skip

    async def _list(self, call: Call) -> Answer:
        where, query = Where(), call.query
        if query["search"]:
            where.has(("id", "name"), query["search"])
        replica = await self._operations.records()
        total, found = replica.plans(where, Page(query["limit"], query["offset"]))
        page = {"totalCount": total, "limit": query["limit"], "offset": query["offset"]}
        rows = [shapes.plan(each, replica.holder_count(each["usagePlanId"])) for each in found]
        return Answer({**page, "plans": rows})

    async def _create(self, call: Call) -> Answer:
        record = await self._operations.create_plan(call.asker, call.body)
        return await self._answer(record, f"{_PLANS}/{record['usagePlanId']}")

    async def _get(self, call: Call) -> Answer:
        return await self._answer(await self._operations.plan(call.path["usagePlanId"]))

    async def _modify(self, call: Call) -> Answer:
        plan_id = call.path["usagePlanId"]
        return await self._answer(
            await self._operations.modify_plan(call.asker, plan_id, call.body, call.tag)
        )

    async def _delete(self, call: Call) -> Answer:
        await self._operations.delete_plan(call.asker, call.path["usagePlanId"], call.tag)
        return Answer()

    async def _answer(self, record: Record, location: str = "") -> Answer:
        count = (await self._operations.records()).holder_count(record["usagePlanId"])
        return Answer(shapes.plan(record, count), tag_of(record), location)

    async def _tag(self, path: Mapping[str, str]) -> str:
        return tag_of(await self._operations.plan(path["usagePlanId"]))
