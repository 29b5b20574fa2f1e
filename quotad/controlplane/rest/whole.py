"""Routes of all records at once: applied, exported, imported."""

import asyncio
from collections.abc import Mapping
from typing import Any

from quotad.config.nouns import nouns_of
from quotad.controlplane.answers import RefusedError
from quotad.controlplane.apply import Plan
from quotad.controlplane.key_list import Row
from quotad.controlplane.operations import Operations
from quotad.controlplane.refusal import OperationError, Reason
from quotad.controlplane.rest import strict
from quotad.controlplane.rest import whole_shapes as shapes
from quotad.controlplane.rest.route import Answer, Body, Call, Route
from quotad.controlplane.strict_json import json_object
from quotad.controlplane.values import parsed
from quotad.core.table import PlanTable
from quotad.errors import ConfigError
from quotad.store.control import Head

BODY_BYTES = 32 * 1024 * 1024
"""Of what is applied: 100,000 key pairs have 13 MB, or 20 with names."""

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
                  tagged=True, matched=True, keyed=False, reads_itself=True),
            Route("GET", "/v1/export", "ExportRecords", "All records, as a file and apply have them",
                  self._export, shapes.RecordsForm, query=shapes.ExportQuery),
            Route("POST", "/v1/secret-imports", "ImportApiKeys",
                  "Several key pairs, all or none; those that are there with the same values are passed over",
                  self._import, shapes.Imported, body=Body(shapes.ImportForm), keyed=False),
        ]  # fmt: skip

    async def _apply(self, call: Call) -> Answer:
        request = call.request
        query = strict.query_of(shapes.ApplyQuery, request.query.items())
        if request.content_type != "application/json":
            raise RefusedError(415, "The body must be application/json.")
        # One at a time: all records of a large fleet are some hundred megabytes while they are compared.
        async with self._applying:
            text = await request.clone(client_max_size=BODY_BYTES).read()
            # In a thread, or whoever else is served here would wait for a large body.
            table = await asyncio.to_thread(_table, text)
            applier = self._operations.applier(call.asker, table, prune=query["prune"])
            plan = await applier.plan()
            wanted = request.headers.getall("If-Match", [])
            if wanted and strict.wanted_tag(wanted, _tag(plan.head)) not in ("", _tag(plan.head)):
                raise OperationError(Reason.STALE, "the records were changed meanwhile")
            if not query["dry_run"]:
                await applier.apply(plan)
            return Answer(_applied(plan, dry_run=query["dry_run"]), _tag(plan.head))

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


def _applied(plan: Plan, *, dry_run: bool) -> dict[str, Any]:
    return {
        "dryRun": dry_run,
        "differences": [each._asdict() for each in plan.differences],
        "steps": len(plan.steps),
        "writes": sum(len(step.writes) for step in plan.steps),
    }


def _tag(head: Head) -> str:
    return f"{head.version}-{head.uid}"
