"""One connection to a backend: heads in pieces, interim heads, heads without an end."""

import asyncio

import pytest

from tests.support.backends import OK, Seen, read_request, running_backend
from tests.support.dataplane import route, running_plane
from tests.support.rawhttp import get, raw


@pytest.mark.parametrize("size", [1, 7])
async def test_an_answer_in_pieces(size: int) -> None:
    """However a backend cuts its answer, the caller gets the same."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    answer = interim + b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        for at in range(0, len(answer), size):
            writer.write(answer[at : at + size])
            await writer.drain()
            await asyncio.sleep(0)
        await reader.read()

    async with (
        running_backend(script=cut) as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(get())
        assert (await caller.answer()).status == 100
        assert (await caller.answer()).body == b"ok"


async def test_interim_heads_do_not_go_to_http_1_0() -> None:
    """RFC 9110, section 15.2: an HTTP/1.0 caller gets the final answer only."""
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    async with running_backend(lambda seen: early * 3 + OK) as backend:
        async with running_plane(route(backend.port)) as plane, raw(plane.port) as caller:
            await caller.send(get(version="1.0"))
            assert (await caller.answer()).status == 200
        async with running_plane(route(backend.port)) as plane, raw(plane.port) as caller:
            await caller.send(get())
            assert [(await caller.answer()).status for _ in range(4)] == [103, 103, 103, 200]


@pytest.mark.parametrize("ending", [b"", b"\r\n\r\n"])
async def test_a_head_without_bound(ending: bytes) -> None:
    """A response head beyond its bound is 502, whether it ever ends or not."""

    def reply(seen: Seen) -> bytes:
        return b"HTTP/1.1 200 OK\r\nX-A: " + b"x" * 100_000 + ending

    async with (
        running_backend(reply) as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(get())
        answer = await caller.answer()
        outcome = await plane.outcomes.until(1)
    assert (answer.status, outcome.reason) == (502, "upstream_head_too_large")


async def test_an_early_answer_ends_the_upload() -> None:
    """A backend may answer before it has the body: the answer passes, the connection ends after it."""

    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Much\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await reader.read()

    async with (
        running_backend(script=early) as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(get("/", b"Content-Length: 1000000\r\n"))
        answer = await caller.answer()
        assert (answer.status, answer.values(b"connection")) == (413, [b"close"])
        assert await caller.is_closed()
