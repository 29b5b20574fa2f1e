"""The telemetry port: ``/metrics``, ``/healthz`` and ``/readyz``, and nothing else.

Anyone may ask, nothing secret is said, every bound is small: one request a connection, a head of 8 KB,
a few seconds, some dozens of connections. Built on asyncio.Protocol and httptools, so that a worker
needs no web framework.
"""

import asyncio
import http
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, cast

import httptools

from quotad.errors import QuotadError
from quotad.telemetry.sources import Scrape

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

HEAD_BYTES = 8192
TIMEOUT_S = 5.0
"""From accepting a connection to the end of its answer."""
CONNECTIONS = 64


class Readiness(NamedTuple):
    """Whether requests may be sent here, and what ``/readyz`` says about it."""

    ready: bool
    words: str


_PLAIN = "text/plain; charset=utf-8"
_PATHS = frozenset((b"/metrics", b"/healthz", b"/readyz"))
_METHODS = frozenset((b"GET", b"HEAD"))


class TelemetryServer:
    """Serves the three paths on one address."""

    def __init__(self, host: str, port: int, scrape: Scrape, readiness: Callable[[], Readiness]) -> None:
        self._host = host
        self._port = port
        self._scrape = scrape
        self._readiness = readiness
        self._server: asyncio.Server | None = None
        self._registry: CollectorRegistry | None = None
        self.connections: set[_Connection] = set()

    async def start(self) -> int:
        """Listen; returns the port. Raises QuotadError when the address cannot be had."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: _Connection(self), self._host, self._port)
        except OSError as error:
            raise QuotadError(f"telemetry {self._host}:{self._port}: {error.strerror or error}") from error
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Stop listening and cut what is open."""
        if self._server is not None:
            self._server.close()
            for connection in tuple(self.connections):
                connection.abort()
            await self._server.wait_closed()
        if self._scrape.stock is not None:
            await self._scrape.stock.close()

    async def answer(self, method: bytes, path: bytes, accept: str) -> bytes:
        """The whole response to one request."""
        bodiless = method == b"HEAD"
        if path not in _PATHS:
            return _response(404, b"not found\n", bodiless=bodiless)
        if method not in _METHODS:
            return _response(405, b"method not allowed\n", extra=b"Allow: GET, HEAD\r\n")
        if path == b"/healthz":
            return _response(200, b"ok\n", bodiless=bodiless)
        if path == b"/readyz":
            ready, words = self._readiness()
            return _response(200 if ready else 503, f"{words}\n".encode(), bodiless=bodiless)
        body, content_type = await self._metrics(accept)
        return _response(200, body, content_type, bodiless=bodiless)

    async def _metrics(self, accept: str) -> tuple[bytes, str]:
        if self._registry is None:
            # In a thread, since it takes a tenth of a second; later imports are only look-ups.
            await asyncio.get_running_loop().run_in_executor(None, _import_collector)
        await self._scrape.refresh()
        if self._scrape.stock is not None:
            await self._scrape.stock.refresh()
        from quotad.telemetry.collector import make_registry, render

        if self._registry is None:
            self._registry = make_registry(self._scrape)
        return render(self._registry, accept)


def _import_collector() -> None:
    import quotad.telemetry.collector  # noqa: F401


class _Connection(asyncio.Protocol):
    """One request, one answer, closed."""

    def __init__(self, server: TelemetryServer) -> None:
        self._server = server
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._answering: asyncio.Future[None] | None = None
        self._seen = 0
        self._target = b""
        self._accept = ""
        self._hosts = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bound the connection in number and time."""
        self._transport = cast("asyncio.Transport", transport)
        if len(self._server.connections) >= CONNECTIONS:
            self._transport.abort()
            return
        self._server.connections.add(self)
        self._timer = asyncio.get_running_loop().call_later(TIMEOUT_S, self.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._server.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._answering is not None:
            self._answering.cancel()

    def abort(self) -> None:
        """Cut it."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Parse until the head is complete; whatever follows it is ignored."""
        if self._answering is not None or self._transport is None or self._transport.is_closing():
            return
        self._seen += len(data)
        if self._seen > HEAD_BYTES:
            self._finish(_response(431, b"request head too large\n"))
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._finish(_response(400, b"bad request\n"))
        except httptools.HttpParserError:
            if self._answering is None:
                self._finish(_response(400, b"bad request\n"))

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Of the fields only two matter."""
        lower = name.lower()
        if lower == b"accept":
            self._accept = value.decode("latin-1")
        elif lower == b"host":
            self._hosts += 1

    def on_headers_complete(self) -> None:
        """The request is known: answer it."""
        if self._answering is not None:
            return
        if self._hosts != 1 and self._parser.get_http_version() == "1.1":  # RFC 9112 3.2
            self._finish(_response(400, b"bad request\n"))
            return
        path = self._target.partition(b"?")[0]
        self._answering = asyncio.ensure_future(self._answer(self._parser.get_method(), path))

    async def _answer(self, method: bytes, path: bytes) -> None:
        self._finish(await self._server.answer(method, path, self._accept))

    def _finish(self, response: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(response)
            self._transport.close()


def _response(
    status: int, body: bytes, content_type: str = _PLAIN, *, bodiless: bool = False, extra: bytes = b""
) -> bytes:
    head = (
        f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n"
    )
    return head.encode("latin-1") + extra + b"\r\n" + (b"" if bodiless else body)
