import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from quotad.config.health_model import CheckRules, HealthRules
from quotad.dataplane.backend import Backend
from quotad.dataplane.checker import Checker
from quotad.dataplane.flow import Wheel
from quotad.dataplane.heads import Heads
from quotad.dataplane.spec import Spec
from tests.support.backends import OK, Reply, Seen, running_backend
from tests.support.backends import Backend as Place
from tests.support.dataplane import route, running_plane, until
from tests.support.rawhttp import get, raw

RULES = CheckRules("/healthz?deep=1", interval_s=0.01, timeout_s=5.0, rise=2, fall=2)


@contextlib.asynccontextmanager
async def checked(
    rules: CheckRules, reply: Reply | None = None, **more: Any
) -> AsyncIterator[tuple[Checker, Backend, Place]]:
    """A checker that was not started, and what it asks."""
    async with running_backend(reply, **more) as place:
        rule = route(place.port, health=HealthRules(check=rules))
        backend = Backend(Spec(rule.upstreams[0], rule), Wheel(), Heads(999, 9).responses)
        yield Checker(backend, rules, lambda: 0.5), backend, place


ANSWERS: list[tuple[str, bytes | None, bool]] = [
    ("200", OK, True),
    ("204", b"HTTP/1.1 204 Fine\r\n\r\n", True),
    ("404", b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", False),
    ("503", b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", False),
    ("early hints first", b"HTTP/1.1 103 Hints\r\n\r\n" + OK, True),
    ("a body that never ends", b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000, True),
    ("nothing", None, False),
    ("no HTTP", b"SSH-2.0-x\r\n\r\n", False),
    ("a head that never ends", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, False),
]


@pytest.mark.parametrize(("answer", "well"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
async def test_answers(answer: bytes | None, well: bool) -> None:
    """Only a valid head with an expected status is good; a body is not waited for; no place is taken."""
    async with checked(RULES, lambda seen: answer) as (checker, backend, place):
        assert await checker.ask() is well
        assert backend.connections == backend.health.failures == 0
        await until(lambda: not place.open)
        (seen,) = place.seen
        assert seen.head == (
            b"GET /healthz?deep=1 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: quotad\r\n"
            b"Connection: close\r\n\r\n" % place.port
        )


async def test_expected_status_and_host() -> None:
    """Which statuses are good, and what Host says, may be told."""
    rules = replace(RULES, statuses=frozenset((404,)), host="well.test")
    async with checked(rules, lambda seen: ANSWERS[2][1]) as (checker, _, place):
        assert await checker.ask()
        assert place.seen[0].values(b"host") == [b"well.test"]


async def test_no_answer_in_time() -> None:
    """Silence is bad, and its connection ends."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with checked(replace(RULES, timeout_s=0.02), script=silent) as (checker, _, place):
        assert not await checker.ask()
        await until(lambda: not place.open)


async def test_nobody_there() -> None:
    """A port on which nobody listens is bad."""
    rule = route(1, health=HealthRules(check=RULES))
    backend = Backend(Spec(rule.upstreams[0], rule), Wheel(), Heads(999, 9).responses)
    assert not await Checker(backend, RULES, lambda: 0.5).ask()


async def test_stopped_in_the_middle() -> None:
    """A checker that is stopped while it asks leaves no connection."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with checked(RULES, script=silent) as (checker, _, place):
        checker.start()
        await until(lambda: place.open)
        checker.stop()
        await until(lambda: not place.open)


def saying(word: dict[str, bytes]) -> Callable[[Seen], bytes]:
    """Answers checks with what ``word`` holds, all else with its port's name."""
    return lambda seen: word["well"] if b"/healthz" in seen.line else OK


async def test_requests_go_where_checks_succeed() -> None:
    """A backend whose checks fail gets no requests until they succeed; checks use no quota."""
    well, ill = {"well": OK}, {"well": OK}
    async with running_backend(saying(well)) as one, running_backend(saying(ill)) as other:
        health = HealthRules(return_s=0.0, check=RULES)
        upstreams = (*route(one.port).upstreams, *route(other.port).upstreams)
        async with running_plane(route(1, upstreams=upstreams, health=health)) as plane:
            rows = plane.listener.upstreams
            assert rows is not None

            async def served() -> tuple[int, int]:
                before = [sum(b"/healthz" not in seen.line for seen in each.seen) for each in (one, other)]
                async with raw(plane.port) as caller:
                    for _ in range(10):
                        await caller.send(get())
                        assert (await caller.answer()).status == 200
                after = [sum(b"/healthz" not in seen.line for seen in each.seen) for each in (one, other)]
                return after[0] - before[0], after[1] - before[1]

            await until(lambda: len(one.seen) > 1 and len(other.seen) > 1)
            assert await served() == (5, 5)
            ill["well"] = b"HTTP/1.1 500 Ill\r\nContent-Length: 0\r\n\r\n"
            await until(lambda: any(row.out for row in rows.rows()))
            assert await served() == (10, 0)
            well["well"] = ill["well"]
            await until(lambda: all(row.out for row in rows.rows()))
            assert await served() == (5, 5)
            well["well"] = ill["well"] = OK
            await until(lambda: not any(row.out for row in rows.rows()))
            assert await served() == (5, 5)
            assert len(plane.gate.granted) == 40


async def test_a_backend_that_is_down_from_the_start() -> None:
    """The first check decides alone, before the first request is there."""
    async with running_backend(saying({"well": OK})) as one:
        upstreams = (*route(one.port).upstreams, *route(1).upstreams)
        health = HealthRules(check=replace(RULES, fall=100))
        async with running_plane(route(1, upstreams=upstreams, health=health)) as plane:
            rows = plane.listener.upstreams
            assert rows is not None
            await until(lambda: [row.out for row in rows.rows()] == [False, True])
