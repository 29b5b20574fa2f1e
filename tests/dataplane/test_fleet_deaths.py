"""Several backends behind one route: they die, restart, are not there, and callers hardly notice."""

import pytest

from quotad.config.health_model import HealthRules, RetryRules
from tests.support.backends import running_backend
from tests.support.dataplane import running_plane
from tests.support.fleets import PUT, Load, ask, routed, upstreams_of
from tests.support.killing import Mortal, running_mortals
from tests.support.rawhttp import get, post, raw
from tests.support.waiting import until


@pytest.mark.parametrize("balance", ["round-robin", "least-requests"])
async def test_one_of_three_is_killed_under_load(balance: str) -> None:
    """Nobody sees an error of what may be sent twice; a POST is answered, or is 502 and sent nowhere else."""
    async with running_mortals(3) as mortals:
        rule = routed(*(mortal.port for mortal in mortals), balance=balance)
        async with running_plane(rule) as plane:
            posts = [post(b"once %d" % number) for number in range(2)]
            load = Load(plane, get(), PUT, *posts)
            await load.more(50)
            mortals[1].kill()
            dead = len(mortals[1].seen)
            await load.more(300)
            await load.stop()
            for request in (get(), PUT):
                assert set(load.statuses[request]) == {200}
            broken = sum(load.statuses[request][502] for request in posts)
            assert {status for request in posts for status in load.statuses[request]} <= {200, 502}
            assert broken <= 16
            assert len(mortals[1].seen) == dead
            # No POST reached two backends, or one twice.
            seen = [each for mortal in mortals for each in mortal.seen if each.line.startswith(b"POST")]
            assert len({each.values(b"x-request-id")[0] for each in seen}) == len(seen)
            answered = sum(load.statuses[request][200] for request in posts)
            assert answered <= len(seen) <= answered + broken
            assert [row.out for row in upstreams_of(plane).rows()] == [False, True, False]
            assert upstreams_of(plane).retries["unsent"] > 0
            assert len(plane.gate.granted) == plane.listener._plane.requests  # type: ignore[union-attr]


async def served(mortal: Mortal, count: int) -> None:
    """Wait until a backend has had so many requests."""
    await until(lambda: len(mortal.seen) >= count)


async def test_a_rolling_restart_of_all_loses_nothing() -> None:
    """Each backend in turn ends in order and comes back; no request is lost."""
    async with running_mortals(3) as mortals:
        rule = routed(
            *(mortal.port for mortal in mortals), health=HealthRules(ejection_s=0.05, return_s=0.05)
        )
        async with running_plane(rule) as plane:
            load = Load(plane, get(), PUT)
            for mortal in mortals:
                await load.more(50)
                await mortal.leave()
                await load.more(100)
                await mortal.start()
                before = len(mortal.seen)
                await served(mortal, before + 20)
            await load.stop()
            assert [set(each) for each in load.statuses.values()] == [{200}, {200}]


async def test_what_was_not_sent_goes_elsewhere() -> None:
    """A backend that takes no connection costs no method anything."""
    async with running_backend() as backend:
        async with running_plane(routed(1, backend.port)) as plane:
            assert await ask(plane, get(), 8) == {200: 8}
            assert await ask(plane, post(b"once"), 8) == {200: 8}
            assert [row.out for row in upstreams_of(plane).rows()] == [True, False]
        async with running_plane(routed(1, backend.port, retry=RetryRules(0))) as plane:
            assert await ask(plane, get(), 8) == {200: 4, 502: 4}


async def test_so_many_tries_and_no_more() -> None:
    """A request is tried at most as often as its route says, at each backend once."""
    async with running_mortals(4) as mortals:
        for most in (0, 1, 2, 9):
            seen = sum(len(mortal.seen) for mortal in mortals)
            rule = routed(*(mortal.port for mortal in mortals), retry=RetryRules(most))
            for mortal in mortals:
                mortal.dying = True
            async with running_plane(rule) as plane:
                assert await ask(plane, get(), 1) == {502: 1}
                assert plane.gate.counted == [True]
            assert sum(len(mortal.seen) for mortal in mortals) - seen == min(1 + most, 4)


async def test_retries_do_not_double_the_load() -> None:
    """When every backend fails, they get a fifth more than they were sent, after what was saved up."""
    async with running_mortals(2) as mortals:
        for mortal in mortals:
            mortal.dying = True
        async with running_plane(routed(*(mortal.port for mortal in mortals))) as plane:
            requests = 400
            assert await ask(plane, get(), requests) == {502: requests}
            sent = sum(len(mortal.seen) for mortal in mortals)
            retries = upstreams_of(plane).retries
        assert retries["over_budget"] > 0
        assert sent == requests + retries["unanswered"]
        assert retries["unanswered"] <= 100 + 0.2 * requests + 5


@pytest.mark.parametrize(
    ("request_bytes", "pieces", "status"),
    [
        (get(), 1, 200),
        (PUT, 2, 200),
        (b"PUT" + post(b"x" * 20_000)[4:], 2, 502),
        (post(b"once"), 1, 502),
    ],
    ids=["get", "put-in-two-pieces", "put-too-long-to-keep", "post"],
)
async def test_what_may_be_sent_again(request_bytes: bytes, pieces: int, status: int) -> None:
    """What got no answer goes to another backend, whole, when twice does no harm and all is there."""
    async with running_mortals(1) as (mortal,), running_backend() as backend:
        mortal.dying = True
        async with running_plane(routed(mortal.port, backend.port)) as plane, raw(plane.port) as caller:
            cut = len(request_bytes) if pieces == 1 else request_bytes.index(b"\r\n\r\n") + 4
            await caller.send(request_bytes[:cut])
            if pieces > 1:
                await until(lambda: upstreams_of(plane).rows()[0].connections > 0)
            await caller.send(request_bytes[cut:])
            answer = await caller.answer()
            assert answer.status == status
            assert plane.gate.counted == [True]
            assert len(mortal.seen) == 1
            if status == 200:
                assert backend.seen[0].body == mortal.seen[0].body
