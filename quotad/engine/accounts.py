"""Replays of what was admitted without the store: this process's own, and what dead ones left on disk."""

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Sequence
from typing import Protocol

from quotad.core.plans import Subject
from quotad.core.quota import Replay, Terms
from quotad.engine.debts import subject_of
from quotad.engine.journal import Journal, Orphan
from quotad.engine.lane import Lane
from quotad.engine.upkeep import CallLater
from quotad.errors import StoreError
from quotad.store.interface import Store

ORPHANS_EVERY_S = 30.0
"""How often the journal's folder is looked through for those of dead processes."""

RETRY_S = 1.0
"""What the store did not take is told again after this long, and so on."""

FORGOTTEN_US = 60_000_000
"""A new primary is behind the old one by less than this."""

log = logging.getLogger(__name__)


class Calendar(Protocol):
    """What the Limiter knows of time."""

    def now_us(self) -> int:
        """The store's present time, about."""

    def terms(self, subject: Subject, now_us: int) -> Terms:
        """What the Subject's plan says then."""


class Accounts:
    """Tells the store what it has to count. One replay at a time."""

    def __init__(self, store: Store, calendar: Calendar, call_later: CallLater) -> None:
        self._store = store
        self._calendar = calendar
        self._call_later = call_later
        self._journal: Journal | None = None
        self._loop = asyncio.get_running_loop()
        self._due: dict[str, Lane] = {}
        self._task: asyncio.Task[None] | None = None
        self._retries = False
        self._orphans: asyncio.Task[None] | None = None

    def start(self, journal: Journal) -> None:
        """Look for what dead processes left, now and from time to time; free what the store has counted."""
        self._journal = journal
        self._orphans = self._loop.create_task(self._adopt(journal))

    def replay_soon(self, lane: Lane) -> None:
        """The store is told what the Lane owes, and told again until it takes it."""
        if lane.debts is not None and lane.debts.is_due:
            self._due[lane.subject.tag] = lane
            if not self._retries:
                self._begin()

    def tell_again(self, lanes: Iterable[Lane]) -> None:
        """The store may have lost its last writes: it is told once more what it acknowledged lately."""
        since_us = self._calendar.now_us() - FORGOTTEN_US
        for lane in lanes:
            if lane.debts is not None:
                lane.debts.tell_again(since_us)
                self.replay_soon(lane)

    def _begin(self) -> None:
        self._retries = False
        if self._due and (self._task is None or self._task.done()):
            self._task = self._loop.create_task(self._replay_due())

    async def _replay_due(self) -> None:
        refused: dict[str, Lane] = {}
        while self._due:
            tag = next(iter(self._due))
            lane = self._due.pop(tag)
            try:
                await self._replay(lane)
            except StoreError as error:
                refused[tag] = lane
                if error.kind != "script":
                    break
        if refused:
            self._due.update(refused)
            self._retries = True
            self._call_later(RETRY_S, self._begin)

    async def _replay(self, lane: Lane) -> None:
        debts, subject = lane.debts, lane.subject
        if debts is None:
            return
        while (due := debts.next_replay()) is not None:
            debt, replay = due
            await self._tell(subject, replay, b"")
            debts.acknowledged(debt, replay.total, self._calendar.now_us())
        journal = self._journal

        def settled(day_end_us: int, total: int) -> None:
            if journal is not None:
                journal.settled(subject.tag, day_end_us, total)

        debts.close(settled)

    async def _tell(self, subject: Subject, replay: Replay, owner: bytes) -> None:
        terms = self._calendar.terms(subject, self._calendar.now_us())
        await self._store.replay(subject, terms, replay, owner)

    async def _adopt(self, journal: Journal) -> None:
        while True:
            is_told = True
            for orphan in await asyncio.to_thread(lambda: list(journal.orphans())):
                with contextlib.closing(orphan):
                    is_told &= await self._replay_orphan(orphan)
            await asyncio.sleep(ORPHANS_EVERY_S if is_told else RETRY_S)

    async def _replay_orphan(self, orphan: Orphan) -> bool:
        """False when the store did not take all; the rest stays in the file."""
        is_told = True
        for record in list(orphan.records):
            try:
                await self._tell(
                    subject_of(record), Replay(record.day_end_us, record.total), orphan.sidecar_id
                )
            except (ValueError, TypeError):
                log.exception("a journal's record of %s cannot be read; it is kept", record.tag)
            except StoreError as error:
                is_told = False
                if error.kind != "script":
                    break
            else:
                orphan.done(record)
        return is_told

    async def close(self, lanes: Sequence[Lane], within_s: float) -> bool:
        """Replay what is left. False when the store did not take it: the journal keeps it."""
        if self._orphans is not None:
            self._orphans.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._orphans
        for lane in lanes:
            self.replay_soon(lane)
        self._begin()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=within_s)
            if not self._task.done():
                self._task.cancel()
        return not any(lane.debts is not None and lane.debts.is_due for lane in lanes)
