"""What the admin port does beside showing what is in use now: history, changes, deletion."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from quotad.controlplane.adjust import Adjuster, Asker, Counters
from quotad.controlplane.answers import RefusedError
from quotad.controlplane.audit_trail import Trail
from quotad.controlplane.change import Change
from quotad.controlplane.history import HistoryQuery, Past, by_secret_rows, history_document, select_history
from quotad.controlplane.usage import QueryError
from quotad.core.plans import Subject
from quotad.core.quota import Usage
from quotad.core.table import Table
from quotad.core.usage_rows import Row
from quotad.errors import StoreError

HISTORY_TIMEOUT_S = 10.0

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
    """Whoever calls has looked at who asks, and makes answers of what is raised."""

    def __init__(self, keeping: Keeping, trail: Trail | None) -> None:
        """``trail`` None: nothing can be changed."""
        self._keeping = keeping
        self._adjuster = Adjuster(keeping.store, trail, keeping.hold_s)

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

    async def history(self, table: Table, query: HistoryQuery) -> Row:
        """Use by day or hour. Raises QueryError, StoreError and TimeoutError."""
        page = select_history(table, query, by_secret=self._keeping.secret_usage)
        async with asyncio.timeout(HISTORY_TIMEOUT_S):
            return await history_document(table, page, query, self._keeping.store)

    async def change(self, table: Table, change: Change, who: Mapping[str, str], key: str) -> Row:
        """A reset or top-up, and use after it. Raises RefusedError and StoreError."""
        return await self._adjuster.change(table, change, Asker(who, key))

    async def delete(self, table: Table, given: Mapping[str, str], who: Mapping[str, str]) -> Row:
        """What a plan or a Secret has used goes for good; not while it is configured.

        Raises QueryError, RefusedError and StoreError.
        """
        plan_id, secret_id = given.get("usagePlanId", ""), given.get("secretId", "")
        if len(given) != 1 or bool(plan_id) == bool(secret_id):
            raise QueryError("Name one plan (usagePlanId) or one Secret (secretId), and nothing else.")
        if plan_id in table.plans or secret_id in table.secrets:
            raise RefusedError(
                409,
                "The configuration still names it, so its counters would be made anew: take it out first.",
            )
        members = {"id": secrets.token_hex(8), "action": "forget", **given, "who": who}
        await self._adjuster.write("asked", members)
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
        return {**given, "keys": keys}
