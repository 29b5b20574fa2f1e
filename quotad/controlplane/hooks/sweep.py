"""Goes over all Subjects and has told what their use has crossed."""

import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, Protocol, runtime_checkable

from quotad.core.crossings import (
    Marks,
    Reading,
    concerns,
    decide,
    event_id,
    pack_marks,
    readings,
    unpack_marks,
)
from quotad.core.deliveries import Delivery
from quotad.core.plans import QuotaWindow, Subject, Webhook
from quotad.core.quota import Usage
from quotad.core.table import Table
from quotad.core.webhook_events import crossing_body
from quotad.errors import StoreError
from quotad.store.deliveries import Asked, Change, Waiting

PAGE = 64
"""Subjects that are read at once: one script call, and some 5 ms of this process, which may serve callers."""

PENDING_AT_MOST = 10_000
"""Events on their way to one webhook; with more nothing is looked for, so what it misses is found later."""

_BROKEN = ("reply", "script")

log = logging.getLogger("quotad.admin")


class Counters(Protocol):
    """The verb of the store of counters that is needed here."""

    async def usage(self, subjects: Sequence[Subject]) -> list[Usage]:
        """What each has in use now. Raises StoreError."""


class Board(Protocol):
    """The verbs of ``store.deliveries.Deliveries`` that are needed here. All raise StoreError."""

    async def marks(self, asked: Sequence[Asked]) -> list[list[bytes | None]]:
        """What was told of these Subjects in each of these windows."""

    async def announce(self, leader: str, changes: Sequence[Change], now_us: int) -> bool:
        """Mark and put on its way; False: this process does not lead."""

    async def keep_totals(self, now_us: int) -> None:
        """What was told of totals does not expire."""

    async def waiting(self, webhook_ids: Sequence[str]) -> list[Waiting]:
        """What is on its way to each."""


@runtime_checkable
class Paged(Protocol):
    """A table that gives its Subjects in parts."""

    def pages(self, size: int) -> Iterator[list[Subject]]:
        """All that enforce, at most so many at once."""


class Swept(NamedTuple):
    """What one sweep was."""

    subjects: int
    events: int
    full: tuple[str, ...]
    """Webhooks that were passed over, since too much is on its way to them."""


class Sweep:
    """One at a time."""

    def __init__(self, counters: Counters, board: Board, breathe: Callable[[], Awaitable[None]]) -> None:
        """``breathe``: awaited after each part, for as long as others are to have their turn."""
        self._counters = counters
        self._board = board
        self._breathe = breathe

    async def run(self, leader: str, table: Table, webhooks: Sequence[Webhook]) -> Swept:
        """Look at every Subject once. Raises StoreError; what was told until then was told."""
        enabled = [each for each in webhooks if each.enabled]
        waiting = await self._board.waiting([each.webhook_id for each in enabled])
        room = {
            each.webhook_id: PENDING_AT_MOST - on_way.pending
            for each, on_way in zip(enabled, waiting, strict=True)
        }
        seen = told = now_us = 0
        for subjects in parts(table):
            found = await self._look(table, webhooks, subjects, room)
            seen += len(subjects)
            told += sum(len(change.events) for change, _ in found)
            now_us = max((at_us for _, at_us in found), default=now_us)
            if found and not await self._board.announce(leader, [change for change, _ in found], now_us):
                break
            await self._breathe()
        if now_us:
            await self._board.keep_totals(now_us)
        return Swept(seen, told, tuple(name for name, left in room.items() if left <= 0))

    async def _look(
        self, table: Table, webhooks: Sequence[Webhook], subjects: Sequence[Subject], room: dict[str, int]
    ) -> list[tuple[Change, int]]:
        """What is to be told of these, each with the time at which it was read."""
        wanted = [each for each in subjects if any(concerns(webhook, each) for webhook in webhooks)]
        groups: dict[tuple[QuotaWindow, int], list[tuple[Subject, Reading, int]]] = {}
        for subject, usage in await self._read(wanted):
            for reading in readings(subject, usage):
                key = reading.window, reading.end_us
                groups.setdefault(key, []).append((subject, reading, usage.now_us))
        asked = [(*key, [subject.tag for subject, _, _ in group]) for key, group in groups.items()]
        found: list[tuple[Change, int]] = []
        for group, packed in zip(groups.values(), await self._board.marks(asked), strict=True):
            for (subject, reading, now_us), before in zip(group, packed, strict=True):
                change = _change(table, webhooks, (subject, reading, now_us), before, room)
                if change is not None:
                    found.append((change, now_us))
        return found

    async def _read(self, subjects: Sequence[Subject]) -> list[tuple[Subject, Usage]]:
        try:
            usages = await self._counters.usage(subjects) if subjects else []
            return list(zip(subjects, usages, strict=True))
        except StoreError as error:
            if error.kind not in _BROKEN:
                raise
        # One of them cannot be read: the others can.
        found: list[tuple[Subject, Usage]] = []
        for subject in subjects:
            try:
                found.append((subject, (await self._counters.usage([subject]))[0]))
            except StoreError as error:
                if error.kind not in _BROKEN:
                    raise
        return found


def parts(table: Table) -> Iterator[list[Subject]]:
    """All Subjects of a table, ``PAGE`` at once."""
    pages = table.pages(PAGE) if isinstance(table, Paged) else iter([])
    yield from _joined(pages)
    if not isinstance(table, Paged):
        subjects = table.subjects()
        while part := list(islice(subjects, PAGE)):
            yield part


def _joined(pages: Iterator[list[Subject]]) -> Iterator[list[Subject]]:
    """Small parts put together."""
    kept: list[Subject] = []
    for page in pages:
        if len(kept) + len(page) > PAGE:
            yield kept
            kept = []
        kept = [*kept, *page]
    if kept:
        yield kept


def _change(
    table: Table,
    webhooks: Sequence[Webhook],
    seen: tuple[Subject, Reading, int],
    packed: bytes | None,
    room: dict[str, int],
) -> Change | None:
    subject, reading, now_us = seen
    before, after = unpack_marks(packed), dict[str, Marks]()
    events: list[tuple[str, Delivery]] = []
    for webhook in webhooks:
        own, webhook_id = before.get(webhook.webhook_id, {}), webhook.webhook_id
        marks, told = own, list[str]()
        if room.get(webhook_id, 0) > 0 and concerns(webhook, subject):
            marks, told = decide(webhook, reading, own, now_us)
            room[webhook_id] -= len(told)
        after[webhook_id] = marks
        for name in told:
            kind, body = crossing_body(table, webhook, subject, reading, name, now_us)
            name_of_it = event_id(webhook_id, subject, reading, name, marks[name])
            events.append((webhook_id, Delivery(name_of_it, kind, body, now_us, now_us)))
    # Those of deleted webhooks go with the next change.
    if not events and all(before.get(name, {}) == own for name, own in after.items()):
        return None
    text = pack_marks(after)
    old = "" if packed is None else packed.decode("utf-8", "replace")
    return Change(reading.window, reading.end_us, subject.tag, old, text, events)
