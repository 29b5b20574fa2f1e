import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest

from quotad.core.plans import Subject
from quotad.core.quota import Usage
from quotad.errors import QuotadError
from quotad.telemetry import server as module
from quotad.telemetry.metrics import Recorder
from quotad.telemetry.server import Readiness, TelemetryServer
from quotad.telemetry.sources import Scrape, Sources
from quotad.telemetry.stock import Stock
from tests.support.samples import TABLE, Place, outcome
from tests.support.waiting import until

NOTHING = Scrape(Sources(Recorder()).figures)


class Port:
    """A running telemetry port; ``reason`` is why it is not ready."""

    def __init__(self, scrape: Scrape | None = None) -> None:
        self.reason = ""
        self.server = TelemetryServer("127.0.0.1", 0, scrape or NOTHING, self._readiness)
        self.number = 0

    def _readiness(self) -> Readiness:
        return Readiness(not self.reason, self.reason or "ready")

    async def send(self, *pieces: bytes) -> bytes:
        """All that comes back for these bytes until the server closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.number)
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
        try:
            return await reader.read()
        finally:
            writer.close()

    async def get(self, target: str, method: str = "GET", headers: str = "") -> tuple[int, str, bytes]:
        """Status, head and body."""
        answer = await self.send(f"{method} {target} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode())
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), head.decode(), body


@contextlib.asynccontextmanager
async def serving(port: Port) -> AsyncIterator[Port]:
    """Start it, and close it afterwards."""
    port.number = await port.server.start()
    try:
        yield port
    finally:
        await port.server.close()


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    """A running port without a store."""
    async with serving(Port()) as running:
        yield running


async def test_healthz(port: Port) -> None:
    """The event loop lives: 200."""
    status, head, body = await port.get("/healthz")
    assert (status, body) == (200, b"ok\n")
    assert "Connection: close" in head
    assert "Cache-Control: no-store" in head


async def test_readyz_says_why_not(port: Port) -> None:
    """Readiness follows the process: 200, or 503 with the reason."""
    assert (await port.get("/readyz"))[::2] == (200, b"ready\n")
    port.reason = "draining"
    assert (await port.get("/readyz"))[::2] == (503, b"draining\n")
    assert (await port.get("/healthz"))[0] == 200


async def test_metrics_and_its_content_types(port: Port) -> None:
    """The format is what the scraper asked for."""
    status, head, body = await port.get("/metrics")
    assert status == 200
    assert "Content-Type: text/plain; version=" in head
    assert b"quotad_requests_total" in body
    _, head, body = await port.get(
        "/metrics", headers="Accept: application/openmetrics-text;version=1.0.0\r\n"
    )
    assert "Content-Type: application/openmetrics-text; version=1.0.0" in head
    assert body.endswith(b"# EOF\n")


@pytest.mark.parametrize("target", ["/metrics", "/healthz", "/readyz", "/nothing"])
async def test_head_has_no_body(port: Port, target: str) -> None:
    """HEAD is answered like GET, without the body."""
    _, head, body = await port.get(target, "HEAD")
    assert body == b""
    assert "Content-Length: 0" not in head


@pytest.mark.parametrize(
    "target", ["/", "/metrics/", "/v1/usage", "/metrics%20", "//metrics", "*", "/../metrics"]
)
async def test_nothing_else_is_there(port: Port, target: str) -> None:
    """Any other path is 404."""
    assert (await port.get(target))[0] == 404


async def test_a_query_is_ignored(port: Port) -> None:
    """Scrapers may add a query."""
    assert (await port.get("/healthz?x=1"))[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_only_get_and_head(port: Port, method: str) -> None:
    """Other methods are 405 with Allow."""
    status, head, _ = await port.get("/metrics", method)
    assert status == 405
    assert "Allow: GET, HEAD" in head


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"GET /healthz HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_400(port: Port, sent: bytes) -> None:
    """Malformed requests get 400 (or, for CONNECT, any refusal) and the connection is closed."""
    answer = await port.send(sent)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 404 "))


async def test_byte_by_byte(port: Port) -> None:
    """A head in single bytes is the same head."""
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = await port.send(*(request[at : at + 1] for at in range(len(request))))
    assert answer.endswith(b"ok\n")


async def test_one_answer_per_connection(port: Port) -> None:
    """A pipelined second request is not answered."""
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    assert (await port.send(request * 3)).count(b"HTTP/1.1") == 1


async def test_an_endless_head_is_refused(port: Port) -> None:
    """More than 8 KB of head is 431, whether or not it ever ends."""
    answer = await port.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"x" * module.HEAD_BYTES)
    assert answer.startswith(b"HTTP/1.1 431 ")


async def test_a_silent_client_is_cut(monkeypatch: pytest.MonkeyPatch, port: Port) -> None:
    """Who sends nothing is disconnected after the time-out."""
    monkeypatch.setattr(module, "TIMEOUT_S", 0.01)
    reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    writer.close()


async def test_connections_are_capped(monkeypatch: pytest.MonkeyPatch, port: Port) -> None:
    """Beyond the cap a connection is cut at once, and room is made when others leave."""
    monkeypatch.setattr(module, "CONNECTIONS", 1)
    _, idle = await asyncio.open_connection("127.0.0.1", port.number)
    await until(lambda: len(port.server.connections) == 1)
    with contextlib.suppress(ConnectionResetError):
        assert await port.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") == b""
    idle.close()
    await until(lambda: not port.server.connections)
    assert (await port.get("/healthz"))[0] == 200


class SilentReader:
    """A store that accepts and never answers."""

    async def usage(self, subjects: Sequence[Subject]) -> list[Usage]:
        await asyncio.Event().wait()
        return []


async def test_a_silent_store_does_not_silence_the_port() -> None:
    """With a store that never answers /metrics still comes, and probes too."""
    recorder = Recorder()
    recorder.configure((Place(),), TABLE)
    recorder.record(outcome())
    stock = Stock(SilentReader(), recorder, lambda: 1.0)
    async with serving(Port(Scrape(Sources(recorder).figures, stock))) as port:
        answers = await asyncio.gather(port.get("/metrics"), port.get("/readyz"), port.get("/metrics"))
        assert [status for status, _, _ in answers] == [200, 200, 200]
        assert b"quotad_requests_total" in answers[0][2]


async def test_a_taken_address_is_named(port: Port) -> None:
    """When the port is taken, the error says which."""
    second = TelemetryServer("127.0.0.1", port.number, NOTHING, lambda: Readiness(True, "ready"))
    with pytest.raises(QuotadError, match=f"telemetry 127.0.0.1:{port.number}: "):
        await second.start()


async def test_close_cuts_what_is_open() -> None:
    """After close nothing is left: no listener, no connection."""
    async with serving(Port()) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
        await until(lambda: len(port.server.connections) == 1)
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port.number)
