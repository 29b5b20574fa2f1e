"""Several backends behind one route: they fail, come back, move, go by a reload."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from quotad.clock import monotonic_s
from quotad.config.health_model import HealthRules
from quotad.config.model import UpstreamAddress
from quotad.dataplane.fleet import Row, Upstreams, is_name
from quotad.dataplane.flow import Wheel
from quotad.dataplane.heads import Heads
from quotad.dataplane.resolver import Answer, Resolver
from quotad.dataplane.snapshot import Entry
from tests.support.backends import OK, running_backend
from tests.support.dataplane import route, running_plane, snapshot
from tests.support.fleets import ask, routed, upstreams_of
from tests.support.killing import running_mortals
from tests.support.rawhttp import get, post, raw
from tests.support.waiting import until

GONE = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"


def jumping() -> tuple[Wheel, list[float]]:
    """A wheel whose time the test moves on."""
    ahead_s = [0.0]
    return Wheel(0.005, lambda: monotonic_s() + ahead_s[0]), ahead_s


async def test_a_slow_return() -> None:
    """A backend that was ejected comes back by its time, and gets more and more."""
    wheel, ahead_s = jumping()
    async with running_mortals(3) as mortals:
        mortals[2].answer = GONE
        rule = routed(*(mortal.port for mortal in mortals), health=HealthRules(3, 10.0, return_s=100.0))
        async with running_plane(rule, wheel=wheel) as plane:
            assert await ask(plane, get(), 30) == {200: 27, 503: 3}
            mortals[2].answer = OK
            shares = []
            for step_s in (0.0, 11.0, 20.0, 30.0, 60.0):
                ahead_s[0] += step_s
                before = len(mortals[2].seen)
                assert await ask(plane, get(), 120) == {200: 120}
                shares.append(len(mortals[2].seen) - before)
        assert shares == sorted(shares)
        assert (shares[0], shares[-1]) == (0, 40)
        assert 3 <= shares[1] <= 6
        assert 8 <= shares[2] <= 14
        assert 20 <= shares[3] <= 27


async def test_garbage_counts_as_a_failure() -> None:
    """An answer that is no HTTP is 502, its connection ends, and its backend is ejected in the end."""
    async with (
        running_backend(lambda seen: b"nonsense\r\n\r\n") as ill,
        running_backend() as well,
        running_plane(routed(ill.port, well.port)) as plane,
    ):
        assert await ask(plane, get(), 40) == {200: 35, 502: 5}
        assert [(row.out, row.ejections) for row in upstreams_of(plane).rows()] == [(True, 1), (False, 0)]
        await until(lambda: not ill.open)


async def test_a_full_line_overflows_to_another() -> None:
    """A request that finds no place in line at one backend goes to another; with none it is 503."""
    go = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await go.wait()
        writer.write(OK)
        await writer.drain()

    async with running_backend(script=slow) as one, running_backend(script=slow) as other:
        rule = routed(one.port, other.port, pool_connections=1, queue_requests=0, health=HealthRules(0))
        async with running_plane(rule) as plane:
            first = asyncio.ensure_future(ask(plane, get(), 1))
            await until(lambda: one.open + other.open == 1)
            second = asyncio.ensure_future(ask(plane, get(), 1))
            await until(lambda: one.open + other.open == 2)
            async with raw(plane.port) as third:
                await third.send(get())
                answer = await third.answer()
                assert (answer.status, answer.values(b"retry-after")) == (503, [b"1"])
            go.set()
            assert await first == await second == {200: 1}


def entry(*addresses: UpstreamAddress, **changes: Any) -> Entry:
    """A route, made ready."""
    return snapshot(route(1, upstreams=addresses, **changes)).entries[0]


def names(upstreams: Upstreams) -> list[str]:
    return [row.upstream for row in upstreams.rows()]


async def test_a_new_configuration_forgets_the_old_one() -> None:
    """Backends that are named no more go, those that are used as before keep what is known of them."""
    upstreams = Upstreams(Wheel(), Heads(999, 9).responses)
    one, two, three = (UpstreamAddress("127.0.0.1", port) for port in (1, 2, 3))
    old = [entry(one, two), entry(two)]
    upstreams.adopt(old)
    backend = upstreams._backends[old[1].fleet_spec.spec(two).key]
    assert (names(upstreams), backend.users) == (["127.0.0.1:1", "127.0.0.1:2"], 2)
    upstreams.adopt([entry(two, three)])
    assert names(upstreams) == ["127.0.0.1:2", "127.0.0.1:3"]
    assert backend in upstreams._backends.values()
    upstreams.adopt([entry(two, pool_connections=1)])
    assert names(upstreams) == ["127.0.0.1:2"]
    assert backend not in upstreams._backends.values()
    # A request of the old configuration that is still under way has its backends.
    assert old[0].fleet is not None
    assert old[0].fleet.pick().name in ("127.0.0.1:1", "127.0.0.1:2")
    upstreams.adopt([])
    assert (names(upstreams), upstreams._fleets) == ([], {})
    upstreams.close()


async def test_connections_over_a_reload() -> None:
    """What is in flight ends, connections of a backend that stays serve on, those of one that goes close."""
    async with (
        running_backend() as one,
        running_backend() as other,
        running_plane(routed(one.port, other.port)) as plane,
    ):
        assert await ask(plane, get(), 4) == {200: 4}
        assert (one.open, other.open) == (1, 1)
        elsewhere = route(1, upstreams=routed(other.port).upstreams, host="a.test")
        plane.holder.take(snapshot(elsewhere, routed(other.port)))
        await until(lambda: not one.open)
        assert await ask(plane, get(), 4) == {200: 4}
        assert (len(one.seen), len(other.seen), other.connections) == (2, 6, 1)


class Moving:
    """Names that move."""

    def __init__(self) -> None:
        self.addresses: dict[str, tuple[str, ...]] = {}

    async def ask(self, host: str) -> Answer:
        if host not in self.addresses:
            raise OSError("no such name")
        return self.addresses[host], 1.0


async def test_names_become_addresses() -> None:
    """Each address of a name is a backend; those that stay are the same, also when several names have one."""
    zone = Moving()
    upstreams = Upstreams(Wheel(), Heads(999, 9).responses)
    upstreams.resolver = Resolver(monotonic_s, zone.ask)
    zone.addresses["a.test"] = ("10.0.0.2", "::1")
    both = entry(
        UpstreamAddress("a.test", 80), UpstreamAddress("b.test", 81), UpstreamAddress("10.0.0.2", 80)
    )
    upstreams.adopt([both])
    # Until there is an answer a connection resolves the name by itself.
    assert names(upstreams) == ["a.test:80", "b.test:81", "10.0.0.2:80"]
    await until(lambda: len(upstreams.rows()) == 3 and "a.test:80" not in names(upstreams))
    assert sorted(names(upstreams)) == ["10.0.0.2:80", "[::1]:80", "b.test:81"]
    stays = next(each for each in upstreams._backends.values() if each.name == "10.0.0.2:80")
    zone.addresses["a.test"] = ("10.0.0.2", "10.0.0.3")
    (name,) = (each for each in upstreams.resolver._names.values() if each.host == "a.test")
    await name.ask()
    assert sorted(names(upstreams)) == ["10.0.0.2:80", "10.0.0.3:80", "b.test:81"]
    del zone.addresses["a.test"]
    await name.ask()
    assert sorted(names(upstreams)) == ["10.0.0.2:80", "10.0.0.3:80", "b.test:81"]
    assert stays in upstreams._backends.values()
    upstreams.adopt([])
    assert (upstreams.resolver._names, name.watchers) == ({}, [])
    upstreams.close()


async def test_a_name_of_this_machine() -> None:
    """``localhost`` is served whichever of its addresses the backend listens on, from the first request."""
    async with running_backend() as backend:
        rule = route(1, upstreams=(UpstreamAddress("localhost", backend.port),))
        async with running_plane(rule) as plane:
            assert await ask(plane, get(), 20) == {200: 20}
            await until(lambda: f"127.0.0.1:{backend.port}" in names(upstreams_of(plane)))
            assert await ask(plane, post(b"x"), 20) == {200: 20}


@pytest.mark.parametrize(
    ("address", "named"),
    [
        (UpstreamAddress("10.0.0.1", 80), False),
        (UpstreamAddress("::1", 80), False),
        (UpstreamAddress("", 0, "/run/x"), False),
        (UpstreamAddress("backend", 80), True),
    ],
)
def test_what_must_be_resolved(address: UpstreamAddress, named: bool) -> None:
    """Names must; addresses and sockets are what they are."""
    assert is_name(address) is named


async def test_rows() -> None:
    """Metrics see connections and whoever waits."""
    go = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            await go.wait()
            writer.write(OK)
            await writer.drain()

    async with running_backend(script=slow) as backend:
        rule = replace(routed(backend.port), pool_connections=1)
        async with running_plane(rule) as plane:
            asking = [asyncio.ensure_future(ask(plane, get(), 1)) for _ in range(2)]
            name = f"127.0.0.1:{backend.port}"
            await until(lambda: upstreams_of(plane).rows() == [Row(name, False, 0, 1, 1)])
            go.set()
            assert [await each for each in asking] == [{200: 1}] * 2
            assert upstreams_of(plane).rows() == [Row(name, False, 0, 1, 0)]
