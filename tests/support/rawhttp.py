"""A client that sends exactly the bytes it is given and shows exactly what came back."""

import asyncio
import contextlib
import re
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

WAIT_S = 60.0
"""Bounds a test that hangs; nothing is decided by it."""

SECRET_ID = "AKIDtest"
SECRET_KEY = "secret-key-of-a-test"
PAIR = f"X-Secret-Id: {SECRET_ID}\r\nX-Secret-Key: {SECRET_KEY}\r\n".encode()


@dataclass
class Answer:
    """One response, taken apart."""

    head: bytes
    body: bytes

    @property
    def status(self) -> int:
        return int(self.head[9:12])

    @property
    def names(self) -> list[bytes]:
        return [line.partition(b":")[0].lower() for line in self.head.split(b"\r\n")[1:-2]]

    def values(self, name: bytes) -> list[bytes]:
        """The values of a field, in order."""
        found = []
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.lower() == name.lower():
                found.append(value.strip())
        return found


class Raw:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *pieces: bytes) -> None:
        """Send each piece on its own."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def answer(self, method: str = "GET") -> Answer:
        """The next response, interim ones too. Raises IncompleteReadError when it breaks off."""
        async with asyncio.timeout(WAIT_S):
            head = await self.reader.readuntil(b"\r\n\r\n")
            answer = Answer(head, b"")
            if method == "HEAD" or answer.status < 200 or answer.status in (204, 304):
                return answer
            lengths = answer.values(b"content-length")
            if lengths:
                answer.body = await self.reader.readexactly(int(lengths[0]))
            elif answer.values(b"transfer-encoding"):
                answer.body = await self._chunks()
            else:
                answer.body = await self.reader.read()
            return answer

    async def _chunks(self) -> bytes:
        body = b""
        while True:
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            body += await self.reader.readexactly(size)
            assert await self.reader.readexactly(2) == b"\r\n"
            if size == 0:
                return body

    async def rest(self) -> bytes:
        """Everything up to the end of the connection. Raises ConnectionResetError on a reset."""
        async with asyncio.timeout(WAIT_S):
            return await self.reader.read()

    async def is_closed(self) -> bool:
        """Wait for the connection's end; True when it came without another byte."""
        try:
            return await self.rest() == b""
        except ConnectionError:
            return True

    def reset(self) -> None:
        """Hang up so that the other side is told at once (RST)."""
        endpoint = self.writer.get_extra_info("socket")
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@contextlib.asynccontextmanager
async def raw(
    port: int, tls: ssl.SSLContext | None = None, first: bytes = b"", name: str = "127.0.0.1"
) -> AsyncIterator[Raw]:
    """A connection to a loopback port; ``first`` is sent before a TLS handshake."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    if first:
        writer.write(first)
    if tls is not None:
        await writer.start_tls(tls, server_hostname=name)
    connection = Raw(reader, writer)
    try:
        yield connection
    finally:
        writer.close()


def get(target: str = "/", extra: bytes = b"", version: str = "1.1", host: str = "example.test") -> bytes:
    """A GET with a key pair."""
    return b"GET %b HTTP/%b\r\nHost: %b\r\n%b%b\r\n" % (
        target.encode(),
        version.encode(),
        host.encode(),
        PAIR,
        extra,
    )


def post(body: bytes, extra: bytes = b"", target: str = "/") -> bytes:
    """A POST of known length with a key pair."""
    return b"POST %b HTTP/1.1\r\nHost: example.test\r\nContent-Length: %d\r\n%b%b\r\n%b" % (
        target.encode(),
        len(body),
        PAIR,
        extra,
        body,
    )


def post_chunked(chunks: Iterable[bytes], extra: bytes = b"", ending: bytes = b"0\r\n\r\n") -> bytes:
    """A chunked POST with a key pair."""
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"POST / HTTP/1.1\r\nHost: example.test\r\nTransfer-Encoding: chunked\r\n%b%b\r\n%b%b" % (
        PAIR,
        extra,
        framed,
        ending,
    )


_OURS = re.compile(rb"(?:X-Request-Id|Date|Retry-After|RateLimit[^:]*|X-RateLimit[^:]*): [^\r]*\r\n")


def plain(answer: bytes) -> bytes:
    """``answer`` without the lines that differ from one time to the next."""
    return _OURS.sub(b"", answer)
