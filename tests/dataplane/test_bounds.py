"""Bounds of the callers' port: who is too slow, too many, or guesses."""

import asyncio
from dataclasses import replace

from quotad.config.model import AuthFailureRule
from quotad.core.client_address import FOR
from tests.support.backends import running_backend
from tests.support.dataplane import LISTEN, route, running_plane
from tests.support.rawhttp import PAIR, get, raw

GUESS = b"GET / HTTP/1.1\r\nHost: example.test\r\nX-Secret-Id: AKIDtest\r\nX-Secret-Key: a guess\r\n"
SLOWED = replace(LISTEN, auth_failures=AuthFailureRule(per_minute=1, burst=3))


async def test_a_drip_is_no_body() -> None:
    """A body that never stops, and never gets on, ends as one that stopped: with 408."""
    listen = replace(LISTEN, body_idle_timeout_s=0.3, body_bytes_per_s=1_000_000)
    async with (
        running_backend() as backend,
        running_plane(route(backend.port), listen=listen) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(
            b"POST / HTTP/1.1\r\nHost: example.test\r\nContent-Length: 1000000000\r\n%b\r\n" % PAIR
        )
        dripping = asyncio.ensure_future(drip(caller.writer))
        assert (await caller.answer()).status == 408
        dripping.cancel()
        assert plane.outcomes.all[0].reason == "body_timeout"


async def drip(writer: asyncio.StreamWriter) -> None:
    """A byte in each turn of the loop."""
    while True:
        writer.write(b"a")
        await asyncio.sleep(0)


async def test_so_many_of_one_address() -> None:
    """One more than the bound is closed without an answer; when one leaves there is room again."""
    listen = replace(LISTEN, max_connections_per_address=2)
    async with running_backend() as backend, running_plane(route(backend.port), listen=listen) as plane:
        async with raw(plane.port) as first, raw(plane.port) as second:
            for caller in (first, second):
                await caller.send(get())
                assert (await caller.answer()).status == 200
            async with raw(plane.port) as third:
                assert await third.is_closed()
            await first.send(get(extra=b"Connection: close\r\n"))
            assert (await first.answer()).status == 200
            assert await first.is_closed()
            async with raw(plane.port) as fourth:
                await fourth.send(get())
                assert (await fourth.answer()).status == 200
        assert plane.listener.crowd.refused == {"total": 0, "address": 1}


async def test_so_many_behind_a_proxy_protocol() -> None:
    """The caller's own address counts, not the proxy's."""
    listen = replace(LISTEN, max_connections_per_address=1, proxy_protocol=True)
    async with running_backend() as backend, running_plane(route(backend.port), listen=listen) as plane:
        one, other = (b"PROXY TCP4 192.0.2.%d 192.0.2.9 1 2\r\n" % number for number in (1, 2))
        async with raw(plane.port, first=one) as first, raw(plane.port, first=other) as second:
            for caller in (first, second):
                await caller.send(get())
                assert (await caller.answer()).status == 200
            async with raw(plane.port, first=one) as third:
                assert await third.is_closed()


async def test_guesses_are_slowed() -> None:
    """After the burst every request of that address is 429, right or wrong, and nothing is told."""
    async with (
        running_backend() as backend,
        running_plane(route(backend.port), listen=SLOWED) as plane,
        raw(plane.port) as caller,
    ):
        for _ in range(3):
            await caller.send(GUESS + b"\r\n")
            assert (await caller.answer()).status == 401
        for request in (GUESS + b"\r\n", get(), get("/.well-known/quotad/usage")):
            await caller.send(request)
            answer = await caller.answer()
            assert (answer.status, b"auth-slowed" in answer.body) == (429, True)
            assert 1 <= int(answer.values(b"retry-after")[0]) <= 60
        assert plane.gate.asked == 0
        assert backend.seen == []


async def test_no_credentials_are_no_guess() -> None:
    """Who says nothing of itself is asked who it is, as often as it comes."""
    async with (
        running_backend() as backend,
        running_plane(route(backend.port), listen=SLOWED) as plane,
        raw(plane.port) as caller,
    ):
        for _ in range(10):
            await caller.send(b"GET / HTTP/1.1\r\nHost: example.test\r\n\r\n")
            assert (await caller.answer()).status == 401
        await caller.send(get())
        assert (await caller.answer()).status == 200


async def test_others_behind_a_trusted_proxy_are_not_slowed() -> None:
    """The address is the caller's as the proxy tells it; the proxy's other callers go on."""
    listen = replace(SLOWED, trusted_proxies=("127.0.0.1/32",))
    async with (
        running_backend() as backend,
        running_plane(route(backend.port), listen=listen) as plane,
        raw(plane.port) as proxy,
    ):
        got = []
        for _ in range(4):
            await proxy.send(GUESS + FOR + b": 192.0.2.1\r\n\r\n")
            got.append((await proxy.answer()).status)
        assert got == [401, 401, 401, 429]
        await proxy.send(get(extra=FOR + b": 192.0.2.2\r\n"))
        assert (await proxy.answer()).status == 200


async def test_requests_sent_ahead_leave_others_their_turn() -> None:
    """Between two turns of the event loop one caller has a bounded number of its requests answered."""
    async with (
        running_backend() as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as flood,
    ):
        most = before = 0
        flooding = asyncio.ensure_future(flood.send((GUESS + b"\r\n") * 200))
        while len(plane.outcomes.all) < 200:
            await asyncio.sleep(0)
            most, before = max(most, len(plane.outcomes.all) - before), len(plane.outcomes.all)
        await flooding
        assert 0 < most <= 32
