"""The sample backend: it remembers every request that reached it, which is what was really admitted.

The path's last part is the request's number. Its answer follows from the number alone (``status_of``):
3 of 10 are 500.
"""

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from typing import cast

from quotad.clock import monotonic_s
from tests.chaos.history import Served

LONGEST_S = 0.03
"""Answers take up to this long, so that Holds are in flight at any moment."""

_DELAYS = 7


def status_of(number: int) -> int:
    """What the backend answers."""
    return 500 if number % 10 in (2, 5, 8) else 200


class Backend:
    """What every connection tells. ``admitted`` counts by plan and status."""

    def __init__(self) -> None:
        self.port = 0
        self.served: list[Served] = []
        self.admitted: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self.latest_s = 0.0
        """When the last request arrived."""

    def serve(self, head: bytes) -> tuple[int, float]:
        """Note a request; answers its status and how long its answer takes."""
        number = int(head.partition(b" HTTP/1.")[0].rpartition(b"/")[2])
        plan_id = field(head, b"x-quotad-plan-id").decode()
        now_s = monotonic_s()
        status = status_of(number)
        self.served.append(Served(number, plan_id, now_s, status))
        self.admitted[plan_id][status] += 1
        self.latest_s = now_s
        return status, LONGEST_S * (number % _DELAYS) / _DELAYS


def field(head: bytes, name: bytes) -> bytes:
    """A header field's value; empty when it is missing. ``name`` in lower case."""
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip()
    return b""


class _Connection(asyncio.Protocol):
    """Requests without a body, one after the other."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        # uvloop's transports are asyncio's in all but their ancestry.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """One answer per head, after its time."""
        heads = (self._rest + data).split(b"\r\n\r\n")
        self._rest = heads.pop()
        for head in heads:
            status, delay_s = self._backend.serve(head)
            asyncio.get_running_loop().call_later(delay_s, self._answer, status)

    def _answer(self, status: int) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"HTTP/1.1 %d Said\r\nContent-Length: 0\r\n\r\n" % status)


@contextlib.asynccontextmanager
async def counting_backend() -> AsyncIterator[Backend]:
    """A backend on a free loopback port."""
    backend = Backend()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(backend), "127.0.0.1", 0)
    backend.port = server.sockets[0].getsockname()[1]
    try:
        yield backend
    finally:
        server.close()
