"""Routes of use: now, by day and hour, reset and top-up, deletion, and why a request was refused."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from aiohttp import web

from quotad.clock import wall_s
from quotad.controlplane.answers import RefusedError, as_json
from quotad.controlplane.books import Books
from quotad.controlplane.change import Action, parse_change
from quotad.controlplane.explain import (
    Finding,
    FindRefusal,
    NotKnownError,
    explain_request,
    explanation,
    parse_question,
)
from quotad.controlplane.history import parse_history
from quotad.controlplane.rest import forms, use_shapes
from quotad.controlplane.rest.route import Answer, Body, Call, Route
from quotad.controlplane.rest.strict import idempotency_key
from quotad.controlplane.usage import QueryError, parse_query, select
from quotad.core.plans import Subject
from quotad.core.quota import Usage
from quotad.core.table import Table
from quotad.core.usage_rows import document

STORE_TIMEOUT_S = 2.0

_USAGE = "/v1/usage"

Tables = Callable[[], Awaitable[Table]]
"""The table in force. Raises StoreError."""


class UsageReader(Protocol):
    """The verb of ``store.interface.Store`` that is needed here."""

    async def usage(self, subjects: Sequence[Subject]) -> list[Usage]:
        """What each Subject has in use now. Raises StoreError."""


class Use:
    """What they do."""

    def __init__(
        self, table: Tables, store: UsageReader, find_refusal: FindRefusal | None, books: Books | None
    ) -> None:
        """Without ``find_refusal`` no request id is known; without ``books`` use is only shown."""
        self._table = table
        self._store = store
        self._find_refusal = find_refusal
        self._books = books

    def routes(self) -> list[Route]:
        """All of them."""
        found = [
            Route("GET", _USAGE, "Describe", "What is in use now", self._usage, use_shapes.UsagePage,
                  query=forms.UsageQuery, reads_itself=True),
            Route("GET", "/v1/explain", "Describe", "Why a request was refused, or what one would meet",
                  self._explain, use_shapes.Explanation, query=forms.ExplainQuery, reads_itself=True),
        ]  # fmt: skip
        if self._books is None:
            return found
        return [
            *found,
            Route("GET", _USAGE + "/history", "Describe", "Use by day or hour", self._history,
                  use_shapes.HistoryPage, query=forms.HistoryQuery, reads_itself=True),
            Route("POST", _USAGE + "/reset", "ResetUsage", "Set use to 0", self._reset, use_shapes.ResetDone,
                  body=Body(forms.ResetForm), reads_itself=True),
            Route("POST", _USAGE + "/top-up", "TopUpUsage", "Raise a limit for a time", self._top_up,
                  use_shapes.TopUpDone, body=Body(forms.TopUpForm), reads_itself=True),
            Route("DELETE", _USAGE, "DeleteUsage",
                  "Delete the counters of a plan or a Secret that is no more",
                  self._delete, use_shapes.Deleted, query=forms.DeletionQuery),
        ]  # fmt: skip

    async def _usage(self, call: Call) -> Answer:
        query = parse_query(call.request.query.items())
        table = await self._table()
        page = select(table, query)
        usages = await self._read(page.subjects)
        shown = document(table, page, usages)
        if query.by_secret:
            if self._books is None:
                raise QueryError("bySecret is not known here.")
            read = list(zip(page.subjects, usages, strict=True))
            await self._books.add_shares(table, shown["usage"], read)
        return Answer(shown)

    async def _explain(self, call: Call) -> Answer:
        question = parse_question(call.request.query.items())
        if isinstance(question, str):
            if self._find_refusal is None:
                raise NotKnownError("Refusals are not remembered here.")
            async with asyncio.timeout(STORE_TIMEOUT_S):
                return Answer(await explain_request(self._find_refusal, question))
        table = await self._table()
        finding = Finding(table, question, wall_s())
        return Answer(explanation(table, finding, await self._read(finding.subjects)))

    async def _read(self, subjects: Sequence[Subject]) -> list[Usage]:
        async with asyncio.timeout(STORE_TIMEOUT_S):
            return await self._store.usage(subjects) if subjects else []

    async def _history(self, call: Call) -> Answer:
        query = parse_history(call.request.query.items())
        return Answer(await self._kept.history(await self._table(), query))

    async def _reset(self, call: Call) -> web.Response:
        return await self._change(call, "reset")

    async def _top_up(self, call: Call) -> web.Response:
        return await self._change(call, "top-up")

    async def _change(self, call: Call, action: Action) -> web.Response:
        request = call.request
        if request.query:
            raise RefusedError(400, "What is asked for stands in the body.")
        if request.content_type != "application/json":
            raise RefusedError(415, "The body must be application/json.")
        change = parse_change(action, await request.read())
        key = idempotency_key(request.headers.getall("Idempotency-Key", []))
        return as_json(200, await self._kept.change(await self._table(), change, _who(call), key))

    async def _delete(self, call: Call) -> Answer:
        named = {"usagePlanId": call.query["usage_plan_id"], "secretId": call.query["secret_id"]}
        given = {name: value for name, value in named.items() if value is not None}
        return Answer(await self._kept.delete(await self._table(), given, _who(call)))

    @property
    def _kept(self) -> Books:
        if self._books is None:
            raise RefusedError(404, "Nothing is kept here.")
        return self._books


def _who(call: Call) -> Mapping[str, str]:
    asker = call.asker
    return {
        "peer": asker.address,
        "name": asker.name,
        "role": asker.role,
        "means": asker.means,
        "requestId": asker.request_id,
    }
