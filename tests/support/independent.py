"""A second opinion: h11 reads what was sent, and a backend built on it what came out."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import h11

from tests.support.backends import OK, running_backend
from tests.support.feeding import PROBE


@dataclass(frozen=True)
class Read:
    """One request as h11 understood it."""

    method: bytes
    target: bytes
    fields: tuple[tuple[bytes, bytes], ...]
    """Names in lower case."""
    body: bytes

    def values(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.fields if key == name]


def take(stream: bytes) -> tuple[Read | None, bytes]:
    """The first request and what follows it; None when more must come. Raises RemoteProtocolError."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    connection.receive_data(stream)
    head: h11.Request | None = None
    body = b""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            fields = tuple((bytes(name), bytes(value)) for name, value in head.headers)
            return Read(head.method, head.target, fields, body), connection.trailing_data[0]
        else:
            return None, stream


def read_all(stream: bytes) -> tuple[list[Read], bool]:
    """The requests of a stream, up to the first that is not whole; whether h11 refused none."""
    found: list[Read] = []
    try:
        while stream:
            request, stream = take(stream)
            if request is None:
                break
            found.append(request)
    except h11.RemoteProtocolError:
        return found, False
    return found, True


@dataclass
class Witness:
    """A backend that reads with h11, and remembers what it was given."""

    port: int = 0
    requests: list[Read] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)
    """What came that h11 could not read: nothing of the kind may ever be forwarded."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stream = b""
        while data := await reader.read(1 << 16):
            stream += data
            try:
                request, stream = take(stream)
                while request is not None:
                    if request.target != PROBE.encode():
                        self.requests.append(request)
                    writer.write(OK.removesuffix(b"ok") if request.method == b"HEAD" else OK)
                    request, stream = take(stream) if stream else (None, b"")
            except h11.RemoteProtocolError:
                self.refused.append(stream)
                return


@contextlib.asynccontextmanager
async def running_witness() -> AsyncIterator[Witness]:
    """A Witness on a free loopback port."""
    witness = Witness()
    async with running_backend(script=witness.serve) as backend:
        witness.port = backend.port
        yield witness
