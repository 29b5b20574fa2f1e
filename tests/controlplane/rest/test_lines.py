"""Answers that come line by line, from a server of their own."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
from aiohttp import web

from quotad.controlplane.answers import RefusedError, problem_of
from quotad.controlplane.rest.lines import NDJSON, Lines
from tests.support.waiting import until

Work = Callable[[Lines], Awaitable[None]]


@contextlib.asynccontextmanager
async def serving(work: Work) -> AsyncIterator[int]:
    """A port that answers every GET with what this work tells."""

    async def handle(request: web.Request) -> web.StreamResponse:
        lines = Lines(request)
        try:
            return await lines.answer(lambda: work(lines))
        except RefusedError as error:
            return problem_of(error, "r1")

    app = web.Application()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app, handle_signals=False, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def answered(work: Work) -> tuple[httpx.Response, list[dict[str, Any]]]:
    """The answer, and its lines."""
    async with serving(work) as port, httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://127.0.0.1:{port}/")
    whole = answer.headers["Content-Type"] == NDJSON
    return answer, [json.loads(line) for line in answer.text.splitlines()] if whole else []


async def test_lines_and_their_end() -> None:
    """Each line is an object of its own, the last one says that it is done; the answer has a request id."""

    async def work(lines: Lines) -> None:
        lines.tell("begun", of=2)
        lines.tell("more", text="a\nb")

    answer, found = await answered(work)
    assert answer.status_code == 200
    assert found == [{"event": "begun", "of": 2}, {"event": "more", "text": "a\nb"}, {"event": "done"}]
    assert len(answer.headers["X-Request-Id"]) == 36


async def test_a_refusal_before_the_first_line() -> None:
    """It is an answer like any other, with a status of its own."""

    async def work(lines: Lines) -> None:
        raise RefusedError(409, "No.")

    answer, _ = await answered(work)
    assert (answer.status_code, answer.json()["detail"]) == (409, "No.")


async def test_a_refusal_in_the_middle() -> None:
    """The last line has the problem document, with the id of the request, and nothing of what is inside."""

    async def refuses(lines: Lines) -> None:
        lines.tell("begun")
        raise RefusedError(409, "No.")

    answer, found = await answered(refuses)
    assert answer.status_code == 200
    (first, last) = found
    assert first == {"event": "begun"}
    assert (last["event"], last["problem"]["status"], last["problem"]["detail"]) == ("failed", 409, "No.")
    assert last["problem"]["requestId"] == answer.headers["X-Request-Id"]

    async def breaks(lines: Lines) -> None:
        lines.tell("begun")
        raise ValueError("a-secret-inside")

    answer, found = await answered(breaks)
    assert (found[-1]["event"], found[-1]["problem"]["status"]) == ("failed", 500)
    assert "a-secret-inside" not in answer.text


async def test_each_line_comes_at_once() -> None:
    """A line is there while the work still goes on."""
    goes_on = asyncio.Event()

    async def work(lines: Lines) -> None:
        lines.tell("begun")
        await goes_on.wait()

    async with (
        serving(work) as port,
        httpx.AsyncClient(trust_env=False) as client,
        client.stream("GET", f"http://127.0.0.1:{port}/") as answer,
    ):
        events = answer.aiter_lines()
        assert json.loads(await anext(events)) == {"event": "begun"}
        goes_on.set()
        assert json.loads(await anext(events)) == {"event": "done"}


async def test_whoever_hangs_up_ends_nothing() -> None:
    """The work is done to its end though nobody listens any more."""
    goes_on, done = asyncio.Event(), asyncio.Event()

    async def work(lines: Lines) -> None:
        lines.tell("begun")
        await goes_on.wait()
        for number in range(100):
            lines.tell("more", number=number, padding="x" * 10_000)
            await asyncio.sleep(0)
        done.set()

    async with serving(work) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await reader.readuntil(b"begun")
        writer.close()
        goes_on.set()
        await until(done.is_set)
