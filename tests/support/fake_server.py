"""A server that logs clients in like Redis and then says whatever a test wants it to say."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import hiredis

from tests.support.waiting import until

INFO = b"redis_version:7.2.4\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n"
_LOGIN: dict[bytes, bytes] = {
    b"CLIENT": b"+OK\r\n",
    b"SCRIPT": b"+loaded\r\n",
    b"INFO": b"$%d\r\n%b\r\n" % (len(INFO), INFO),
    b"TIME": b"*2\r\n$10\r\n1700000000\r\n$6\r\n000000\r\n",
}


class Last(bytes):
    """An answer after which the connection is closed."""

    __slots__ = ()


Answer = Callable[[list[bytes]], bytes | None]
"""A command to what is written for it; None: the connection is broken."""


class FakeServer:
    """One listening server. ``answer`` may be replaced at any time; ``connections`` counts."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.login = dict(_LOGIN)
        self.commands: list[list[bytes]] = []
        self.connections = 0
        self.transports: set[asyncio.WriteTransport] = set()
        self.port = 0
        self.greeting = b""
        """Said on every new connection, before any question."""
        self.trickles = False
        """Whether answers leave one byte at a time."""

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def connect(self) -> asyncio.Protocol:
        self.connections += 1
        return _Connection(self)

    def reply(self, command: list[bytes]) -> bytes | None:
        self.commands.append(command)
        return self.login.get(command[0]) or self.answer(command)


Fake = TypeVar("Fake", bound=FakeServer)


class _Connection(asyncio.Protocol):
    def __init__(self, fake: FakeServer) -> None:
        self._fake = fake
        self._reader = hiredis.Reader()
        self._transport: asyncio.WriteTransport | None = None
        self._trickle = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self._fake.transports.add(transport)
        transport.write(self._fake.greeting)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._reader.feed(data)
        while (command := self._reader.gets()) is not False:
            reply = self._fake.reply(command)
            if reply is None:
                self._transport.abort()
                return
            self._say(self._transport, reply)
            if isinstance(reply, Last):
                self._transport.close()
                return

    def _say(self, transport: asyncio.WriteTransport, reply: bytes) -> None:
        if not self._fake.trickles and not self._trickle:
            transport.write(reply)
        elif reply:
            self._trickle += reply
            if len(self._trickle) == len(reply):
                self._drip(transport)

    def _drip(self, transport: asyncio.WriteTransport) -> None:
        if self._trickle and not transport.is_closing():
            transport.write(self._trickle[:1])
            del self._trickle[:1]
            asyncio.get_running_loop().call_soon(self._drip, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._fake.transports.discard(self._transport)


@contextlib.asynccontextmanager
async def fake_server(answer: Answer) -> AsyncIterator[FakeServer]:
    """A started fake server on a free loopback port."""
    async with listening(FakeServer(answer)) as fake:
        yield fake


@contextlib.asynccontextmanager
async def listening(fake: Fake, port: int = 0) -> AsyncIterator[Fake]:
    """The same for one that was made already; on this port where one is named."""
    server = await asyncio.get_running_loop().create_server(fake.connect, "127.0.0.1", port)
    fake.port = server.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        for _ in range(5):
            # A connection that is just being accepted must be there before the server may be closed.
            await asyncio.sleep(0)
        server.close()
        for transport in fake.transports:
            transport.abort()
        await until(lambda: not fake.transports)
