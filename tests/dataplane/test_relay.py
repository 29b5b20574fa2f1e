"""Bodies: framed alike however they come, held back nowhere, slowed by a slow taker."""

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.backends import OK, running_backend
from tests.support.dataplane import route, running_plane
from tests.support.echoing import EXCHANGES, echo, exchange
from tests.support.rawhttp import get, plain, post, raw


@pytest.mark.parametrize("request_bytes", EXCHANGES)
@pytest.mark.parametrize("size", [10**9, 1, 7], ids=["whole", "byte-by-byte", "by-seven"])
async def test_framing(request_bytes: bytes, size: int) -> None:
    """Any valid request gets the same answer, and reaches the backend alike, however it is cut."""
    whole = [request_bytes[at : at + size] for at in range(0, len(request_bytes), size)]
    async with running_backend(echo) as backend, running_plane(route(backend.port)) as plane:
        await exchange(plane, [request_bytes], 1)
        await exchange(plane, whole, 1)
        first, second = backend.seen
        assert first.payload == second.payload
        assert plain(first.head) == plain(second.head)


@pytest.mark.parametrize("request_bytes", EXCHANGES)
async def test_with_trailing_bytes(request_bytes: bytes) -> None:
    """What follows a request on the wire is the next request and no part of this one."""
    async with running_backend(echo) as backend, running_plane(route(backend.port)) as plane:
        _, answers = await exchange(plane, [request_bytes + get("/next")], 2)
        assert answers[1].body == b"/next|"
        assert len(backend.seen) == 2


@given(data=st.data(), picked=st.lists(st.sampled_from(EXCHANGES[:9]), min_size=1, max_size=4))
def test_random_splits(data: st.DataObject, picked: list[bytes]) -> None:
    """Any valid requests, cut anywhere, give the same bytes out both ways as when sent at once."""
    stream = b"".join(picked)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True) if a < b]

    async def run() -> None:
        async with running_backend(echo) as backend, running_plane(route(backend.port)) as plane:
            async with raw(plane.port) as caller:
                await caller.send(stream)
                expected = [await caller.answer() for _ in picked]
            async with raw(plane.port) as caller:
                sending = asyncio.ensure_future(caller.send(*pieces))
                got = [await caller.answer() for _ in picked]
                await sending
            assert [answer.body for answer in got] == [answer.body for answer in expected]
            assert [plain(answer.head) for answer in got] == [plain(answer.head) for answer in expected]
            half = len(backend.seen) // 2
            before, after = backend.seen[:half], backend.seen[half:]
            assert [seen.payload for seen in before] == [seen.payload for seen in after]
            assert [plain(seen.head) for seen in before] == [plain(seen.head) for seen in after]

    asyncio.run(run())


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def until_still(count: list[int]) -> None:
    """Wait until the last number of ``count`` has stopped growing: whoever adds to it is held up."""
    last, same = count[-1], 0
    while same < 500:
        await asyncio.sleep(0)
        same = same + 1 if count[-1] == last else 0
        last = count[-1]


TOTAL, PIECE = 256 << 20, b"x" * (1 << 20)


async def test_backpressure_up() -> None:
    """During a long upload to a slow backend the caller is held up, and memory stays small."""
    go = asyncio.Event()
    sent = [0]

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await go.wait()
        for _ in range(TOTAL // len(PIECE)):
            await reader.readexactly(len(PIECE))
        writer.write(OK)
        await writer.drain()

    async with (
        running_backend(script=slow) as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        before, highest = resident_bytes(), 0

        async def upload() -> None:
            nonlocal highest
            await caller.send(post(b"").replace(b"Length: 0", b"Length: %d" % TOTAL))
            for _ in range(TOTAL // len(PIECE)):
                await caller.send(PIECE)
                sent[0] += len(PIECE)
                highest = max(highest, resident_bytes() - before)

        uploading = asyncio.ensure_future(upload())
        await until_still(sent)
        assert sent[0] < 32 << 20
        go.set()
        await uploading
        assert (await caller.answer()).status == 200
    assert highest < 16 << 20


async def test_backpressure_down() -> None:
    """During a long answer to a slow caller the backend is held up, and memory stays small."""
    sent = [0]

    async def fast(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % TOTAL)
        for _ in range(TOTAL // len(PIECE)):
            writer.write(PIECE)
            await writer.drain()
            sent[0] += len(PIECE)

    async with (
        running_backend(script=fast) as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        before, highest = resident_bytes(), 0
        await caller.send(get())
        await caller.reader.readuntil(b"\r\n\r\n")
        await until_still(sent)
        assert sent[0] < 32 << 20
        for _ in range(TOTAL // len(PIECE)):
            await caller.reader.readexactly(len(PIECE))
            highest = max(highest, resident_bytes() - before)
    assert highest < 16 << 20
