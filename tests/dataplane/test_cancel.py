"""L4: whoever leaves at whichever point, nothing is left behind and everything is paid for.

Every point of every way (``tests.support.ways``) is struck once in each mode
(``tests.support.cancelling``); what was really struck is recorded, and a point that was not fails.
"""

import asyncio
from typing import Any

import pytest

from quotad.core.outcome import Outcome, counts
from quotad.core.plans import Subject
from quotad.core.replies import status_of
from tests.support.asked_ways import ASKED_WAYS
from tests.support.cancelling import MODES, Mode, Place, Watch, every_place
from tests.support.rawhttp import get, raw
from tests.support.ways import WAYS, Run, Way, running

pytestmark = pytest.mark.pure

ALL_WAYS = {**WAYS, **ASKED_WAYS}


async def play(way: Way, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Go one way, perhaps struck, and check what is left of it; answers the statuses that callers got."""
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
    async with running(way, watch, monkeypatch) as run:
        saying = asyncio.ensure_future(way.say(run))
        await run.until(saying.done)
        saying.result()
        await everything_ends(run)
        watch.over = True
        if way.asks is None:
            check_accounts(run, watch)
        else:
            await check_decisions(run)
        await check_connections(run)
    await run.until(lambda: not run.backend.open)
    assert all(backend._pool.total == 0 for backend in run.plane.upstreams._backends.values())
    assert told == []
    return run.got


async def everything_ends(run: Run) -> None:
    """Every request is over and told to the store."""
    store = run.world.stores[0]
    await run.until(lambda: len(run.outcomes.all) == run.requests and not run.listener.connections)
    store.fault = "none"
    store.let_go()
    await everything_is_told(run)


async def everything_is_told(run: Run) -> None:
    """The store has heard all that is to be told."""
    for _ in range(50):
        run.world.now_us += 100_000
        run.world.fire()
        for _ in range(4):
            await asyncio.sleep(0)


def check_accounts(run: Run, watch: Watch) -> None:
    """Each request was worth what the rules say, the store has heard it, and nobody waits or holds."""
    outcomes = run.outcomes.all
    assert [outcome.reason for outcome in outcomes if outcome.reason == "internal"] == []
    enforced = [worth(run, outcome, run.subject, watch) for outcome in outcomes]
    assert [outcome.counted for outcome in outcomes] == enforced
    assert used(run, run.subject) == (enforced.count(True), 0)
    if run.shadow is not None and run.shadow.plan.day_quota_request < 0:
        asked = [outcome for outcome in outcomes if outcome.counted is not None]
        shadowed = [worth(run, outcome, run.shadow, watch) for outcome in asked]
        assert used(run, run.shadow) == (shadowed.count(True), 0)
    assert (run.limiter.waiting, run.plane.shadows_waiting) == (0, 0)


async def check_decisions(run: Run) -> None:
    """What may pass is used, or held until its status is told; what is never told is used at the end."""
    asked = [outcome for outcome in run.outcomes.all if outcome.reason != "settle_unknown"]
    permitted = [outcome for outcome in asked if outcome.status == 200]
    assert not any(outcome.counted for outcome in asked if outcome.status != 200)
    told = run.listener.statuses_told
    counted = sum(outcome.counted is True for outcome in permitted) + told["counted"]
    held = len(permitted) - counted - told["given_back"]
    assert all(outcome.counted is not False for outcome in permitted)
    assert used(run, run.subject) == (counted, held)
    assert run.limiter.waiting == 0
    await run.listener.close()
    await everything_is_told(run)
    assert (told["overdue"], used(run, run.subject)) == (held, (counted + held, 0))
    assert run.plane.shadows_waiting == 0
    if run.shadow is not None:
        given_back = told["given_back"] + (
            told["counted"] if run.shadow.plan.quota_condition == {"4xx"} else 0
        )
        assert used(run, run.shadow) == (len(permitted) - given_back, 0)


def used(run: Run, subject: Subject) -> tuple[int, int]:
    """(charged, open) of the day; a Subject that nobody asked for has nothing."""
    return run.world.used(subject)


def worth(run: Run, outcome: Outcome, subject: Subject, watch: Watch) -> bool | None:
    """Whether a request uses its plan (docs/guarantees.md, Q1 to Q3), told from what became of it.

    None: it was never admitted.
    """
    if outcome.counted is None:
        return None
    condition = subject.plan.quota_condition
    if outcome.status:
        return counts(condition, outcome.status)
    if not outcome.upstream:
        return False
    if watch.mode == "abandon":
        return counts(condition, 0)
    if run.way.uploads:
        return True
    if outcome.reason.startswith("upstream_"):
        # The backend's connection broke, and nobody was there to be told so.
        return counts(condition, status_of(outcome.reason))
    return counts(condition, run.way.status)


async def check_connections(run: Run) -> None:
    """Kept connections to backends are whole: the next requests get their own answers."""
    backends = run.plane.upstreams._backends.values()
    pools = [backend._pool for backend in backends]
    await run.until(lambda: not any(backend._opening for backend in backends))
    await run.until(lambda: all(pool.total == len(pool.idle()) for pool in pools))
    for pool in pools:
        assert not pool._waiting
        for connection in pool.idle():
            assert (connection.closed, connection.user, connection.sink) == (False, None, None)
            assert (connection.ahead, connection.giver) == (b"", None)
    if run.way.lives_on and run.way.asks is None:
        async with raw(run.port) as caller:
            for _ in range(3):
                await caller.send(get("/after"))
                answer = await caller.answer()
                assert (answer.status, answer.body) == (200, b"ok")


async def points(way: Way, monkeypatch: pytest.MonkeyPatch) -> list[Place]:
    """The points of a way on which nothing strikes."""
    watch = Watch(narrow=way.narrow)
    got = await play(way, watch, monkeypatch)
    assert tuple(got) == way.statuses
    return watch.places


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ALL_WAYS)
async def test_who_leaves_at_any_point_leaves_nothing_behind(
    name: str, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No Hold, no waiter and no torn connection is left, and what was used is what the rules say."""
    way = ALL_WAYS[name]
    reached = await points(way, monkeypatch)
    struck = set()
    for strike in range(1, len(reached) + 1):
        watch = Watch(mode, strike, way.narrow)
        await play(way, watch, monkeypatch)
        assert watch.struck, f"point {strike} of {len(reached)} was not reached"
        struck.add(watch.places[strike - 1])
    assert struck == set(reached)


async def test_the_ways_lead_by_every_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every place in the data plane's sources where a coroutine waits is a point of one of the ways."""
    found = set()
    for way in ALL_WAYS.values():
        found.update(await points(way, monkeypatch))
    assert found == every_place()
