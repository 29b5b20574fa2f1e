"""Connections to a backend: kept, bounded, waited for, given up in time."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from quotad.config.model import UpstreamAddress
from quotad.dataplane.flow import Wheel
from tests.support.backends import CLOSE, OK, Seen, read_request, running_backend
from tests.support.dataplane import route, running_plane, until
from tests.support.fleets import upstreams_of
from tests.support.rawhttp import get, post, raw


async def test_one_connection_serves_many() -> None:
    """A connection in order is kept for the next request, whichever caller it is from."""
    async with running_backend() as backend, running_plane(route(backend.port)) as plane:
        for _ in range(3):
            async with raw(plane.port) as caller:
                await caller.send(get(), get())
                assert [(await caller.answer()).status for _ in range(2)] == [200, 200]
        assert backend.connections == 1


async def test_a_closed_one_is_not_used() -> None:
    """A connection that its backend closed after an answer costs the next request nothing."""
    async with (
        running_backend(lambda seen: OK + CLOSE) as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        for _ in range(5):
            await caller.send(get())
            assert (await caller.answer()).status == 200
        assert len(backend.seen) == 5


async def test_bytes_that_nobody_asked_for() -> None:
    """A connection with bytes after its answer, or between requests, is never used again (9.2)."""
    async with (
        running_backend(lambda seen: OK + OK) as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(get(), get())
        assert [(await caller.answer()).body for _ in range(2)] == [b"ok", b"ok"]
        assert backend.connections == 2


async def test_bound_and_line() -> None:
    """No more connections than allowed; as many requests wait in line; the rest is 503 at once."""
    go = asyncio.Event()
    most = 0

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal most
        while True:
            await read_request(reader)
            most = max(most, backend.open)
            await go.wait()
            writer.write(OK)
            await writer.drain()

    async with (
        running_backend(script=slow) as backend,
        running_plane(route(backend.port, pool_connections=2)) as plane,
        contextlib.AsyncExitStack() as stack,
    ):
        callers = [await stack.enter_async_context(raw(plane.port)) for _ in range(4)]
        for caller in callers:
            await caller.send(get())
        await until(lambda: len(plane.gate.granted) == 4)
        await until(lambda: backend.open == 2)
        async with raw(plane.port) as fifth:
            await fifth.send(get())
            answer = await fifth.answer()
            assert answer.status == 503
            assert b"wait for a connection" in answer.body
        go.set()
        assert [(await caller.answer()).status for caller in callers] == [200] * 4
    assert most == 2


async def test_waiting_has_an_end() -> None:
    """A request that waits in line for too long is refused: 503."""
    asked = asyncio.Event()

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()

    async with running_backend(script=never) as backend:
        now_s = 1000.0
        wheel = Wheel(tick_s=0.005, clock=lambda: now_s)
        rule = route(backend.port, pool_connections=1, connect_timeout_s=50.0)
        async with (
            running_plane(rule, wheel=wheel) as plane,
            raw(plane.port) as first,
            raw(plane.port) as second,
        ):
            upstreams = upstreams_of(plane)
            await first.send(get())
            await asked.wait()
            await second.send(get())
            await until(lambda: upstreams.rows()[0].waiting)
            now_s += 51.0
            assert (await second.answer()).status == 503


async def test_idle_ones_go() -> None:
    """A connection that nobody needs is closed after its time."""
    async with (
        running_backend() as backend,
        running_plane(route(backend.port, pool_idle_s=0.01)) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(get())
        assert (await caller.answer()).status == 200
        await until(lambda: not backend.open)


async def test_a_waiter_gets_the_place_of_a_lost_connection() -> None:
    """When a connection is lost, whoever waits for one opens another in its place."""

    def reply(seen: Seen) -> bytes | None:
        return None if b"/lost" in seen.line else OK

    async with running_backend(reply) as backend:
        rule = route(backend.port, pool_connections=1)
        async with running_plane(rule) as plane, raw(plane.port) as first, raw(plane.port) as second:
            await first.send(get("/lost"))
            await second.send(get())
            assert [(await first.answer()).status, (await second.answer()).status] == [502, 200]


async def test_unix_socket(tmp_path: Path) -> None:
    """A backend may listen on a unix socket; Host then stays the caller's, or says localhost."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await read_request(reader)).values(b"host")[0])
        writer.write(OK)
        await writer.drain()
        writer.close()

    path = tmp_path / "backend.sock"
    server = await asyncio.start_unix_server(serve, path)
    upstreams = (UpstreamAddress("", 0, str(path)),)
    by_rule = route(1, upstreams=upstreams, host="b.test", host_header="upstream")
    async with running_plane(route(1, upstreams=upstreams), by_rule) as plane, raw(plane.port) as caller:
        await caller.send(get(), get(host="b.test"))
        assert [(await caller.answer()).status for _ in range(2)] == [200, 200]
        assert plane.outcomes.all[0].upstream == f"unix:{path}"
    server.close()
    assert seen == [b"example.test", b"localhost"]


@contextlib.contextmanager
def full_backlog() -> Iterator[int]:
    """A port on which nobody takes connections, and no more may wait."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


async def test_no_connection_in_time() -> None:
    """A backend that takes no connection in time is 504, or another serves: nothing was sent."""
    with full_backlog() as port:
        rule = route(port, connect_timeout_s=0.1)
        async with running_plane(rule) as plane, raw(plane.port) as caller:
            await caller.send(get())
            assert (await caller.answer()).status == 504
            assert (await plane.outcomes.until(1)).reason == "upstream_connect_timeout"
        async with running_backend() as backend:
            both = (*rule.upstreams, *route(backend.port).upstreams)
            rule = route(1, connect_timeout_s=1.0, upstreams=both)
            async with running_plane(rule) as plane, raw(plane.port) as caller:
                for _ in range(2):
                    await caller.send(post(b"once"))
                    assert (await caller.answer()).status == 200
                assert len(plane.outcomes.all) == len(plane.gate.granted) == len(backend.seen) == 2


async def test_the_line_is_in_order_and_may_be_left() -> None:
    """Who waits for a connection is served in the order of arrival; who hangs up waits no more."""
    go = asyncio.Semaphore(0)

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            seen.append((await read_request(reader)).line.split(b" ")[1])
            await go.acquire()
            writer.write(OK)
            await writer.drain()

    seen: list[bytes] = []
    rule: dict[str, Any] = {"pool_connections": 1, "queue_requests": 3}
    async with (
        running_backend(script=slow) as backend,
        running_plane(route(backend.port, **rule)) as plane,
        contextlib.AsyncExitStack() as stack,
    ):
        upstreams = plane.listener.upstreams
        assert upstreams is not None
        callers = [await stack.enter_async_context(raw(plane.port)) for _ in range(4)]
        await callers[0].send(get("/0"))
        await until(lambda: seen)
        for number in (1, 2, 3):
            await callers[number].send(get(f"/{number}"))
            await until(lambda number=number: upstreams.rows()[0].waiting == number)  # type: ignore[misc]
        callers[2].reset()
        await until(lambda: upstreams.rows()[0].waiting == 2)
        for number in (0, 1, 3):
            go.release()
            assert (await callers[number].answer()).status == 200
        assert seen == [b"/0", b"/1", b"/3"]
        await plane.outcomes.until(4)
        assert len(plane.gate.released) == 1


async def test_a_long_line_has_its_own_time() -> None:
    """How long a request waits in line is told apart from how long a connection may take."""

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    rule: dict[str, Any] = {"pool_connections": 1, "queue_timeout_s": 0.02, "connect_timeout_s": 30.0}
    async with (
        running_backend(script=never) as backend,
        running_plane(route(backend.port, **rule)) as plane,
        raw(plane.port) as first,
        raw(plane.port) as second,
    ):
        await first.send(get())
        await until(lambda: backend.open)
        await second.send(get())
        answer = await second.answer()
        assert (answer.status, answer.values(b"retry-after")) == (503, [b"1"])
        assert (await plane.outcomes.until(1)).reason == "upstream_busy"


async def test_a_greeting_is_no_http() -> None:
    """A backend that speaks first, or hangs up at once, is 502, not asked again and again."""

    async def greeting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.test ESMTP\r\n")
        await reader.read()

    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Closed by the backend's end."""

    for script in (greeting, rude):
        async with (
            running_backend(script=script) as backend,
            running_plane(route(backend.port)) as plane,
            raw(plane.port) as caller,
        ):
            await caller.send(get())
            assert (await caller.answer()).status == 502
            assert backend.connections == 1
            await until(lambda backend=backend: not backend.open)  # type: ignore[misc]
