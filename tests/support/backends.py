"""Backends that do exactly what a test says, over real sockets."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Seen:
    """One request as the backend received it."""

    head: bytes
    """Start-line and fields, with the empty line."""
    body: bytes = b""
    """As received: chunked bodies with their framing."""
    connection: int = 0
    """Which connection it came on, counted from 1."""

    @property
    def line(self) -> bytes:
        return self.head.partition(b"\r\n")[0]

    def values(self, name: bytes) -> list[bytes]:
        """The values of a field, in order."""
        found = []
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.lower() == name.lower():
                found.append(value.strip())
        return found

    @property
    def payload(self) -> bytes:
        """The body without chunked framing."""
        if not self.values(b"transfer-encoding"):
            return self.body
        payload, rest = b"", self.body
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            length = int(size, 16)
            payload, rest = payload + rest[:length], rest[length + 2 :]
        return payload


Reply = Callable[[Seen], bytes | None]
"""What to answer; None closes the connection without a word, an answer that ends in CLOSE after it."""

CLOSE = b"<close>"

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Backend:
    """A backend that is running."""

    port: int = 0
    reply: Reply = lambda seen: OK
    script: Script | None = None
    """Speaks with each connection instead of ``reply``."""
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    open: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        number = self.connections
        try:
            if self.script is not None:
                await self.script(reader, writer)
            else:
                await self._replies(reader, writer, number)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open -= 1
            writer.close()

    async def _replies(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        while True:
            seen = await read_request(reader)
            seen.connection = number
            self.seen.append(seen)
            answer = self.reply(seen)
            if answer is None:
                return
            writer.write(answer.removesuffix(CLOSE))
            await writer.drain()
            if answer.endswith(CLOSE):
                return


async def read_request(reader: asyncio.StreamReader) -> Seen:
    """One whole request. Raises IncompleteReadError at the end of the connection."""
    seen = Seen(await reader.readuntil(b"\r\n\r\n"))
    lengths = seen.values(b"content-length")
    if lengths:
        seen.body = await reader.readexactly(int(lengths[0]))
    elif seen.values(b"transfer-encoding"):
        while True:
            line = await reader.readuntil(b"\r\n")
            seen.body += line
            size = int(line.partition(b";")[0], 16)
            seen.body += await reader.readexactly(size + 2)
            if size == 0:
                break
    return seen


@contextlib.asynccontextmanager
async def running_backend(
    reply: Reply | None = None, script: Script | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Backend]:
    """A backend on a free loopback port."""
    backend = Backend(script=script)
    if reply is not None:
        backend.reply = reply
    server = await asyncio.start_server(backend.serve, "127.0.0.1", 0, limit=1 << 20, ssl=tls)
    backend.port = server.sockets[0].getsockname()[1]
    try:
        yield backend
    finally:
        server.close()
