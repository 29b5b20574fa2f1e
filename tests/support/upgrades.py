"""Upgrades over raw bytes: requests that offer one, and backends that take it."""

import asyncio
from collections.abc import Awaitable, Callable

from tests.support.backends import Script
from tests.support.rawhttp import WAIT_S, Raw, get

SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-Said: so\r\n\r\n"

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def upgrade(protocol: bytes = b"echo", extra: bytes = b"", version: str = "1.1") -> bytes:
    """A GET with a key pair that offers to go on with a protocol."""
    return get("/talk", b"Connection: Upgrade\r\nUpgrade: %b\r\n%b" % (protocol, extra), version)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Everything comes back, until the other side ends."""
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()


class Switching:
    """A backend's script: answers with a 101, then talks. ``heads`` are those that it saw."""

    def __init__(self, talk: Talk = echo, answer: bytes = SWITCHED) -> None:
        self.heads: list[bytes] = []
        self._talk = talk
        self._answer = answer

    @property
    def script(self) -> Script:
        """For ``running_backend``."""
        return self._speak

    async def _speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(self._answer)
        await writer.drain()
        await self._talk(reader, writer)


async def exactly(caller: Raw, expected: bytes) -> None:
    """The next bytes are these."""
    async with asyncio.timeout(WAIT_S):
        assert await caller.reader.readexactly(len(expected)) == expected
