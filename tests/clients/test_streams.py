"""Server-sent events and long polls: each piece goes on before the next one is made."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import httpx
import pytest
from aiohttp import web

from tests.support.dataplane import LISTEN, Plane, route, running_plane, until
from tests.support.rawhttp import Raw, get, raw
from tests.support.stage import CREDENTIALS
from tests.support.tls import Papers, make_papers
from tests.support.waiting import AT_MOST_S

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return make_papers(tmp_path_factory.mktemp("papers"))


@contextlib.asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[int]:
    """A real server whose every path this answers; its port."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return await handler(request)

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield int(site.name.rpartition(":")[2])
    finally:
        await runner.cleanup()


class OneByOne:
    """Sends an event only when the one before was seen at the other end."""

    def __init__(self, count: int) -> None:
        self.seen = asyncio.Semaphore(1)
        self.sent = 0
        self._count = count

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        answer.enable_chunked_encoding()
        await answer.prepare(request)
        for number in range(self._count):
            async with asyncio.timeout(AT_MOST_S):
                await self.seen.acquire()
            self.sent = number + 1
            await answer.write(b"data: %d\n\n" % number)
        return answer


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_events_one_by_one(papers: Papers, tls: bool) -> None:
    """Every event is at the client before the server makes the next; nothing waits for more to come."""
    source = OneByOne(50)
    listen = papers.door() if tls else LISTEN
    async with serving(source) as port, running_plane(route(port), listen=listen) as plane:
        url = f"{'https' if tls else 'http'}://127.0.0.1:{plane.port}/"
        async with (
            httpx.AsyncClient(verify=papers.caller()) as client,
            client.stream("GET", url, headers=CREDENTIALS) as answer,
        ):
            assert answer.headers["content-type"] == "text/event-stream"
            number = 0
            async for line in answer.aiter_lines():
                if line:
                    assert (line, source.sent) == (f"data: {number}", number + 1)
                    number += 1
                    source.seen.release()
            assert number == 50
        outcome = await plane.outcomes.until(1)
        assert (outcome.status, outcome.reason, plane.gate.counted) == (200, "", [True])


async def test_the_head_does_not_wait_for_the_body() -> None:
    """A stream's head is at the client, and the request counted, before its first event is made."""
    source = OneByOne(1)
    source.seen = asyncio.Semaphore(0)
    async with (
        serving(source) as port,
        running_plane(route(port), condition=frozenset({"2xx"})) as plane,
        aiohttp.ClientSession(headers=CREDENTIALS) as session,
        session.get(f"http://127.0.0.1:{plane.port}/") as answer,
    ):
        assert answer.status == 200
        assert plane.gate.counted == [True]
        assert source.sent == 0
        source.seen.release()
        assert await answer.read() == b"data: 0\n\n"


async def test_a_silent_stream_is_cut() -> None:
    """A stream that says nothing for ``streamIdleMs`` ends by a reset, so that it does not look whole."""
    source = OneByOne(2)
    async with (
        serving(source) as port,
        running_plane(route(port, stream_idle_s=0.05)) as plane,
        aiohttp.ClientSession(headers=CREDENTIALS) as session,
    ):
        with pytest.raises(aiohttp.ClientError):
            async with session.get(f"http://127.0.0.1:{plane.port}/") as answer:
                await answer.read()
        assert (await plane.outcomes.until(1)).reason == "upstream_reset"


async def polled(plane: Plane, caller: Raw, go: asyncio.Event) -> int:
    await caller.send(get("/poll"))
    await until(lambda: plane.gate.counted or plane.gate.granted)
    go.set()
    return (await caller.answer()).status


@pytest.mark.parametrize(("allowed_s", "status"), [(60.0, 200), (0.05, 504)])
async def test_long_polls(allowed_s: float, status: int) -> None:
    """A long poll is answered when its backend has something to say, within ``responseTimeoutMs``."""
    go = asyncio.Event()

    async def poll(request: web.Request) -> web.StreamResponse:
        if status == 200:
            await go.wait()
            return web.Response(text="news")
        await asyncio.Event().wait()
        raise AssertionError

    async with (
        serving(poll) as port,
        running_plane(route(port, response_timeout_s=allowed_s)) as plane,
        raw(plane.port) as caller,
    ):
        assert await polled(plane, caller, go) == status


def test_the_page_says_what_ends_a_stream() -> None:
    """docs/clients.md names both times."""
    page = (Path(__file__).parent.parent.parent / "docs/clients.md").read_text(encoding="utf-8")
    assert "streamIdleMs" in page
    assert "responseTimeoutMs" in page
