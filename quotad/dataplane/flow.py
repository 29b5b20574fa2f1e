"""What moves an exchange along: waiting without a Future, time without a timer per request."""

import asyncio
import types
from collections.abc import Generator
from math import inf
from typing import Any, Final, Protocol

from quotad.clock import MonotonicClock, WallClock, monotonic_s, wall_s
from quotad.core.http_date import http_date

EMPTY: Final = b""
NEVER_S: Final = inf
"""A deadline that does not pass. Each request sets two: compiled code looks up ``math.inf`` by its name."""


@types.coroutine
def pause() -> Generator[None, Any, Any]:
    """Wait until a protocol callback resumes this coroutine with ``send`` or ``throw``.

    ``await pause()`` answers what was sent. One coroutine serves one connection, and each place that
    waits knows who may resume it: no Task, no Future, no wake-up through the loop.
    """
    return (yield)


class Flow(Protocol):
    """One side of a body on its way through: whoever takes it may say stop."""

    def pause_flow(self) -> None:
        """Read no more for now."""

    def resume_flow(self) -> None:
        """Read on."""


class Timed:
    """Something with a deadline, which ``Wheel.arm`` sets. Setting a later one needs no wheel."""

    __slots__ = ("deadline_s", "due_s")

    deadline_s: float
    """Monotonic seconds; infinite: none."""
    due_s: float
    """When the wheel will look at it next; infinite: never."""

    def __init__(self) -> None:
        self.deadline_s = inf
        self.due_s = inf

    def on_deadline(self, now_s: float) -> None:
        """The deadline has passed. It is infinite again; set a new one if need be."""
        raise NotImplementedError


class Wheel:
    """One coarse timer for all deadlines: none fires early, none more than two ticks late.

    A deadline that moves back (the usual case: every request does it) is one attribute set; the wheel
    sees it when it gets to the old place and puts it to the new one.
    """

    def __init__(self, tick_s: float = 0.25, clock: MonotonicClock = monotonic_s) -> None:
        self.tick_s = tick_s
        self.clock = clock
        self._slots: dict[int, list[Timed]] = {}
        self._at = int(clock() / tick_s)
        self._handle: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to tick on ``loop``."""
        self._loop = loop
        self._handle = loop.call_later(self.tick_s, self._tick)

    def stop(self) -> None:
        """Tick no more."""
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._loop = None

    def arm(self, timed: Timed, deadline_s: float) -> None:
        """``timed.on_deadline`` is called once ``deadline_s`` has passed."""
        timed.deadline_s = deadline_s
        if deadline_s < timed.due_s:
            self._put(timed, deadline_s)

    def advance(self, now_s: float) -> None:
        """Call what is due at ``now_s``."""
        now_at = int(now_s / self.tick_s)
        if now_at - self._at > len(self._slots):
            due = sorted(slot for slot in self._slots if slot <= now_at)
        else:
            due = [slot for slot in range(self._at, now_at + 1) if slot in self._slots]
        # Before anything is called: what is armed meanwhile belongs to the next time.
        self._at = now_at + 1
        for slot in due:
            for timed in self._slots.pop(slot):
                # Armed anew with an earlier deadline, it was looked at then.
                if timed.due_s < (slot + 1) * self.tick_s:
                    self._look_at(timed, now_s)

    def _look_at(self, timed: Timed, now_s: float) -> None:
        timed.due_s = inf
        deadline_s = timed.deadline_s
        if deadline_s <= now_s:
            timed.deadline_s = inf
            timed.on_deadline(now_s)
        elif deadline_s != inf:
            self._put(timed, deadline_s)

    def _put(self, timed: Timed, deadline_s: float) -> None:
        timed.due_s = deadline_s
        slot = max(int(deadline_s / self.tick_s) + 1, self._at)
        self._slots.setdefault(slot, []).append(timed)

    def _tick(self) -> None:
        if self._loop is not None:
            self._handle = self._loop.call_later(self.tick_s, self._tick)
            self.advance(self.clock())


class DateLine:
    """The time as an IMF-fixdate, made once a second."""

    __slots__ = ("_clock", "_second", "_text")

    def __init__(self, clock: WallClock = wall_s) -> None:
        self._clock = clock
        self._second = -1
        self._text = b""

    def at(self, now_s: float) -> bytes:
        """The date of ``now_s``, seconds since the epoch."""
        second = int(now_s)
        if second != self._second:
            self._second = second
            self._text = http_date(second)
        return self._text

    def now(self) -> bytes:
        """The date now."""
        return self.at(self._clock())
