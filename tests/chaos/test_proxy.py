"""Each fault does what it says, seen from both ends of a real connection."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.chaos.proxy import FaultProxy, fault_proxy
from tests.support.waiting import until


class Echo:
    """A server that remembers what it heard, and says it back."""

    def __init__(self) -> None:
        self.heard = b""
        self.ended = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                self.heard += data
                writer.write(data)
                await writer.drain()
        self.ended += 1
        writer.close()


@contextlib.asynccontextmanager
async def echoing() -> AsyncIterator[tuple[Echo, FaultProxy]]:
    """An echo behind a proxy."""
    echo = Echo()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    echo.port = server.sockets[0].getsockname()[1]
    async with fault_proxy(("127.0.0.1", echo.port)) as proxy:
        yield echo, proxy
    server.close()


async def dial(proxy: FaultProxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection through the proxy."""
    return await asyncio.open_connection("127.0.0.1", proxy.port)


async def say(words: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Send, and read as much back."""
    writer.write(words)
    return await reader.readexactly(len(words))


async def test_without_a_fault_everything_goes_through() -> None:
    """Megabytes come back whole and in order."""
    async with echoing() as (echo, proxy):
        reader, writer = await dial(proxy)
        words = bytes(range(256)) * 20_000
        answer = asyncio.ensure_future(reader.readexactly(len(words)))
        writer.write(words)
        assert await answer == words == echo.heard
        writer.close()
        await until(lambda: echo.ended == 1 and not proxy.pairs)


async def test_an_end_of_the_server_reaches_the_client_after_its_last_words() -> None:
    """What was said before the end is not lost with it, also when everything takes longer."""

    async def farewell(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"goodbye")
        writer.close()

    server = await asyncio.start_server(farewell, "127.0.0.1", 0)
    async with fault_proxy(("127.0.0.1", server.sockets[0].getsockname()[1])) as proxy:
        proxy.delay_s = 0.05
        reader, writer = await dial(proxy)
        assert await reader.read() == b"goodbye"
        writer.close()
    server.close()


async def test_cut_after_the_write() -> None:
    """The server hears the words, the client loses the answer and the connection."""
    async with echoing() as (echo, proxy):
        reader, writer = await dial(proxy)
        assert await say(b"one", reader, writer) == b"one"
        assert proxy.cut_after_write() == 1
        writer.write(b"two")
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        assert echo.heard == b"onetwo"
        assert proxy.done["cut after"] == 1
        again = await dial(proxy)
        assert await say(b"three", *again) == b"three"
        again[1].close()


async def test_cut_before_the_write() -> None:
    """The server never hears the words, the client loses the connection."""
    async with echoing() as (echo, proxy):
        reader, writer = await dial(proxy)
        assert await say(b"one", reader, writer) == b"one"
        proxy.cut_before_write()
        writer.write(b"two")
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        await until(lambda: echo.ended == 1)
        assert echo.heard == b"one"
        assert proxy.done["cut before"] == 1


async def test_what_is_disarmed_is_not_cut() -> None:
    """A cut that has not happened yet does not happen any more."""
    async with echoing() as (_, proxy):
        reader, writer = await dial(proxy)
        assert await say(b"one", reader, writer) == b"one"
        proxy.cut_after_write()
        proxy.disarm()
        assert await say(b"two", reader, writer) == b"two"
        writer.close()


async def test_swallowed_replies() -> None:
    """The server hears everything, the client nothing, and the connection stays."""
    async with echoing() as (echo, proxy):
        reader, writer = await dial(proxy)
        proxy.swallows_replies = True
        writer.write(b"lost")
        await until(lambda: proxy.done["replies lost"] == 1)
        assert echo.heard == b"lost"
        proxy.swallows_replies = False
        assert await say(b"heard", reader, writer) == b"heard"
        writer.close()


async def test_a_stall_holds_everything_and_loses_nothing() -> None:
    """Half open: a new connection is taken, no byte moves; then all of it comes, in order."""
    async with echoing() as (echo, proxy):
        reader, writer = await dial(proxy)
        assert await say(b"a", reader, writer) == b"a"
        proxy.stall()
        writer.write(b"b")
        other_reader, other = await dial(proxy)
        other.write(b"c")
        await until(lambda: sum(pair.server.holds for pair in proxy.pairs) == 2)
        assert echo.heard == b"a"
        proxy.resume()
        assert await reader.readexactly(1) == b"b"
        assert await other_reader.readexactly(1) == b"c"
        assert proxy.done["stalled"] == 1
        writer.close()
        other.close()


async def test_a_delay_keeps_the_order() -> None:
    """Pieces sent while the delay shrinks do not overtake each other, and take their time."""
    loop = asyncio.get_running_loop()
    async with echoing() as (_, proxy):
        reader, writer = await dial(proxy)
        assert await say(b"a", reader, writer) == b"a"
        proxy.delay_s = 0.1
        begun_s = loop.time()
        writer.write(b"b")
        await until(lambda: any(pair.server.holds for pair in proxy.pairs))
        proxy.delay_s = 0.0
        writer.write(b"c")
        assert await reader.readexactly(2) == b"bc"
        assert loop.time() - begun_s >= 0.1
        writer.close()


async def test_reset_and_refuse() -> None:
    """Standing connections end with a reset on both sides; new ones at once while it refuses."""
    async with echoing() as (echo, proxy):
        reader, writer = await dial(proxy)
        assert await say(b"a", reader, writer) == b"a"
        proxy.refuses = True
        assert proxy.reset() == 1
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        await until(lambda: echo.ended == 1)
        with pytest.raises(ConnectionError):
            await say(b"b", *await dial(proxy))
        proxy.refuses = False
        again = await dial(proxy)
        assert await say(b"c", *again) == b"c"
        again[1].close()


async def test_a_new_target_is_for_new_connections() -> None:
    """What stands stays where it is; whoever comes next is led elsewhere."""
    async with echoing() as (first, proxy), echoing() as (second, _):
        old = await dial(proxy)
        assert await say(b"a", *old) == b"a"
        proxy.target = ("127.0.0.1", second.port)
        new = await dial(proxy)
        assert await say(b"b", *new) == b"b"
        assert await say(b"c", *old) == b"c"
        assert (first.heard, second.heard) == (b"ac", b"b")
        old[1].close()
        new[1].close()


async def test_a_dead_target_is_a_reset() -> None:
    """Nobody listens there: the client's connection ends."""
    async with echoing() as (echo, _):
        pass
    async with fault_proxy(("127.0.0.1", echo.port)) as proxy:
        reader, _ = await dial(proxy)
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        await until(lambda: not proxy.pairs)
