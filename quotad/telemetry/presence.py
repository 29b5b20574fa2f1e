"""Tells the store every few seconds that this process lives, what it is, and what each minute brought it.

It is for people: nothing is decided by it, and nothing waits for it.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from quotad import __version__
from quotad.errors import StoreError
from quotad.frozen import frozen
from quotad.telemetry.metrics import Recorder
from quotad.telemetry.refusals import RefusalBook
from quotad.telemetry.sources import Sources

EVERY_S = 5.0
MINUTE_US = 60_000_000
ROWS_AT_MOST = 500
CALLERS_AT_MOST = 100
"""Of one minute: the busiest."""
LOOKED_AT = 5_000
"""Refusals between two tellings; of more, those before are in the sums only."""

_UNTOLD_AT_MOST = 3

Counts = dict[tuple[str, ...], int]


class Board(Protocol):
    """The verbs of ``store.notices.Notices`` that are needed here."""

    async def tell(
        self, sidecar: str, record: Mapping[str, Any], minutes: Mapping[int, Mapping[str, Any]], now_us: int
    ) -> None:
        """Raises StoreError."""

    async def leave(self, sidecar: str) -> None:
        """Raises StoreError."""


@frozen
class Self:
    """What a process knows of itself."""

    sidecar: str
    """As its request ids begin."""
    mode: str
    """control or file."""
    now_us: Callable[[], int | None]
    """The store's time."""
    config_version: Callable[[], str]
    outstanding: Callable[[], Awaitable[tuple[int, int]]]
    """Units held by requests in flight, and taken ahead."""


class Presence:
    """One per process. Lives on one event loop."""

    def __init__(
        self, board: Board, about: Self, sources: Callable[[], Sources], refusals: RefusalBook
    ) -> None:
        self._board = board
        self._about = about
        self._sources = sources
        self._refusals = refusals
        self._started_us = 0
        self._rows: dict[tuple[str, str, str], Counts] = {}
        self._seen = 0
        self._minutes: dict[int, Counts] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Tell from now on."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Tell the last numbers, and that this process ends."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
            with contextlib.suppress(StoreError):
                await self.turn()
                await self._board.leave(self._about.sidecar)

    async def turn(self) -> None:
        """Tell once. Raises StoreError: the numbers are told the next time."""
        now_us = self._about.now_us()
        if now_us is None:
            return
        self._started_us = self._started_us or now_us
        begin_us = now_us // MINUTE_US * MINUTE_US
        self._count(self._minutes.setdefault(begin_us, {}))
        while len(self._minutes) > _UNTOLD_AT_MOST:
            del self._minutes[min(self._minutes)]
        minutes = {each: _told(counts) for each, counts in self._minutes.items() if counts}
        record = self._record(*await self._about.outstanding())
        await self._board.tell(self._about.sidecar, record, minutes, now_us)
        for each in [each for each in self._minutes if each != begin_us]:
            del self._minutes[each]

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(StoreError):
                await self.turn()
            await asyncio.sleep(EVERY_S)

    def _record(self, held: int, leased: int) -> Mapping[str, Any]:
        sources = self._sources()
        durations = list(sources.store_durations().values())
        calls = sum(sum(each.counts) for each in durations)
        spent_s = sum(each.sum_s for each in durations)
        return {
            "version": __version__,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "mode": self._about.mode,
            "startedAt": self._started_us,
            "configVersion": self._about.config_version(),
            "connections": sources.connections(),
            "held": held,
            "leased": leased,
            "unaccounted": sum(sources.unaccounted().values()),
            "storeErrors": sum(sources.store_errors().values()),
            "storeUs": round(spent_s / calls * 1e6) if calls else 0,
            "lagUs": round(sources.loop_lag.greatest_s * 1e6),
        }

    def _count(self, counts: Counts) -> None:
        """Add what is new since the last time."""
        for name, number in self._news(self._sources().recorder):
            counts[name] = counts.get(name, 0) + number
        book = self._refusals
        new, self._seen = book.count - self._seen, book.count
        for outcome in book.newest(min(new, LOOKED_AT)):
            limit = outcome.limit if outcome.limit not in ("", "none") else outcome.reason
            place = (outcome.plan_id, outcome.service_id, outcome.environment)
            who = ("who", outcome.secret_id, *place, limit)
            counts[who] = counts.get(who, 0) + 1

    def _news(self, recorder: Recorder) -> list[tuple[tuple[str, ...], int]]:
        found: list[tuple[tuple[str, ...], int]] = []
        for row in recorder.rows():
            if not row.plan_id:
                continue
            place = (row.plan_id, row.service_id, row.environment)
            denied = sum(row.denied.values())
            now: Counts = {("", ""): sum(row.classes) - denied}
            now.update({("denied", reason): count for reason, count in row.denied.items()})
            before = self._rows.get(place, {})
            for name, count in now.items():
                if count != before.get(name, 0):
                    found.append((("row", *place, name[1]), count - before.get(name, 0)))
            self._rows[place] = now
        return found


def _told(counts: Counts) -> Mapping[str, Any]:
    """The busiest of each kind, as lists for JSON: names, then the number."""
    found: dict[str, list[list[str | int]]] = {}
    for kind, most in (("row", ROWS_AT_MOST), ("who", CALLERS_AT_MOST)):
        items = [(name[1:], number) for name, number in counts.items() if name[0] == kind]
        items.sort(key=lambda item: -item[1])
        found[kind] = [[*name, number] for name, number in items[:most]]
    return found
