"""The ways in which requests go through a data plane, and what each of them is worth.

Each way is a short conversation between callers, a real listener, the engine on the reference store,
and a backend that speaks as the path asks. ``tests.support.cancelling`` strikes into it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from quotad.config.model import Authorize, AuthRules, SignatureRules
from quotad.core.plans import (
    Api,
    Binding,
    Environment,
    EnvironmentRule,
    LeaseRule,
    Secret,
    Service,
    StatusClass,
    Subject,
    UsagePlan,
)
from quotad.core.table import PlanTable
from quotad.dataplane import arrival as arriving
from quotad.dataplane import connection as connecting
from quotad.dataplane.caller import BODY, CONNECTION, DISCARD, PROOF, RESPONSE, TUNNEL
from quotad.dataplane.decision import FIRST_NUMBER, listen_for_askers
from quotad.dataplane.flow import Wheel
from quotad.dataplane.listener import Listener
from quotad.dataplane.nonces import Tell
from quotad.dataplane.own_use import OwnUse
from quotad.dataplane.plane import Plane
from quotad.dataplane.snapshot import Snapshot, SnapshotHolder
from quotad.engine.limiter import Limiter
from tests.support.backends import OK, Backend, running_backend
from tests.support.cancelling import FLUSHING, Watch, Watched
from tests.support.dataplane import LISTEN, Outcomes, route
from tests.support.engines import World
from tests.support.rawhttp import SECRET_ID, SECRET_KEY, get, post, post_chunked
from tests.support.signed import signed_request
from tests.support.upgrades import SWITCHED, upgrade
from tests.support.waiting import AT_MOST_S

ONLY_2XX: dict[str, Any] = {"quota_condition": frozenset[StatusClass]({"2xx"})}
ONLY_4XX: dict[str, Any] = {"quota_condition": frozenset[StatusClass]({"4xx"})}
HALVES = b"the first half, " + b"and the second"
BIG = b"x" * 30_000
LEASED_2XX = {"lease": LeaseRule(4), **ONLY_2XX}
LEASED = (200,) * 5 + (429,)
PLACE: tuple[tuple[str, Environment], ...] = (("service-test", "release"),)
SAID = {
    b"/pieces": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfirst", b"last"),
    b"/chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n",
        b"4\r\nlast\r\n0\r\n\r\n",
    ),
    b"/until-close": (b"HTTP/1.1 200 OK\r\n\r\nfirst", b"last"),
    b"/big": (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BIG), BIG), b""),
}
"""What the backend says of some paths: at once, and when its first part has gone on."""


class Run:
    """One way, under way."""

    def __init__(self, way: "Way", watch: Watch) -> None:
        self.way = way
        self.watch = watch
        self.world = World()
        self.outcomes = Outcomes()
        self.got: list[int] = []
        self.limiter: Limiter
        self.listener: Listener
        self.backend: Backend
        self.port = 0
        plan = UsagePlan("usagePlan-test", "test", **way.plan)
        plans, bindings = [plan], [Binding(plan.usage_plan_id, (SECRET_ID,), PLACE)]
        if way.shadow is not None:
            plans.append(UsagePlan("usagePlan-shadow", "shadow", **way.shadow))
            bindings.append(Binding("usagePlan-shadow", (SECRET_ID,), PLACE, shadow=True))
        secret = Secret("test", SECRET_ID, SECRET_KEY.encode())
        rules = () if way.rule is None else (way.rule,)
        service = Service("service-test", "test", rules=rules, apis=way.apis)
        self.table = PlanTable([service], plans, [secret], bindings)

    @property
    def plane(self) -> Plane:
        """What the listener's connections share."""
        plane = self.listener._plane
        assert plane is not None
        return plane

    @property
    def requests(self) -> int:
        """How many were received; what only tells a status that somebody waits for is none."""
        told = self.listener.statuses_told
        if not told:
            return self.plane.requests
        return self.plane.requests - FIRST_NUMBER - told["counted"] - told["given_back"]

    @property
    def subject(self) -> Subject:
        return self.table.callers("service-test", "release")[SECRET_ID]

    @property
    def shadow(self) -> Subject | None:
        return self.table.shadows("service-test", "release").get(SECRET_ID)

    async def until(self, holds: Callable[[], object]) -> None:
        """Let the loop go on until ``holds`` does."""
        async with asyncio.timeout(AT_MOST_S):
            while not holds():  # noqa: ASYNC110 - it lies in other parts, which have no event for it
                await asyncio.sleep(0)

    async def reached(self, stage: int, times: int = 1) -> None:
        """Wait until connections have waited in this stage so often, or one was struck."""
        await self.until(lambda: self.watch.waited[stage] >= times or self.watch.struck)

    async def ask(self, *script: bytes | int, answers: int = 1) -> None:
        """One caller: bytes are sent, at a number it waits for that stage; then the answers are read."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, RuntimeError):
            async with self.watch.caller(self.port) as caller:
                for step in script:
                    if isinstance(step, int):
                        await self.reached(step)
                    else:
                        await caller.send(step)
                while answers:
                    answer = await caller.answer()
                    if answer.status >= 200:
                        self.got.append(answer.status)
                        answers -= 1

    async def speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The backend's part, on one connection."""
        served = 0
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if b"/stale" in head and served:
                return
            served += 1
            if b"Expect: " in head:
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            if b"Transfer-Encoding: " in head:
                await reader.readuntil(b"0\r\n\r\n")
            elif b"Content-Length: " in head:
                await reader.readexactly(int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]))
            await self._answer(head, writer)
            if b"/until-close" in head or b"/talk" in head:
                return

    async def _answer(self, head: bytes, writer: asyncio.StreamWriter) -> None:
        path = head.split(b" ", 2)[1]
        if path in SAID:
            at_once, later = SAID[path]
            writer.write(at_once)
            if later:
                await self.reached(BODY)
                writer.write(later)
        elif path == b"/slow":
            await self.reached(CONNECTION, times=2)
            writer.write(OK)
        elif path == b"/talk":
            writer.write(SWITCHED)
            await self.reached(TUNNEL)
            writer.write(OK)
        elif self.way.status == 200 or path == b"/after":
            writer.write(OK)
        else:
            writer.write(b"HTTP/1.1 %d Said So\r\nContent-Length: 0\r\n\r\n" % self.way.status)
        await writer.drain()


@dataclass(frozen=True)
class Way:
    """One way: what callers say, and the rules under which it counts."""

    say: Callable[[Run], Awaitable[object]]
    plan: dict[str, Any] = field(default_factory=dict)
    shadow: dict[str, Any] | None = None
    """Fields of the plans."""
    routing: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    """What the backend answers."""
    statuses: tuple[int, ...] = (200,)
    """What callers get when nothing strikes."""
    uploads: bool = False
    """The body is not whole while the backend is asked: who leaves then breaks off its own request."""
    fault: str = "none"
    narrow: bool = False
    rule: EnvironmentRule | None = None
    """What holds for all callers of the environment."""
    apis: tuple[Api, ...] = ()
    """What the service has, with throttles of their own."""
    away_first: bool = False
    """Before the backend's turn it is that of one which takes no connection."""
    lives_on: bool = True
    """Whether another request would be answered by the backend afterwards."""
    asks: Authorize | None = None
    """Another proxy asks, and forwards by itself."""
    at_once: int = 0
    """After how many requests that were sent ahead others have their turn; 0: as shipped."""


def throttled_api(rate: int) -> tuple[Api, ...]:
    """An Api of what ways ask for, with a throttle of its own."""
    return (Api("api-ok", "ok", "ANY", "/{path}", (EnvironmentRule("release", rate, rate),)),)


def one(*script: bytes | int, answers: int = 1) -> Callable[[Run], Awaitable[object]]:
    """A single caller's conversation."""
    return lambda run: run.ask(*script, answers=answers)


async def two_on_one_connection(run: Run) -> None:
    """While the backend has the first, the second waits in line for the only connection."""

    async def second() -> None:
        await run.reached(RESPONSE)
        await run.ask(get("/ok"))

    await asyncio.gather(run.ask(get("/slow")), second())


async def one_after_another(run: Run) -> None:
    """The second finds a kept connection, which its backend closes instead of answering."""
    await run.ask(get("/stale"))
    await run.ask(get("/stale"))


async def signed_and_waited_for(run: Run) -> None:
    """The body of a signed request comes late, and is waited for before anything goes on."""
    request = signed_request("POST", "/ok", HALVES)
    await run.ask(request[:-HALF], PROOF, request[-HALF:])


async def signed_and_passing(run: Run) -> None:
    """The body of a signed request is checked while it passes."""
    request = signed_request("POST", "/ok", HALVES)
    await run.ask(request[:-HALF], RESPONSE, request[-HALF:])


class NewNonces:
    """A fleet that has never seen a nonce (``dataplane.nonces.FleetNonces``)."""

    def spend_nonce(self, secret_id: str, name: bytes, keep_s: float, tell: Tell) -> None:
        """Answers in the next tick."""
        asyncio.get_running_loop().call_soon(tell, True)


def proving(**rules: Any) -> dict[str, Any]:
    """A route's fields under which signatures are held to these rules."""
    return {"auth": AuthRules(signature_rules=SignatureRules(**rules))}


HALF = len(HALVES) // 2
POSTED = post(HALVES, target="/ok")
CHUNKED = post_chunked([HALVES[:HALF]], ending=b"")
REST = b"%x\r\n%b\r\n0\r\n\r\n" % (len(HALVES) - HALF, HALVES[HALF:])
EXPECTING = post(HALVES, b"Expect: 100-continue\r\n")

WAYS = {
    "get": Way(one(get("/ok"))),
    "get-if-2xx": Way(one(get("/ok"), get("/ok"), answers=2), ONLY_2XX, statuses=(200, 200)),
    "get-if-2xx-is-404": Way(one(get("/ok")), ONLY_2XX, status=404, statuses=(404,)),
    "post": Way(one(POSTED), ONLY_2XX),
    "upload": Way(one(POSTED[:-HALF], RESPONSE, POSTED[-HALF:]), ONLY_2XX, uploads=True),
    "upload-chunked": Way(one(CHUNKED, RESPONSE, REST), uploads=True),
    "upload-expected": Way(one(EXPECTING[: -len(HALVES)], RESPONSE, HALVES), ONLY_2XX, uploads=True),
    "download": Way(one(get("/pieces"), get("/ok"), answers=2), ONLY_2XX, statuses=(200, 200)),
    "download-chunks": Way(one(get("/chunks"))),
    "download-until-close": Way(one(get("/until-close", version="1.0")), ONLY_2XX),
    "retry": Way(one_after_another, ONLY_2XX, statuses=(200, 200)),
    "line": Way(two_on_one_connection, ONLY_2XX, routing={"pool_connections": 1}, statuses=(200, 200)),
    "elsewhere": Way(one(get("/ok"), POSTED, answers=2), ONLY_2XX, away_first=True, statuses=(200, 200)),
    "no-backend": Way(one(get("/ok")), ONLY_2XX, routing={"port": 1}, statuses=(502,), lives_on=False),
    "refused": Way(
        one(POSTED[:-HALF], DISCARD, POSTED[-HALF:], get("/ok"), answers=2),
        {"day_quota_request": 0, **ONLY_2XX},
        statuses=(429, 429),
        lives_on=False,
    ),
    "refused-by-rate": Way(
        one(get("/ok"), get("/ok"), answers=2),
        {"rate_rps": 1, "burst": 1},
        statuses=(200, 429),
        lives_on=False,
    ),
    "shadow": Way(one(get("/pieces")), ONLY_2XX, shadow={}),
    "shadow-if-4xx": Way(one(POSTED[:-HALF], RESPONSE, POSTED[-HALF:]), {}, shadow=ONLY_4XX, uploads=True),
    "shadow-in-line": Way(
        two_on_one_connection,
        ONLY_2XX,
        shadow=ONLY_2XX,
        routing={"pool_connections": 1},
        statuses=(200, 200),
    ),
    "shadow-refuses": Way(one(get("/ok")), ONLY_2XX, shadow={"day_quota_request": 0}),
    "own-use": Way(one(get("/.well-known/quotad/usage"), get("/ok"), answers=2), statuses=(200, 200)),
    "leased": Way(
        one(*[get("/ok")] * 6, answers=6),
        {"lease": LeaseRule(4), "day_quota_request": 5},
        statuses=LEASED,
        lives_on=False,
    ),
    "leased-if-2xx": Way(one(*[get("/ok")] * 4, answers=4), LEASED_2XX, statuses=(200,) * 4),
    "tunnel": Way(one(upgrade(), b"early", TUNNEL, b"late", answers=1), ONLY_2XX, statuses=(200,)),
    "throttle": Way(one(get("/ok")), ONLY_2XX, rule=EnvironmentRule("release", 10, 10)),
    "throttle-refuses": Way(
        one(get("/ok"), get("/ok"), answers=2),
        ONLY_2XX,
        rule=EnvironmentRule("release", 1, 1),
        statuses=(200, 429),
        lives_on=False,
    ),
    "api-throttle": Way(
        one(get("/ok")), ONLY_2XX, rule=EnvironmentRule("release", 10, 10), apis=throttled_api(10)
    ),
    "api-throttle-refuses": Way(
        one(get("/ok"), get("/ok"), answers=2),
        ONLY_2XX,
        rule=EnvironmentRule("release", 10, 10),
        apis=throttled_api(1),
        statuses=(200, 429),
        lives_on=False,
    ),
    "throttle-refuses-what-an-api-let-pass": Way(
        one(get("/ok"), get("/ok"), answers=2),
        ONLY_2XX,
        rule=EnvironmentRule("release", 1, 1),
        apis=throttled_api(10),
        statuses=(200, 429),
        lives_on=False,
    ),
    "signed": Way(lambda run: run.ask(signed_request(target="/ok")), ONLY_2XX),
    "signed-in-fleet": Way(
        lambda run: run.ask(signed_request(target="/ok")), ONLY_2XX, routing=proving(replay="fleet")
    ),
    "signed-body": Way(signed_and_waited_for, ONLY_2XX),
    "signed-upload": Way(signed_and_passing, ONLY_2XX, routing=proving(check_body_bytes=0), uploads=True),
    "slow-caller": Way(
        one(get("/big") + get("/ok"), FLUSHING, answers=2), ONLY_2XX, statuses=(200, 200), narrow=True
    ),
    "taking-turns": Way(one(get("/ok") * 3, answers=3), statuses=(200,) * 3, at_once=1),
    "store-lost-the-call": Way(one(get("/ok")), ONLY_2XX, statuses=(503,), fault="lose_call"),
    "store-lost-the-answer": Way(one(get("/ok")), ONLY_2XX, statuses=(503,), fault="lose_reply"),
    "store-is-late": Way(one(get("/ok")), ONLY_2XX, statuses=(503,), fault="hold_reply"),
}


@contextlib.asynccontextmanager
async def running(way: Way, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Run]:
    """The parts of one way, started; at the end the listener is closed."""
    run = Run(way, watch)
    if way.at_once:
        monkeypatch.setattr(connecting, "AT_ONCE", way.at_once)
    monkeypatch.setattr(arriving, "Connection", lambda plane, crowd: Watched(plane, crowd, watch))
    async with running_backend(script=run.speak) as backend:
        run.backend = backend
        changes = dict(way.routing)
        port = changes.pop("port", backend.port)
        if way.away_first:
            changes["upstreams"] = (*route(1).upstreams, *route(port).upstreams)
        routes = [route(port, **changes)]
        run.limiter = run.world.sidecar()
        run.limiter.start()
        store = run.world.stores[0]
        store.fault = way.fault
        own_use = OwnUse(store.usage, lambda: run.world.now_us / 1e6)
        holder = SnapshotHolder(Snapshot(routes, run.table))
        bounds = LISTEN if way.asks is None else listen_for_askers(LISTEN, way.asks)
        run.listener = Listener(bounds, holder, run.limiter, run.outcomes, Wheel(tick_s=0.005), own_use)
        run.listener.authorize = way.asks
        run.listener.fleet_nonces = NewNonces()
        run.port = await run.listener.start()
        try:
            yield run
        finally:
            await run.listener.close()
            await own_use.close()
