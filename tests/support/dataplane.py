"""A data plane under test: a real listener, a real admission without a store, what was counted."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from quotad.config.model import Address, Authorize, Listen, ListenTls, Route, UpstreamAddress
from quotad.core.outcome import Outcome
from quotad.core.plans import (
    Binding,
    Environment,
    Secret,
    Service,
    StatusClass,
    Subject,
    UsagePlan,
)
from quotad.core.quota import Limit
from quotad.core.table import PlanTable
from quotad.core.verdict import Verdict, Waiter
from quotad.dataplane.decision import listen_for_askers
from quotad.dataplane.flow import Wheel
from quotad.dataplane.listener import Listener
from quotad.dataplane.own_use import OwnUse
from quotad.dataplane.snapshot import Snapshot, SnapshotHolder
from tests.support.rawhttp import SECRET_ID, SECRET_KEY
from tests.support.waiting import AT_MOST_S

LISTEN = Listen(Address("127.0.0.1", 0))
UNUSED_PORT = 1
SERVICE = Service("service-test", "test")


async def until(holds: Callable[[], object]) -> None:
    """Let the loop go on until ``holds`` does; TimeoutError when it never does."""
    async with asyncio.timeout(AT_MOST_S):
        while not holds():  # noqa: ASYNC110 - what is awaited lies in other parts, which have no event for it.
            await asyncio.sleep(0)


def refused(
    limit: Limit = Limit.DAY, reason: str = "quota", retry_after_s: int = 7
) -> Callable[[Verdict], None]:
    """Makes a Verdict a refusal."""

    def change(verdict: Verdict) -> None:
        verdict.admitted = False
        verdict.reason = reason
        verdict.limit = limit
        verdict.retry_after_s = retry_after_s

    return change


class Gate:
    """An Admission that answers in the next tick, or when it is told to, and remembers every verb."""

    def __init__(self) -> None:
        self.change: Callable[[Verdict], None] = lambda verdict: None
        self.held = False
        """True: Verdicts wait for ``open``."""
        self.at_once = False
        """True: ``reserve`` answers the Verdict itself."""
        self.asked = 0
        self.known: dict[str, Verdict] = {}
        """Refusals that need no question, by the Subject's tag."""
        self.waiting: list[tuple[Subject, Waiter]] = []
        self.settled: list[tuple[Verdict, bool]] = []
        self.released: list[Verdict] = []
        self.granted: list[Verdict] = []

    def reserve(self, subject: Subject, waiter: Waiter) -> Verdict | None:
        self.asked += 1
        if self.at_once:
            return self._verdict(subject)
        self.waiting.append((subject, waiter))
        if not self.held:
            asyncio.get_running_loop().call_soon(self.open)
        return None

    def known_refusal(self, subject: Subject) -> Verdict | None:
        return self.known.get(subject.tag)

    def open(self) -> None:
        """Answer everybody who waits."""
        waiting, self.waiting = self.waiting, []
        for subject, waiter in waiting:
            if not waiter.gone:
                waiter.on_verdict(self._verdict(subject))

    def _verdict(self, subject: Subject) -> Verdict:
        verdict = Verdict(subject, True, None)
        self.change(verdict)
        if verdict.admitted:
            self.granted.append(verdict)
        return verdict

    def settle(self, verdict: Verdict, counted: bool) -> None:
        self.settled.append((verdict, counted))

    def release(self, verdict: Verdict) -> None:
        self.released.append(verdict)

    @property
    def counted(self) -> list[bool]:
        return [counted for _, counted in self.settled]

    def assert_balanced(self) -> None:
        """Every admitted Verdict ended in exactly one settle or release."""
        ended = [verdict for verdict, _ in self.settled] + self.released
        assert sorted(map(id, ended)) == sorted(map(id, self.granted))


class Outcomes:
    """A Recorder that keeps what it is given."""

    def __init__(self) -> None:
        self.all: list[Outcome] = []
        self.shadows: list[tuple[Subject, str]] = []
        self.tunnels = 0
        self._event = asyncio.Event()

    def record(self, outcome: Outcome) -> None:
        self.all.append(outcome)
        self._event.set()

    def shadow(self, subject: Subject, verdict: str) -> None:
        self.shadows.append((subject, verdict))

    async def until(self, count: int) -> Outcome:
        """Wait until ``count`` requests have ended; answers the last."""
        async with asyncio.timeout(AT_MOST_S):
            while len(self.all) < count:
                self._event.clear()
                await self._event.wait()
        return self.all[-1]


@dataclass
class Plane:
    """What a test holds in its hands."""

    port: int
    gate: Gate
    outcomes: Outcomes
    listener: Listener
    holder: SnapshotHolder
    wheel: Wheel = field(repr=False)


@dataclass
class Asking:
    """A port on which other proxies ask, instead of callers."""

    rules: Authorize
    bounds: Listen = LISTEN
    beside: Listener | None = None


def snapshot(
    *routes: Route,
    condition: frozenset[StatusClass] = frozenset(),
    disabled: bool = False,
    shadow: UsagePlan | None = None,
    tls: ListenTls | None = None,
    service: Service = SERVICE,
    asking_tls: ListenTls | None = None,
) -> Snapshot:
    """Routes to one service, with one plan and one key pair that may use it."""
    place: tuple[tuple[str, Environment], ...] = (("service-test", "release"),)
    plan = UsagePlan("usagePlan-test", "test", quota_condition=condition, disabled=disabled)
    secret = Secret("test", SECRET_ID, SECRET_KEY.encode())
    table = PlanTable(
        [service],
        [plan] if shadow is None else [plan, shadow],
        [secret],
        [
            Binding("usagePlan-test", (SECRET_ID,), place),
            *([] if shadow is None else [Binding(shadow.usage_plan_id, (SECRET_ID,), place, shadow=True)]),
        ],
    )
    return Snapshot(routes, table, tls, asking_tls)


def route(port: int, **changes: Any) -> Route:
    """A route of every host and path to a loopback port."""
    made = Route("", "/", "service-test", "release", (UpstreamAddress("127.0.0.1", port),))
    return replace(made, **changes)


@contextlib.asynccontextmanager
async def running_plane(
    *routes: Route,
    listen: Listen | Asking = LISTEN,
    condition: frozenset[StatusClass] = frozenset(),
    shadow: UsagePlan | None = None,
    wheel: Wheel | None = None,
    own_use: OwnUse | None = None,
    listening: Sequence[socket.socket] = (),
) -> AsyncIterator[Plane]:
    """A listener on a free loopback port; at the end every admitted request must be accounted for.

    ``listening``: bound sockets of the test's own, to accept from instead.
    """
    gate, outcomes = Gate(), Outcomes()
    tls, asking_tls = (None, listen.rules.tls) if isinstance(listen, Asking) else (listen.tls, None)
    holder = SnapshotHolder(
        snapshot(*routes, condition=condition, shadow=shadow, tls=tls, asking_tls=asking_tls)
    )
    wheel = wheel or Wheel(tick_s=0.005)
    if isinstance(listen, Asking):
        bounds = listen_for_askers(listen.bounds, listen.rules)
        listener = Listener(bounds, holder, gate, outcomes, wheel, own_use)
        listener.authorize, listener.beside = listen.rules, listen.beside
    else:
        listener = Listener(listen, holder, gate, outcomes, wheel, own_use)
    if listening:
        await listener.serve_on(listening)
        port = listening[0].getsockname()[1]
    else:
        port = await listener.start()
    try:
        yield Plane(port, gate, outcomes, listener, holder, wheel)
    finally:
        await listener.close()
    gate.assert_balanced()
