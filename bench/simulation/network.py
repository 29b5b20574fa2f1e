"""The way from a sidecar to the store and back, and the one core that runs the scripts."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from bench.simulation.loop import SimulatedLoop
from quotad.core.quota import Answer, Call
from quotad.core.reference import Reference
from quotad.errors import StoreError
from quotad.store.breaker import PROBE_S
from quotad.store.flight import Gathering, Listener, Part
from quotad.store.interface import Batch
from quotad.store.memory_store import MemoryStore

START_US = 1_781_179_200_000_000
"""2026-06-11 12:00 UTC: no window ends within a run."""

SUBJECTS_PER_CALL = 64
"""As ``store.redis_store`` sends them to one server."""

HOLD_S = 60.0
DEADLINE_S = 0.050
STUCK_S = 1.0
"""Defaults of ``store.link``: silence for so long, and the connection is made anew."""

SAMPLE_S = 0.25
"""Figures over time are taken so often."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the network and the server are like. Seconds; each way has a delay of its own."""

    least_s: float = 0.0001
    most_s: float = 0.001
    slow_share: float = 0.001
    """One in 1,000 is held up on top, ..."""
    slow_s: tuple[float, float] = (0.003, 0.020)
    lost_share: float = 0.00005
    """... one in 20,000 is lost and sent again by TCP, past the deadline; what follows waits for it."""
    resend_s: float = 0.200
    call_us: float = 22.0
    """What a script call costs the server's core ..."""
    subject_us: float = 16.0
    """... and each Subject in it (``cost``: measured)."""
    outage_s: tuple[float, float] = (0.0, 0.0)
    """From when to when the server is away: nothing arrives there, nothing comes from it."""
    reconnect_s: float = 0.2
    """After it until a sidecar has a connection again."""

    def away(self, now_s: float) -> bool:
        """Whether nothing gets through."""
        return self.outage_s[0] <= now_s < self.outage_s[1]

    def delay_s(self, random: Random) -> float:
        """One way."""
        delay_s = random.uniform(self.least_s, self.most_s)
        chance = random.random()
        if chance < self.lost_share:
            return delay_s + self.resend_s
        return delay_s + random.uniform(*self.slow_s) if chance < self.slow_share else delay_s


class Server:
    """The reference on one core: a call waits for those before it."""

    def __init__(self, loop: SimulatedLoop, conditions: Conditions) -> None:
        self.reference = Reference()
        self.conditions = conditions
        self.calls = 0
        self.subjects = 0
        self.busy_s = 0.0
        self._loop = loop
        self._free_s = 0.0

    def execute(
        self, sidecar_id: bytes, calls: Sequence[Call], settle_only: bool
    ) -> tuple[float, list[Answer]]:
        """Run one script call that has arrived now: when it is done, and what it answers."""
        start_s = max(self._loop.now_s, self._free_s)
        cost_s = (self.conditions.call_us + self.conditions.subject_us * len(calls)) / 1e6
        self._free_s = start_s + cost_s
        self.busy_s += cost_s
        self.calls += 1
        self.subjects += len(calls)
        serve = self.reference.settle if settle_only else self.reference.reserve
        hold_us, now_us = round(HOLD_S * 1e6), START_US + int(start_s * 1e6)
        return self._free_s, [serve(now_us, sidecar_id, hold_us, call) for call in calls]


class OpenCall:
    """A script call that is not resolved."""

    __slots__ = ("calls", "done", "expires_s", "listener", "settle_only")

    def __init__(
        self, listener: Listener, calls: Sequence[Call], settle_only: bool, expires_s: float
    ) -> None:
        self.listener = listener
        self.calls = calls
        self.settle_only = settle_only
        self.expires_s = expires_s
        self.done = False

    def finish(self, answers: Sequence[Answer | StoreError]) -> None:
        """Resolve it, once."""
        if not self.done:
            self.done = True
            self.listener.done(answers)


class SimulatedStore(MemoryStore):
    """One sidecar's connection: in order both ways, with the deadline and the breaker of the real link."""

    def __init__(self, loop: SimulatedLoop, server: Server, random: Random, sidecar_id: bytes) -> None:
        super().__init__(server.reference, self.clock_us, sidecar_id, round(HOLD_S * 1e6))
        self.dead = False
        """Its process was killed: nothing that comes for it is heard."""
        self.connections = 0
        self._loop = loop
        self._server = server
        self._random = random
        self._there_s = self._back_s = 0.0
        self._lost_s: float | None = None
        self._open: deque[OpenCall] = deque()
        self._probe_s = 0.0
        self._watched = False

    def clock_us(self) -> int:
        """The store's time."""
        return START_US + int(self._loop.now_s * 1e6)

    @property
    def reconnects(self) -> int:
        """How often a connection was made in the place of an earlier one."""
        return self.connections

    def submit(self, batch: Batch, settle_only: bool = False) -> None:
        """One script call per 64 Subjects, all in one write."""
        if self.dead:
            return
        if len(batch.calls) <= SUBJECTS_PER_CALL:
            self._send(OpenCall(batch, batch.calls, settle_only, self._loop.now_s + DEADLINE_S))
            return
        gathering = Gathering(batch)
        for start in range(0, len(batch.calls), SUBJECTS_PER_CALL):
            calls = batch.calls[start : start + SUBJECTS_PER_CALL]
            self._send(OpenCall(Part(gathering, start), calls, settle_only, self._loop.now_s + DEADLINE_S))

    def _send(self, call: OpenCall) -> None:
        now_s = self._loop.now_s
        if self._lost_s is not None:
            waits_s = DEADLINE_S if now_s - self._lost_s <= DEADLINE_S else 0.0
            self._loop.at(now_s + waits_s, self._fail, call, "disconnected", False)
        elif self._is_silent(now_s):
            self._loop.at(now_s, self._fail, call, "deadline", False)
        else:
            self._open.append(call)
            self._there_s = max(self._there_s, now_s + self._server.conditions.delay_s(self._random))
            self._loop.at(self._there_s, self._arrive, call)
            self._loop.at(call.expires_s, self._expire, call)

    def _is_silent(self, now_s: float) -> bool:
        """The breaker: nobody waits for a server that has been silent for two deadlines."""
        if not self._open or now_s < self._open[0].expires_s + DEADLINE_S:
            return False
        if now_s >= self._probe_s:
            self._probe_s = now_s + PROBE_S
            return False
        return True

    def _arrive(self, call: OpenCall) -> None:
        conditions = self._server.conditions
        if conditions.away(self._loop.now_s):
            return
        done_s, answers = self._server.execute(self.sidecar_id, call.calls, call.settle_only)
        self._back_s = max(self._back_s, done_s + conditions.delay_s(self._random))
        self._loop.at(self._back_s, self._hear, call, answers)

    def _hear(self, call: OpenCall, answers: list[Answer]) -> None:
        if self.dead or call.done or self._server.conditions.away(self._loop.now_s):
            return
        while self._open and (self._open[0].done or self._open[0] is call):
            self._open.popleft()
        call.finish(answers)

    def _expire(self, call: OpenCall) -> None:
        if call.done or self.dead:
            return
        call.listener.late()
        if not self._watched:
            self._watched = True
            self._loop.at(self._loop.now_s + STUCK_S - DEADLINE_S, self._watch)

    def _watch(self) -> None:
        """Silence since the oldest open call went out: the connection is given up."""
        self._watched = False
        while self._open and self._open[0].done:
            self._open.popleft()
        if self.dead or not self._open:
            return
        silent_at_s = self._open[0].expires_s + STUCK_S - DEADLINE_S
        if self._loop.now_s < silent_at_s:
            self._watched = True
            self._loop.at(silent_at_s, self._watch)
            return
        self._lost_s = self._loop.now_s
        until_s = max(self._server.conditions.outage_s[1], self._lost_s)
        self._loop.at(until_s + self._server.conditions.reconnect_s, self._connect)
        lost, self._open = self._open, deque()
        for call in lost:
            self._fail(call, "stuck", None)

    def _connect(self) -> None:
        self._lost_s = None
        self.connections += 1

    def _fail(self, call: OpenCall, kind: str, executed: bool | None) -> None:
        if not self.dead:
            call.finish([StoreError(kind, "simulated", executed)] * len(call.calls))
