"""Resets and top-ups: each told to the audit log before it is made, and made once per Idempotency-Key.

What a key was first used for stands in the audit log, with the version that tells the change apart. Of a
change that is done the first answer is given again. One whose end is not known is sent again with the same
version, which changes nothing more if it had arrived.
"""

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol

from quotad.controlplane.answers import RefusedError
from quotad.controlplane.audit import Record
from quotad.controlplane.audit_trail import Trail
from quotad.controlplane.change import Change
from quotad.core.plans import Subject
from quotad.core.quota import Reset, Terms, TopUp, Usage
from quotad.core.table import Table
from quotad.core.usage_rows import Row, row, stamp
from quotad.engine.terms import TermsBook
from quotad.errors import StoreError

KEYS_KEPT = 10_000

logger = logging.getLogger("quotad.admin")


class Counters(Protocol):
    """The verbs of ``store.interface.Store`` that are needed here."""

    async def usage(self, subjects: Sequence[Subject]) -> list[Usage]:
        """What each Subject has in use now. Raises StoreError."""

    async def adjust(self, subject: Subject, terms: Terms, change: TopUp | Reset) -> Usage:
        """A top-up or a reset of one Subject. Twice is once. Raises StoreError."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks for a change."""

    who: Mapping[str, str]
    """As the audit log shows it."""
    key: str = ""
    """Idempotency-Key; empty: none."""


@dataclass(slots=True)
class _Kept:
    """What a key was used for."""

    fingerprint: str
    version: int
    answer: Row | None = field(default=None)
    """None: its end is not known."""


class Adjuster:
    """Makes changes one after the other."""

    def __init__(self, store: Counters, trail: Trail | None, hold_s: float) -> None:
        self._store = store
        self._trail = trail
        self._terms = TermsBook(round(hold_s * 1e6))
        self._turn = asyncio.Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def change(self, table: Table, change: Change, asker: Asker) -> Row:
        """Make it; answers the Subject's use after it. Raises RefusedError and StoreError."""
        async with self._turn:
            kept = await self._recall(change, asker)
            if kept is not None and kept.answer is not None:
                return kept.answer
            subject = change.place.subject(table)
            (before,) = await self._store.usage([subject])
            change.check(subject, before.now_us)
            digest = _digest(asker.key)
            version = _version(change, subject, before, asker.key) if kept is None else kept.version
            if digest:
                kept = self._keep(digest, _Kept(change.fingerprint, version))
            told = change.versioned(version)
            identity = {
                "id": secrets.token_hex(8),
                "action": change.action,
                "who": asker.who,
                "subject": subject.tag,
            }
            await self.write("asked", {**identity, **_asked(change, told, before, asker)})
            try:
                after = await self._adjust(subject, told, before.now_us)
            except StoreError as error:
                await self.report("failed", {**identity, "error": error.kind, "executed": error.executed})
                raise
            answer = _answer(table, change, subject, after)
            if kept is not None:
                kept.answer = answer
            ended = {
                **identity,
                "after": _use(after),
                **({"key": digest, "answer": answer} if digest else {}),
            }
            await self.report("done", ended)
            return answer

    async def write(self, event: str, members: Record) -> None:
        """Tell the audit log. Raises RefusedError when it does not take it."""
        if self._trail is None:
            raise RefusedError(503, "There is no audit log: nothing was changed.")
        try:
            await self._trail.append(event, members)
        except OSError as error:
            logger.error("the audit log cannot be written: %s", error)  # noqa: TRY400 - no trace
            raise RefusedError(503, "The audit log cannot be written: nothing was changed.") from None

    async def report(self, event: str, members: Record) -> None:
        """Tell the audit log how it ended, if that is possible: it cannot be undone any more."""
        try:
            await self.write(event, members)
        except (RefusedError, StoreError):
            logger.error("a change is made of which the audit log knows no end: %s", members["id"])  # noqa: TRY400

    async def _adjust(self, subject: Subject, told: Reset | TopUp, now_us: int) -> Usage:
        try:
            return await self._store.adjust(subject, self._terms.terms(subject.plan, now_us), told)
        except StoreError as error:
            if error.kind != "script" or "windows sent" not in str(error):
                raise
        # A day or a month has ended since that time was read.
        (now,) = await self._store.usage([subject])
        return await self._store.adjust(subject, self._terms.terms(subject.plan, now.now_us), told)

    # What keys were used for.

    async def _recall(self, change: Change, asker: Asker) -> _Kept | None:
        if not asker.key:
            return None
        if self._trail is not None:
            try:
                records = await self._trail.fresh()
            except OSError:
                raise RefusedError(503, "The audit log cannot be read: nothing was changed.") from None
            for record in records:
                self._take(record)
        kept = self._kept.get(_digest(asker.key))
        if kept is not None and kept.fingerprint != change.fingerprint:
            raise RefusedError(422, "This Idempotency-Key was used for another change.")
        return kept

    def _take(self, record: Record) -> None:
        match record:
            case {
                "event": "asked",
                "key": str(digest),
                "request": str(request),
                "change": {"version": int(version)},
            }:
                self._keep(digest, _Kept(request, version))
            case {"event": "done", "key": str(digest), "answer": dict(answer)} if digest in self._kept:
                self._kept[digest].answer = answer

    def _keep(self, digest: str, kept: _Kept) -> _Kept:
        self._kept[digest] = kept
        if len(self._kept) > KEYS_KEPT:
            self._kept.popitem(last=False)
        return kept


def _digest(key: str) -> str:
    return sha256(key.encode()).hexdigest() if key else ""


def _version(change: Change, subject: Subject, before: Usage, key: str) -> int:
    """A reset's must grow: the store's time. A top-up's tells it apart: from the key, else by chance."""
    if change.action == "reset":
        return before.now_us
    if not key:
        return secrets.randbits(52) + 1
    return int.from_bytes(sha256(f"{subject.tag}\n{key}".encode()).digest()[:6], "big") + 1


def _asked(change: Change, told: Reset | TopUp, before: Usage, asker: Asker) -> dict[str, Any]:
    digest = _digest(asker.key)
    return {
        "change": {"version": told.version, **_words(change)},
        "before": _use(before),
        "reason": change.reason,
        **({"key": digest, "request": change.fingerprint} if digest else {}),
    }


def _words(change: Change) -> Row:
    names = [window.name.lower() for window in sorted(change.windows)]
    if change.action == "reset":
        return {"windows": names}
    until = {-1: "windowEnd", 0: "never"}.get(change.until_us) or stamp(change.until_us)
    return {"window": names[0], "amount": change.amount, "until": until}


def _use(usage: Usage) -> Row:
    return {
        "storeTime": stamp(usage.now_us),
        "day": usage.day_charged,
        "month": usage.month_charged,
        "total": usage.total_charged,
        "held": usage.total_open,
    }


def _answer(table: Table, change: Change, subject: Subject, after: Usage) -> Row:
    name = "reset" if change.action == "reset" else "topUp"
    return {name: _words(change), "storeTime": stamp(after.now_us), "usage": row(table, subject, after)}
