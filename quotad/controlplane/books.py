"""What the admin port does beside showing what is in use now: history, changes, deletion."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from quotad.config.model import Admin
from quotad.controlplane.adjust import Adjuster, Asker, Counters
from quotad.controlplane.answers import RefusedError, as_json
from quotad.controlplane.audit import AuditLog
from quotad.controlplane.change import Action, parse_change
from quotad.controlplane.history import Past, by_secret_rows, history_document, parse_history, select_history
from quotad.controlplane.usage import QueryError
from quotad.core.plans import Subject
from quotad.core.quota import Usage
from quotad.core.table import Table
from quotad.core.usage_rows import Row
from quotad.errors import StoreError

HISTORY_TIMEOUT_S = 10.0
KEY_LENGTH = 255

Forget = Callable[[str, str], Awaitable[int]]
"""Delete all that is kept of a plan's id, or of a SecretId: how many keys. Raises StoreError."""


class Store(Counters, Past, Protocol):
    """The verbs that are needed here."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """What the admin port is given for this."""

    store: Store
    forget: Forget
    hold_s: float = 60.0
    secret_usage: bool = False
    """Whether use per Secret is kept where Secrets share counters."""


class Books:
    """Handlers; ``AdminServer`` has looked at who asks, and makes answers of what is raised."""

    def __init__(
        self, admin: Admin, table: Callable[[], Table], keeping: Keeping, wall_s: Callable[[], float]
    ) -> None:
        self._table = table
        self._keeping = keeping
        self._credential = "token" if admin.token else "none"
        audit = None if admin.audit_log is None else AuditLog(admin.audit_log, wall_s)
        self._adjuster = Adjuster(keeping.store, audit, keeping.hold_s)

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Serve them."""
        router.add_get("/v1/usage/history", self._history)
        router.add_post("/v1/usage/reset", self._reset)
        router.add_post("/v1/usage/top-up", self._top_up)
        router.add_delete("/v1/usage", self._delete)

    async def add_shares(
        self, table: Table, rows: Sequence[Row], read: Sequence[tuple[Subject, Usage]]
    ) -> None:
        """Put ``bySecret`` into the rows of Subjects that several Secrets share. Raises QueryError."""
        if not self._keeping.secret_usage:
            raise QueryError("bySecret needs store.secretUsage.")
        async with asyncio.timeout(HISTORY_TIMEOUT_S):
            for row, (subject, usage) in zip(rows, read, strict=True):
                if not subject.secret_id and not subject.shadow:
                    row["bySecret"] = await by_secret_rows(table, subject, usage, self._keeping.store)

    async def _history(self, request: web.Request) -> web.Response:
        table = self._table()
        query = parse_history(request.query.items())
        page = select_history(table, query, by_secret=self._keeping.secret_usage)
        async with asyncio.timeout(HISTORY_TIMEOUT_S):
            return as_json(200, await history_document(table, page, query, self._keeping.store))

    async def _reset(self, request: web.Request) -> web.Response:
        return await self._change(request, "reset")

    async def _top_up(self, request: web.Request) -> web.Response:
        return await self._change(request, "top-up")

    async def _change(self, request: web.Request, action: Action) -> web.Response:
        if request.query:
            raise RefusedError(400, "What is asked for stands in the body.")
        if request.content_type != "application/json":
            raise RefusedError(415, "The body must be application/json.")
        change = parse_change(action, await request.read())
        asker = Asker(self._who(request), _key(request.headers.getall("Idempotency-Key", [])))
        return as_json(200, await self._adjuster.change(self._table(), change, asker))

    async def _delete(self, request: web.Request) -> web.Response:
        """What a plan or a Secret has used goes for good; not while the configuration names it."""
        given = dict(request.query)
        plan_id, secret_id = given.get("usagePlanId", ""), given.get("secretId", "")
        if len(request.query) != 1 or bool(plan_id) == bool(secret_id):
            raise QueryError("Name one plan (usagePlanId) or one Secret (secretId), and nothing else.")
        table = self._table()
        if plan_id in table.plans or secret_id in table.secrets:
            raise RefusedError(
                409,
                "The configuration still names it, so its counters would be made anew: take it out first.",
            )
        members = {"id": secrets.token_hex(8), "action": "forget", **given}
        await self._adjuster.write("asked", {**members, "who": self._who(request)})
        try:
            keys = await self._keeping.forget(plan_id, secret_id)
        except ValueError as error:
            raise QueryError(f"{error}.") from None
        except StoreError as error:
            await self._adjuster.report("failed", {**members, "error": error.kind})
            if error.kind == "noperm":
                raise RefusedError(
                    403, "The store's user may not do that: it needs SCAN and UNLINK."
                ) from None
            raise
        await self._adjuster.report("done", {**members, "keys": keys})
        return as_json(200, {**given, "keys": keys})

    def _who(self, request: web.Request) -> Mapping[str, str]:
        return {"peer": request.remote or "", "credential": self._credential}


def _key(values: Sequence[str]) -> str:
    """The Idempotency-Key, or empty. Raises RefusedError."""
    if not values:
        return ""
    (key, *more) = values
    if more or not 1 <= len(key) <= KEY_LENGTH or not key.isascii() or not key.isprintable():
        raise RefusedError(400, f"Idempotency-Key must be one, of 1 to {KEY_LENGTH} printable characters.")
    return key
