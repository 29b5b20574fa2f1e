"""Bytes after a 101: both ways, in order, held back for who is slow; and how a tunnel ends."""

import asyncio
import contextlib
import socket
from dataclasses import replace

import pytest

from quotad.dataplane.connection import Connection
from quotad.dataplane.flow import Wheel
from tests.support.backends import running_backend
from tests.support.dataplane import LISTEN, route, running_plane, until
from tests.support.rawhttp import Raw, raw
from tests.support.tls import Papers, make_papers
from tests.support.upgrades import SWITCHED, Switching, exactly, upgrade


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return make_papers(tmp_path_factory.mktemp("papers"))


async def opened(caller: Raw, early: bytes = b"") -> None:
    """The caller's tunnel is open."""
    await caller.send(upgrade() + early)
    assert (await caller.answer()).status == 101


EVERY_BYTE = bytes(range(256)) * 40 + b"GET / HTTP/1.1\r\n\r\n"


@pytest.mark.parametrize("caller_tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("backend_tls", [False, True], ids=["to-plain", "to-tls"])
async def test_both_ways(papers: Papers, caller_tls: bool, backend_tls: bool) -> None:
    """Any bytes pass both ways as they are; a caller that has ended still gets what is left."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"welcome")
        whole = await reader.read()
        writer.write(whole[::-1])
        await writer.drain()

    talks = Switching(talk)
    listen = papers.door() if caller_tls else LISTEN
    async with running_backend(script=talks.script, tls=papers.backend() if backend_tls else None) as backend:
        changes = papers.upstream(backend.port) if backend_tls else {}
        async with running_plane(route(backend.port, **changes), listen=listen) as plane:
            async with raw(plane.port, papers.caller() if caller_tls else None) as caller:
                await opened(caller)
                await exactly(caller, b"welcome")
                for at in range(0, len(EVERY_BYTE), 999):
                    await caller.send(EVERY_BYTE[at : at + 999])
                if caller_tls or backend_tls:
                    # asyncio's own TLS knows no half-close, on either side.
                    caller.writer.close()
                    outcome = await plane.outcomes.until(1)
                    assert outcome.bytes_in == len(upgrade()) + len(EVERY_BYTE)
                    return
                caller.writer.write_eof()
                assert await caller.rest() == EVERY_BYTE[::-1]
            assert (await plane.outcomes.until(1)).reason == ""


async def test_what_was_sent_ahead() -> None:
    """Bytes sent with the request wait for the 101, and those with the 101 go on with it."""
    go = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        ahead = asyncio.ensure_future(reader.read(1))
        await go.wait()
        assert not ahead.done()
        writer.write(SWITCHED + b"first")
        writer.write(await ahead + await reader.readexactly(4))
        await writer.drain()

    async with (
        running_backend(script=script) as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(upgrade(), b"ea", b"rly")
        await until(lambda: backend.open)
        for _ in range(50):
            await asyncio.sleep(0)
        go.set()
        assert (await caller.answer()).status == 101
        await exactly(caller, b"firstearly")
        assert await caller.rest() == b""


async def test_what_was_sent_ahead_is_bounded() -> None:
    """Until the 101 comes about one head's length is taken of it; then all of it passes."""
    go = asyncio.Event()
    size = 32 << 20

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await go.wait()
        writer.write(SWITCHED)
        await reader.readexactly(size)
        writer.write(b"all")
        await writer.drain()

    async with (
        running_backend(script=script) as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        sending = asyncio.ensure_future(caller.send(upgrade() + b"x" * size))
        await until(lambda: backend.open)
        connection = next(iter(plane.listener.crowd))
        assert isinstance(connection, Connection)
        await until(lambda: not connection._reading)
        assert len(connection.ahead) < 1 << 20
        go.set()
        assert (await caller.answer()).status == 101
        await exactly(caller, b"all")
        await sending


@pytest.mark.parametrize("direction", ["up", "down"])
async def test_backpressure(direction: str) -> None:
    """Who takes nothing holds up who sends; all of it arrives once it does."""
    size = 64 << 20
    moved = [0]
    go = asyncio.Event()

    async def push(writer: asyncio.StreamWriter) -> None:
        for _ in range(size >> 16):
            writer.write(b"x" * (1 << 16))
            await writer.drain()
            moved[0] += 1 << 16

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if direction == "down":
            await push(writer)
            return
        await go.wait()
        await reader.readexactly(size)
        writer.write(b"all")
        await writer.drain()

    talks = Switching(talk)
    async with (
        running_backend(script=talks.script) as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        await opened(caller)
        pushing = asyncio.ensure_future(push(caller.writer)) if direction == "up" else None
        same, last = 0, -1
        while same < 500:
            await asyncio.sleep(0)
            same, last = (same + 1 if moved[0] == last else 0), moved[0]
        assert moved[0] < 24 << 20
        go.set()
        if pushing is None:
            assert len(await caller.reader.readexactly(size)) == size
        else:
            await pushing
            await exactly(caller, b"all")


async def test_the_backend_ends_first() -> None:
    """A backend that has ended still gets what the caller sends, until that ends too."""
    got = asyncio.get_running_loop().create_future()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"bye")
        writer.write_eof()
        got.set_result(await reader.read())

    talks = Switching(talk)
    async with (
        running_backend(script=talks.script) as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        await opened(caller)
        assert await caller.rest() == b"bye"
        await caller.send(b"one ", b"more thing")
        caller.writer.write_eof()
        assert await got == b"one more thing"
        assert (await plane.outcomes.until(1)).reason == ""


async def test_the_caller_ends_first_over_tls(papers: Papers) -> None:
    """Over TLS the backend's end is told by close_notify, and the caller may go on sending."""
    got = asyncio.get_running_loop().create_future()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"bye")
        writer.write_eof()
        got.set_result(await reader.read())

    talks = Switching(talk)
    async with (
        running_backend(script=talks.script) as backend,
        running_plane(route(backend.port), listen=papers.door()) as plane,
    ):
        said = await asyncio.to_thread(_half_close, plane.port, papers)
        assert said.endswith(b"bye")
        assert await got == b"x" * 100_000


def _half_close(port: int, papers: Papers) -> bytes:
    """Read to the end of the other side, then send, then end: with OpenSSL itself, which can."""
    said = b""
    with (
        socket.create_connection(("127.0.0.1", port), 10) as plain,
        papers.caller().wrap_socket(plain, server_hostname="127.0.0.1") as tls,
    ):
        tls.sendall(upgrade())
        while data := tls.recv(65_536):
            said += data
        tls.sendall(b"x" * 100_000)
    return said


@pytest.mark.parametrize("who", ["caller", "backend"])
async def test_a_side_breaks(who: str) -> None:
    """A side that is reset resets the other: what was cut does not look ended."""
    broken = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if who == "backend":
            Raw(reader, writer).reset()
            return
        with contextlib.suppress(ConnectionError):
            await reader.read()
        broken.set()

    talks = Switching(talk)
    async with (
        running_backend(script=talks.script) as backend,
        running_plane(route(backend.port)) as plane,
    ):
        async with raw(plane.port) as caller:
            await opened(caller)
            if who == "caller":
                caller.reset()
                await broken.wait()
            else:
                with pytest.raises(ConnectionResetError):
                    await caller.rest()
        outcome = await plane.outcomes.until(1)
        assert outcome.reason == ("client_left" if who == "caller" else "upstream_reset")
        assert (outcome.status, plane.gate.counted, plane.outcomes.tunnels) == (101, [True], 0)
        await until(lambda: plane.listener.connections == 0)


async def test_idle() -> None:
    """A tunnel through which nothing goes is closed on both sides; one in which something does, is not."""
    talks = Switching()
    now_s = 1000.0
    wheel = Wheel(tick_s=0.005, clock=lambda: now_s)
    async with (
        running_backend(script=talks.script) as backend,
        running_plane(route(backend.port, tunnel_idle_s=300.0), wheel=wheel) as plane,
        raw(plane.port) as caller,
    ):
        await opened(caller)
        for _ in range(3):
            now_s += 299.0
            await until(lambda: wheel._at * wheel.tick_s > wheel.clock())
            await caller.send(b"ping")
            await exactly(caller, b"ping")
        now_s += 301.0
        assert await caller.rest() == b""
        outcome = await plane.outcomes.until(1)
        assert (outcome.reason, outcome.status) == ("tunnel_idle", 101)
        assert outcome.tunnel_s == 3 * 299.0 + 301.0
        assert outcome.bytes_in == len(upgrade()) + 12
        await until(lambda: not backend.open)


@pytest.mark.parametrize("side", ["backend", "caller"])
async def test_who_takes_nothing_is_cut(side: str) -> None:
    """A side that takes nothing while something waits for it has ``bodyIdleTimeoutMs``."""
    quick = replace(LISTEN, body_idle_timeout_s=0.05)
    ended = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if side == "caller":
                while True:
                    writer.write(b"x" * (1 << 20))
                    await writer.drain()
            await ended.wait()
        finally:
            ended.set()

    talks = Switching(talk)
    async with (
        running_backend(script=talks.script) as backend,
        running_plane(route(backend.port), listen=quick) as plane,
        raw(plane.port) as caller,
    ):
        await opened(caller)
        if side == "backend":
            with contextlib.suppress(ConnectionError):
                while True:
                    await caller.send(b"x" * (1 << 20))
        outcome = await plane.outcomes.until(1)
        assert outcome.reason == ("client_left" if side == "caller" else "upstream_reset")
        ended.set()


async def test_drain() -> None:
    """While draining a tunnel goes on, and the drain ends with it; what outlives the grace is cut."""
    talks = Switching()
    async with running_backend(script=talks.script) as backend:
        for grace_s in (10.0, 0.05):
            async with running_plane(route(backend.port)) as plane, raw(plane.port) as caller:
                await opened(caller)
                draining = asyncio.ensure_future(plane.listener.drain(grace_s))
                await until(lambda plane=plane: not plane.listener.is_open)  # type: ignore[misc]
                await caller.send(b"still there")
                await exactly(caller, b"still there")
                if grace_s > 1:
                    caller.writer.write_eof()
                    assert await caller.rest() == b""
                await draining
                assert plane.listener.connections == 0
                assert plane.gate.counted == [True]


async def test_the_backend_ends_while_it_does_not_read(papers: Papers) -> None:
    """Over TLS an end that is passed on to the caller loses nothing of what the caller had sent before."""
    size = 16 << 20
    go = asyncio.Event()
    got = asyncio.get_running_loop().create_future()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await go.wait()
        writer.write_eof()
        got.set_result(len(await reader.read()))

    talks = Switching(talk)
    async with (
        running_backend(script=talks.script) as backend,
        running_plane(route(backend.port), listen=papers.door()) as plane,
    ):
        pushing = asyncio.ensure_future(asyncio.to_thread(_push, plane.port, papers, size))
        await until(lambda: plane.outcomes.tunnels)
        (connection,) = plane.listener.crowd
        assert isinstance(connection, Connection)
        await until(lambda: not connection._reading)
        go.set()
        await pushing
        assert await got == size


def _push(port: int, papers: Papers, size: int) -> None:
    """Send much, then end, whatever the other side says meanwhile."""
    with (
        socket.create_connection(("127.0.0.1", port), 10) as plain,
        papers.caller().wrap_socket(plain, server_hostname="127.0.0.1") as tls,
    ):
        tls.sendall(upgrade())
        while b"\r\n\r\n" not in tls.recv(65_536):
            pass
        tls.sendall(b"x" * size)
        tls.unwrap()
