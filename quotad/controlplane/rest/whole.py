"""Routes of all records at once: applied, exported, imported."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from quotad.config.nouns import nouns_of
from quotad.controlplane.answers import RefusedError
from quotad.controlplane.apply import Plan
from quotad.controlplane.key_list import Row
from quotad.controlplane.operations import Operations
from quotad.controlplane.refusal import OperationError, Reason
from quotad.controlplane.rest import strict
from quotad.controlplane.rest import whole_shapes as shapes
from quotad.controlplane.rest.lines import NDJSON, Lines
from quotad.controlplane.rest.route import Answer, Body, Call, Route
from quotad.controlplane.strict_json import json_object
from quotad.controlplane.values import parsed
from quotad.core.table import PlanTable
from quotad.errors import ConfigError
from quotad.store.control import Head

BODY_BYTES = 32 * 1024 * 1024
"""Of what is applied: 100,000 key pairs have 13 MB, or 20 with names."""

_IN_A_LINE = 1_000
"""Secrets that are compared between two lines."""

_PROBLEMS = 20
"""That are told at once."""


class Whole:
    """What they do."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._applying = asyncio.Lock()

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("POST", "/v1/apply", "ApplyRecords", "Make all records equal to these",
                  self._apply, shapes.Applied, body=Body(shapes.RecordsForm), query=shapes.ApplyQuery,
                  tagged=True, matched=True, keyed=False, reads_itself=True, lines=shapes.ApplyLine),
            Route("GET", "/v1/export", "ExportRecords", "All records, as a file and apply have them",
                  self._export, shapes.RecordsForm, query=shapes.ExportQuery),
            Route("POST", "/v1/secret-imports", "ImportApiKeys",
                  "Several key pairs, all or none; those that are there with the same values are passed over",
                  self._import, shapes.Imported, body=Body(shapes.ImportForm), keyed=False),
        ]  # fmt: skip

    async def _apply(self, call: Call) -> Answer | web.StreamResponse:
        request = call.request
        query = strict.query_of(shapes.ApplyQuery, request.query.items())
        if request.content_type != "application/json":
            raise RefusedError(415, "The body must be application/json.")
        if not strict.asks_for(request.headers.getall("Accept", []), NDJSON):
            plan = await self._do(call, query, _nobody, _nobody)
            return Answer(_applied(plan, query), _tag(plan.head))
        lines, waiting = Lines(request), _Waiting()

        def compared(secrets: int) -> None:
            if waiting.add(secrets):
                lines.tell("compared", secrets=waiting.take())

        def planned(plan: Plan) -> None:
            if waiting.count:
                lines.tell("compared", secrets=waiting.take())
            lines.tell("planned", etag=_tag(plan.head), **_applied(plan, query))

        async def work() -> None:
            await self._do(call, query, compared, planned, lambda made: lines.tell("committed", writes=made))

        return await lines.answer(work)

    async def _do(
        self,
        call: Call,
        query: Mapping[str, Any],
        compared: Callable[[int], object],
        planned: Callable[[Plan], object],
        committed: Callable[[int], object] = lambda _: None,
    ) -> Plan:
        request = call.request
        # One at a time: all records of a large fleet are some hundred megabytes while they are compared.
        async with self._applying:
            text = await request.clone(client_max_size=BODY_BYTES).read()
            # In a thread, or whoever else is served here would wait for a large body.
            table = await asyncio.to_thread(_table, text)
            applier = self._operations.applier(call.asker, table, prune=query["prune"])
            plan = await applier.plan(compared)
            wanted = request.headers.getall("If-Match", [])
            if wanted and strict.wanted_tag(wanted, _tag(plan.head)) not in ("", _tag(plan.head)):
                raise OperationError(Reason.STALE, "the records were changed meanwhile")
            planned(plan)
            if not query["dry_run"]:
                await applier.apply(plan, committed)
            return plan

    async def _export(self, call: Call) -> Answer:
        found: dict[str, list[Any]] = {
            name: [] for name in ("services", "plans", "secrets", "bindings", "webhooks", "remarks")
        }
        async for part in self._operations.export(call.asker, with_keys=call.query["with_keys"]):
            found[part.section] += part.items
        return Answer(found)

    async def _import(self, call: Call) -> Answer:
        form = parsed(shapes.ImportForm, call.body)
        rows = [Row(0, {"secretName": each["secretId"], **_given(each)}) for each in call.body["secrets"]]
        if len({row.secret_id for row in rows}) < len(rows):
            raise OperationError(Reason.SECRET_EXISTS, "a secretId is given twice", "secretId")
        found = await self._operations.importer(call.asker, strict=form.strict).run(rows)
        return Answer({"made": found.made, "known": found.known})


def _nobody(_: object) -> None:
    """Hears of nothing."""


class _Waiting:
    """Secrets that were compared and not told of yet."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, secrets: int) -> bool:
        """Whether there are enough for a line."""
        self.count += secrets
        return self.count >= _IN_A_LINE

    def take(self) -> int:
        """All of them."""
        count, self.count = self.count, 0
        return count


def _given(secret: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in secret.items() if value is not None}


def _table(text: bytes) -> PlanTable:
    """What a body says. Raises OperationError for a field that breaks its rule, else RefusedError."""
    members = json_object(text)
    parsed(shapes.RecordsForm, members)
    given = {name: value for name, value in members.items() if name != "remarks"}
    given["secrets"] = [_given(each) for each in given.get("secrets", ())]
    try:
        return nouns_of(given)
    except ConfigError as error:
        problems = error.problems
        more = [f"and {len(problems) - _PROBLEMS} more"] if len(problems) > _PROBLEMS else []
        words = "; ".join([*map(str, problems[:_PROBLEMS]), *more])
        raise RefusedError(409, f"{words}.") from None


def _applied(plan: Plan, query: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "dryRun": query["dry_run"],
        "differences": [each._asdict() for each in plan.differences],
        "steps": len(plan.steps),
        "writes": sum(len(step.writes) for step in plan.steps),
    }


def _tag(head: Head) -> str:
    return f"{head.version}-{head.uid}"
