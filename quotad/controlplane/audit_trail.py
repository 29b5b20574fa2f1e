"""Where the audit log is: a file in file mode, the store in control mode. Both are read in one shape.

In control mode changes of records are told to it in the same commit; resets, top-ups and deletions of use
are told here, before they are made and after.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from quotad.controlplane.audit import AuditLog, Record
from quotad.controlplane.desk import rfc3339
from quotad.errors import StoreError

RECALLED_AT_MOST = 10_000
"""Records of the store that are read for what Idempotency-Keys were used for."""

_PAGE = 100
_ACTIONS = {"reset": "ResetUsage", "top-up": "TopUpUsage", "forget": "DeleteUsage"}
_RAW = "use"


class Trail(Protocol):
    """An audit log."""

    async def append(self, event: str, members: Mapping[str, Any]) -> None:
        """Add one record. Raises OSError and StoreError."""

    async def fresh(self) -> list[Record]:
        """What was appended since this was asked for last, oldest first. Raises OSError and StoreError."""

    async def page(self, before: str, count: int) -> list[tuple[str, Record]]:
        """Up to ``count`` records, each with its id, newest first; ``before`` an id, or empty.

        Raises OSError and StoreError.
        """


class FileTrail:
    """In the file of one process."""

    def __init__(self, log: AuditLog) -> None:
        self._log = log
        self._is_read = False

    async def append(self, event: str, members: Mapping[str, Any]) -> None:
        """See ``Trail``."""
        await asyncio.to_thread(self._log.append, event, members)

    async def fresh(self) -> list[Record]:
        """See ``Trail``. Nobody else appends to it."""
        if self._is_read:
            return []
        found = await asyncio.to_thread(self._log.tail)
        self._is_read = True
        return found

    async def page(self, before: str, count: int) -> list[tuple[str, Record]]:
        """See ``Trail``."""
        found = await asyncio.to_thread(self._log.page, before, count)
        return [(name, told(str(line.get("event", "")), line)) for name, line in found]


class Audited(Protocol):
    """The verbs of ``store.control.ControlStore`` that are needed here."""

    def now_us(self) -> int | None:
        """The store's time."""

    async def note(self, record: Mapping[str, Any]) -> None:
        """Add a record. Raises StoreError."""

    async def audit(self, before: str, count: int) -> list[tuple[str, dict[str, Any]]]:
        """Records, newest first. Raises StoreError."""


class StoreTrail:
    """In the store, shared by all admin processes."""

    def __init__(self, control: Audited) -> None:
        self._control = control
        self._seen = ""

    async def append(self, event: str, members: Mapping[str, Any]) -> None:
        """See ``Trail``."""
        now_us = self._control.now_us()
        if now_us is None:
            raise StoreError("disconnected", "the store's time is not known", executed=False)
        record = told(event, {**members, "time": rfc3339(now_us)})
        await self._control.note({**record, _RAW: {**members, "event": event}})

    async def fresh(self) -> list[Record]:
        """See ``Trail``: also what other processes appended."""
        found: list[Record] = []
        before, newest = "", self._seen
        while len(found) < RECALLED_AT_MOST:
            page = await self._control.audit(before, _PAGE)
            new = [(name, record) for name, record in page if _order(name) > _order(self._seen)]
            found += [record[_RAW] for _, record in new if isinstance(record.get(_RAW), dict)]
            newest = max(newest, *(name for name, _ in new), key=_order) if new else newest
            if len(new) < _PAGE:
                break
            before = page[-1][0]
        self._seen = newest
        return found[::-1]

    async def page(self, before: str, count: int) -> list[tuple[str, Record]]:
        """See ``Trail``."""
        return [(name, dict(record)) for name, record in await self._control.audit(before, count)]


def told(event: str, members: Mapping[str, Any]) -> Record:
    """A reset, top-up or deletion as a record of the audit log."""
    who = members.get("who")
    who = who if isinstance(who, Mapping) else {}
    named = members.get("usagePlanId") or members.get("secretId") or ""
    change = members.get("change")
    after = members.get("after", members.get("keys"))
    return {
        "id": str(members.get("id", "")),
        "event": event if event in ("asked", "done", "failed") else "done",
        "time": str(members.get("time", "")),
        "who": str(who.get("name", "")),
        "role": str(who.get("role", "")),
        "means": str(who.get("means", "")),
        "address": str(who.get("peer", "")),
        "requestId": str(who.get("requestId", "")),
        "action": _ACTIONS.get(str(members.get("action")), str(members.get("action", ""))),
        "target": str(members.get("target") or f"usage/{members.get('subject') or named}"),
        "reason": str(members.get("reason", "")),
        "before": members.get("before"),
        "after": change if event == "asked" else after,
    }


def _order(name: str) -> tuple[int, int]:
    time_ms, _, number = (name or "0-0").partition("-")
    return int(time_ms), int(number)
