"""A caller's connection: order, keep-alive, read-ahead, time."""

import asyncio
import sys
from dataclasses import replace

import pytest

from quotad.config.model import Address, Listen
from quotad.dataplane.flow import Wheel
from tests.support.backends import running_backend
from tests.support.dataplane import LISTEN, route, running_plane, until
from tests.support.echoing import echo, exchange
from tests.support.rawhttp import get, post, raw


async def test_pipelining_keeps_the_order() -> None:
    """Requests sent ahead are answered one after the other, in their order."""
    async with running_backend(echo) as backend, running_plane(route(backend.port)) as plane:
        stream = b"".join(get(f"/{number}") for number in range(500))
        _, answers = await exchange(plane, [stream], 500)
        assert [answer.body for answer in answers] == [b"/%d|" % number for number in range(500)]
        assert backend.connections == 1


async def test_a_head_that_came_before_is_served_however_it_comes() -> None:
    """Once whole, it is the same request alone, in pieces, twice in one piece, or with more behind it."""
    head = get("/x")
    async with (
        running_backend(echo) as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        for pieces in ([head], [head], [head], [head[:-2], head[-2:]], [head[:9], head[9:] + head]):
            for piece in pieces:
                await caller.send(piece)
            for _ in range(b"".join(pieces).count(b"GET")):
                assert (await caller.answer()).body == b"/x|"
        told = {request.head.partition(b"X-Request-Id")[0] for request in backend.seen}
        assert len(told) == 1
        await until(lambda: len(plane.outcomes.all) == 6)
        assert {outcome.bytes_in for outcome in plane.outcomes.all} == {len(head)}
        await caller.send(head[:-4])
        await caller.send(b"\r\nX-Secret-Key: b\r\n\r\n")
        assert (await caller.answer()).status == 401


async def test_http_1_0() -> None:
    """HTTP/1.0 gets no chunks: the end of the body is the end of the connection, or a known length."""
    async with running_backend(echo) as backend, running_plane(route(backend.port)) as plane:
        async with raw(plane.port) as caller:
            await caller.send(get("/chunked", version="1.0"))
            assert (await caller.rest()).endswith(b"\r\n\r\n/chunked|")
        async with raw(plane.port) as caller:
            await caller.send(get("/a", b"Connection: keep-alive\r\n", version="1.0"))
            answer = await caller.answer()
            assert answer.values(b"connection") == [b"keep-alive"]
            await caller.send(get("/b", version="1.0"))
            assert (await caller.answer()).values(b"connection") == [b"close"]
            assert await caller.is_closed()
        assert backend.seen[0].line.endswith(b"HTTP/1.1")
        assert backend.seen[0].values(b"via") == [b"1.0 quotad"]


async def test_timeouts_of_the_door() -> None:
    """A slow head is 408; an idle connection is closed without a word."""
    quick = Listen(Address("127.0.0.1", 0), head_timeout_s=0.02, idle_timeout_s=50.0)
    now_s = 1000.0
    wheel = Wheel(tick_s=0.005, clock=lambda: now_s)
    async with running_backend() as backend:
        async with running_plane(route(backend.port), listen=quick) as plane, raw(plane.port) as caller:
            await caller.send(get()[:-2])
            assert (await caller.answer()).status == 408
            assert await caller.is_closed()
        async with running_plane(route(backend.port), listen=quick, wheel=wheel) as plane:
            async with raw(plane.port) as caller:
                await until(lambda: plane.listener.connections)
                now_s += 51.0
                assert await caller.is_closed()
            async with raw(plane.port) as caller:
                await caller.send(get())
                assert (await caller.answer()).status == 200
                now_s += 51.0
                assert await caller.is_closed()


async def test_a_refusal_that_waits_is_no_exception_of_others() -> None:
    """While the rest of a refused body is awaited, no exception is under way for whoever else runs.

    In compiled code one would be, were the wait in the handler: each later error would keep it alive.
    """
    async with (
        running_backend() as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(post(b"1234567890").replace(b"secret-key", b"public-key")[:-7])
        assert (await caller.answer()).status == 401
        assert sys.exc_info() == (None, None, None)
        await caller.send(b"4567890")
        await plane.outcomes.until(1)


async def test_an_empty_line_is_no_request() -> None:
    """A caller that ends its last request with a CRLF too many is idle afterwards: it gets no 408."""
    quick = Listen(Address("127.0.0.1", 0), head_timeout_s=0.02, idle_timeout_s=0.02)
    async with (
        running_backend() as backend,
        running_plane(route(backend.port), listen=quick) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(b"\r\n")
        assert await caller.is_closed()
        assert plane.outcomes.all == []


async def test_a_long_refused_body_ends_the_connection() -> None:
    """A refused request with a body that is too long to read away gets its answer, then the end."""
    async with (
        running_backend() as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(post(b"x" * 10**6).replace(b"secret-key", b"public-key"))
        answer = await caller.answer()
        assert (answer.status, answer.values(b"connection")) == (401, [b"close"])
        assert await caller.is_closed()


@pytest.mark.parametrize("rest", [None, b"4567890", b"456"], ids=["leaves", "whole", "stalls"])
async def test_a_short_refused_body_is_read_away(rest: bytes | None) -> None:
    """The connection lives on when the rest of a refused body comes, and ends quietly when it does not."""
    quick = Listen(Address("127.0.0.1", 0), body_idle_timeout_s=0.05 if rest == b"456" else 60.0)
    async with (
        running_backend() as backend,
        running_plane(route(backend.port), listen=quick) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(post(b"1234567890").replace(b"secret-key", b"public-key")[:-7])
        answer = await caller.answer()
        assert (answer.status, answer.values(b"connection")) == (401, [])
        await caller.send(rest or b"")
        if rest == b"4567890":
            await caller.send(get())
            assert (await caller.answer()).status == 200
        elif rest is not None:
            assert await caller.is_closed()
        caller.writer.close()
        await plane.outcomes.until(1)
        await until(lambda: plane.listener.connections == 0)
    assert plane.outcomes.all[0].reason == "secret_invalid"


async def test_answers_nobody_takes_stop_the_requests() -> None:
    """A caller that pipelines without reading is not served on and on: what waits for it is bounded."""
    big = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 10**6
    async with (
        running_backend(lambda seen: big) as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        caller.reader._transport.pause_reading()  # type: ignore[attr-defined]
        await caller.send(get() * 200)
        await plane.outcomes.until(1)
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(backend.seen) < 50


async def test_read_ahead_is_bounded() -> None:
    """While a request is served, no more than about one head is read ahead."""
    small = replace(LISTEN, head_bytes=1024)
    async with running_backend(echo) as backend, running_plane(route(backend.port), listen=small) as plane:
        plane.gate.held = True
        stream = b"".join(get(f"/{number}") for number in range(2000))
        async with raw(plane.port) as caller:
            sending = asyncio.ensure_future(caller.send(stream))
            await until(lambda: plane.gate.asked)
            plane.gate.held = False
            plane.gate.open()
            assert [(await caller.answer()).body for _ in range(2000)] == [b"/%d|" % n for n in range(2000)]
            await sending
