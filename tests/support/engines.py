"""Limiters as tests use them: on the reference store, with a time that moves when told."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from quotad.core.plans import Subject, UsagePlan
from quotad.core.reference import Reference
from quotad.core.verdict import Verdict
from quotad.engine.limiter import Limiter
from quotad.store.memory_store import MemoryStore
from tests.support.faulty_store import FaultyStore

START_US = 1_750_000_000_000_000
HOLD_S = 60.0


@dataclass
class Timer:
    """A callback and when it is due."""

    due_us: int
    callback: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        """Do not call any more."""
        self.cancelled = True


@dataclass
class World:
    """One store, one time, and as many sidecars as are asked for."""

    now_us: int = START_US
    reference: Reference = field(default_factory=Reference)
    stores: list[FaultyStore] = field(default_factory=list)
    timers: list["Timer"] = field(default_factory=list)

    def sidecar(self, max_waiting: int = 10_000) -> Limiter:
        """A new Limiter of its own Sidecar."""
        identity = len(self.stores).to_bytes(8, "big")
        store = FaultyStore(MemoryStore(self.reference, lambda: self.now_us, identity, int(HOLD_S * 1e6)))
        self.stores.append(store)
        return Limiter(
            store,
            hold_s=HOLD_S,
            max_waiting=max_waiting,
            monotonic_s=lambda: self.now_us / 1e6,
            wall_s=lambda: self.now_us / 1e6,
            call_later=self.call_later,
        )

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> "Timer":
        """Timers of this world go off when its time passes them and ``fire`` is called."""
        timer = Timer(self.now_us + int(delay_s * 1e6), callback)
        self.timers.append(timer)
        return timer

    def fire(self) -> None:
        """Let every timer go off whose time has come."""
        due = [timer for timer in self.timers if timer.due_us <= self.now_us]
        self.timers = [timer for timer in self.timers if timer.due_us > self.now_us]
        for timer in due:
            if not timer.cancelled:
                timer.callback()

    async def go_on(self, seconds: float) -> None:
        """Let time pass: each timer goes off in its turn."""
        end_us = self.now_us + int(seconds * 1e6)
        while due := [timer.due_us for timer in self.timers if timer.due_us <= end_us]:
            self.now_us = max(self.now_us, min(due))
            self.fire()
            await turns()
        self.now_us = end_us

    def used(self, subject: Subject) -> tuple[int, int]:
        """(charged, open) of the day."""
        usage = self.reference.usage(self.now_us, subject)
        return usage.day_charged, usage.day_open


class Request:
    """A Waiter that keeps what it was told."""

    def __init__(self) -> None:
        self.gone = False
        self.verdict: Verdict | None = None

    def on_verdict(self, verdict: Verdict) -> None:
        """Hear the Verdict, once."""
        assert self.verdict is None
        self.verdict = verdict

    @property
    def admitted(self) -> bool:
        """Whether it heard that it may go on."""
        return self.verdict is not None and self.verdict.admitted

    @property
    def told(self) -> Verdict:
        """The Verdict that it must have heard by now."""
        assert self.verdict is not None
        return self.verdict


def subject(**limits: object) -> Subject:
    """A Subject of a plan with these limits."""
    return Subject(UsagePlan("usagePlan-test", "test", **limits), "service-test", "release")  # type: ignore[arg-type]


def ask(limiter: Limiter, wanted: Subject, count: int = 1) -> list[Request]:
    """Requests that all wait from now on."""
    requests = [Request() for _ in range(count)]
    for request in requests:
        verdict = limiter.reserve(wanted, request)
        if verdict is not None:
            request.on_verdict(verdict)
    return requests


async def turns(count: int = 6) -> None:
    """Let the event loop do what is due now."""
    for _ in range(count):
        await asyncio.sleep(0)


async def get(limiter: Limiter, wanted: Subject, count: int = 1) -> list[Request]:
    """Requests that have heard their Verdicts."""
    requests = ask(limiter, wanted, count)
    await turns()
    return requests
