"""Backends that die, go in order and come back on the same port."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tests.support.backends import OK, Seen, read_request
from tests.support.waiting import until

TURNS = 5
"""Of the event loop, while a request is under way: so that there are some when a backend dies."""


class Mortal:
    """One backend and its successors on one port."""

    def __init__(self) -> None:
        self.port = 0
        self.answer = OK
        self.dying = False
        """True: each connection ends when it has its request."""
        self.seen: list[Seen] = []
        self._server: asyncio.Server | None = None
        self._idle: dict[asyncio.StreamWriter, bool] = {}
        """Its connections, and whether they wait for a request."""
        self._leaving = False

    async def start(self) -> None:
        """Listen, on the port that it had before."""
        self._leaving = False
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def kill(self) -> None:
        """As by SIGKILL: everything ends, without a word."""
        self._stop_listening()
        for writer in tuple(self._idle):
            writer.transport.abort()
        self._idle.clear()

    async def leave(self) -> None:
        """As by SIGTERM: what is under way ends, then its connection does."""
        self._stop_listening()
        self._leaving = True
        for writer, idle in tuple(self._idle.items()):
            if idle:
                writer.close()
        await until(lambda: not self._idle)

    def _has_lost(self, writer: asyncio.StreamWriter) -> bool:
        return writer not in self._idle

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _say(self, writer: asyncio.StreamWriter) -> bool:
        for _ in range(TURNS):
            await asyncio.sleep(0)
        if self._has_lost(writer):
            return False
        close = b"Connection: close\r\n" if self._leaving else b""
        writer.write(self.answer.replace(b"\r\n", b"\r\n" + close, 1))
        await writer.drain()
        return True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._idle[writer] = True
        # RuntimeError: uvloop's word for a connection that was closed meanwhile.
        with contextlib.suppress(ConnectionError, RuntimeError, asyncio.IncompleteReadError):
            while not self._leaving and not self._has_lost(writer):
                self._idle[writer] = True
                seen = await read_request(reader)
                if self._has_lost(writer):
                    break
                self._idle[writer] = False
                self.seen.append(seen)
                if self.dying or not await self._say(writer):
                    break
        writer.close()
        self._idle.pop(writer, None)


@contextlib.asynccontextmanager
async def running_mortals(count: int) -> AsyncIterator[list[Mortal]]:
    """So many backends, each on a free loopback port."""
    mortals = [Mortal() for _ in range(count)]
    for mortal in mortals:
        await mortal.start()
    try:
        yield mortals
    finally:
        for mortal in mortals:
            mortal.kill()
