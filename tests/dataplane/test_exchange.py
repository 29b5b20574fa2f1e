"""The outcome table (Q1 to Q3): how every way in which a request can end is settled, and once only."""

import asyncio
from collections.abc import Callable

import pytest

from quotad.config.model import Address, Listen
from quotad.core.outcome import Outcome
from quotad.core.plans import StatusClass
from tests.support.backends import CLOSE, OK, Seen, read_request, running_backend
from tests.support.dataplane import Plane, refused, route, running_plane, until
from tests.support.echoing import exchange
from tests.support.rawhttp import get, post, post_chunked, raw

ONLY_2XX: frozenset[StatusClass] = frozenset({"2xx"})
OTHERS: frozenset[StatusClass] = frozenset({"others"})
QUICK = Listen(Address("127.0.0.1", 0), body_idle_timeout_s=0.05)


def answering(status: int, extra: bytes = b"Content-Length: 0\r\n") -> bytes:
    return b"HTTP/1.1 %d Some Reason\r\n%b\r\n" % (status, extra)


@pytest.mark.parametrize(
    ("answer", "status", "counted"),
    [
        (answering(200), 200, True),
        (answering(204, b""), 204, True),
        (answering(299), 299, True),
        (answering(304, b""), 304, False),
        (answering(302), 302, False),
        (answering(404), 404, False),
        (answering(500), 500, False),
        (answering(600), 600, False),
        (answering(102, b"") + answering(200), 200, True),
        (answering(103, b"Link: </a>\r\n") + answering(503), 503, False),
        (answering(101, b"Upgrade: x\r\nConnection: upgrade\r\n"), 502, False),
        (b"not HTTP at all\r\n\r\n", 502, False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 502, False),
        (b"HTTP/1.1 200 OK\r\nContent-Le" + CLOSE, 502, False),
    ],
)
async def test_status_decides(answer: bytes, status: int, counted: bool) -> None:
    """Under `quotaCondition: 2xx` a request counts if and only if the caller got a 2xx."""
    async with running_backend(lambda seen: answer) as backend:
        async with running_plane(route(backend.port), condition=ONLY_2XX) as plane, raw(plane.port) as caller:
            await caller.send(get())
            got = await caller.answer()
            while got.status < 200:
                got = await caller.answer()
            outcome = await plane.outcomes.until(1)
        assert got.status == status
        assert plane.gate.counted == [counted]
        assert (outcome.status, outcome.counted) == (status, counted)


@pytest.mark.parametrize("condition", [frozenset(), ONLY_2XX])
async def test_a_verdict_at_once_is_taken(condition: frozenset[StatusClass]) -> None:
    """A Verdict that the engine has at hand is taken as one that comes later, on a kept connection too."""
    async with running_backend() as backend, running_plane(route(backend.port), condition=condition) as plane:
        plane.gate.at_once = True
        async with raw(plane.port) as caller:
            for _ in range(3):
                await caller.send(get())
                assert (await caller.answer()).status == 200
            plane.gate.change = refused()
            await caller.send(post(b"not wanted"), get())
            for _ in range(2):
                assert (await caller.answer()).status == 429
        assert (plane.gate.asked, plane.gate.counted) == (5, [True] * 3)
        assert [outcome.store_s for outcome in plane.outcomes.all] == [0.0] * 5


async def test_without_condition_failures_count() -> None:
    """A plan without a condition counts what was admitted, whatever came of it."""
    async with running_backend(lambda seen: None) as backend, running_plane(route(backend.port)) as plane:
        async with raw(plane.port) as caller:
            await caller.send(get())
            assert (await caller.answer()).status == 502
        assert plane.gate.counted == [True]


async def one_outcome(plane: Plane, sent: bytes = b"") -> Outcome:
    """Send a request, hang up without reading, and wait for its end."""
    async with raw(plane.port) as caller:
        await caller.send(sent or get())
    return await plane.outcomes.until(1)


async def test_gone_before_the_verdict() -> None:
    """A caller that leaves while the engine decides is neither admitted nor charged."""
    async with running_backend() as backend, running_plane(route(backend.port), condition=ONLY_2XX) as plane:
        plane.gate.held = True
        outcome = await one_outcome(plane)
        plane.gate.open()
        assert (outcome.status, outcome.reason, outcome.counted) == (0, "client_left", None)
        assert backend.seen == []
        assert plane.gate.granted == []


async def test_gone_before_dispatch_is_given_back() -> None:
    """An admitted request that found no connection yet when its caller left is given back."""
    stuck = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await stuck.wait()

    async with running_backend(script=silent) as backend:
        only_one = route(backend.port, pool_connections=1)
        async with running_plane(only_one, condition=ONLY_2XX) as plane, raw(plane.port) as first:
            await first.send(get())
            await until(lambda: backend.open)
            async with raw(plane.port) as second:
                await second.send(get())
                await until(lambda: len(plane.gate.granted) == 2)
            outcome = await plane.outcomes.until(1)
            assert (outcome.status, outcome.counted) == (0, False)
            assert [verdict is plane.gate.granted[1] for verdict in plane.gate.released] == [True]
            stuck.set()
            assert (await first.answer()).status == 502


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed"])
@pytest.mark.parametrize(("status", "counted"), [(200, True), (404, False)])
async def test_gone_after_dispatch_is_settled_by_the_real_status(
    status: int, counted: bool, reset: bool
) -> None:
    """Hanging up after dispatch never refunds: the backend's status decides, as if the caller stayed."""
    arrived, go = asyncio.Event(), asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        arrived.set()
        await go.wait()
        writer.write(answering(status))
        await writer.drain()

    async with (
        running_backend(script=slow) as backend,
        running_plane(route(backend.port), condition=ONLY_2XX) as plane,
    ):
        async with raw(plane.port) as caller:
            await caller.send(get())
            await arrived.wait()
            if reset:
                caller.reset()
        async with raw(plane.port) as another:
            # Its answer comes after the loop has heard of the reset.
            await another.send(b"nonsense\r\n\r\n")
            assert (await another.answer()).status == 400
        go.set()
        outcome = await plane.outcomes.until(2)
    assert plane.gate.counted == [counted]
    # A caller that only closed its side may still read: nobody can tell, so it is answered.
    assert (outcome.status, outcome.reason) == ((0, "client_left") if reset else (status, ""))


@pytest.mark.parametrize("condition", [frozenset(), ONLY_2XX, OTHERS])
async def test_gone_in_the_middle_of_a_body_is_charged(condition: frozenset[StatusClass]) -> None:
    """A caller that breaks off its own request after dispatch is charged: no status will ever come."""

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with (
        running_backend(script=never) as backend,
        running_plane(route(backend.port), condition=condition) as plane,
    ):
        async with raw(plane.port) as caller:
            await caller.send(post(b"x" * 100)[:-50])
            await until(lambda: backend.open)
        outcome = await plane.outcomes.until(1)
    assert plane.gate.counted == [True]
    assert outcome.status == 0


async def test_unreachable() -> None:
    """No connection to the backend: 502, settled as such."""
    async with running_plane(route(1), condition=ONLY_2XX) as plane, raw(plane.port) as caller:
        await caller.send(get())
        answer = await caller.answer()
        outcome = await plane.outcomes.until(1)
    assert (answer.status, outcome.reason, plane.gate.counted) == (502, "upstream_unreachable", [False])


async def test_no_head_in_time() -> None:
    """A backend that never answers: 504, settled as such, and its connection is not used again."""
    async with running_backend(lambda seen: b"") as backend:
        late = route(backend.port, response_timeout_s=0.02)
        async with running_plane(late, condition=ONLY_2XX) as plane, raw(plane.port) as caller:
            await caller.send(get())
            assert (await caller.answer()).status == 504
            await caller.send(get())
            assert (await caller.answer()).status == 504
            outcome = await plane.outcomes.until(2)
        assert (outcome.reason, plane.gate.counted) == ("upstream_timeout", [False, False])
        assert backend.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort" + CLOSE,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n" + CLOSE,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
    ],
    ids=["short", "chunks-end", "bad-chunk", "stalls"],
)
async def test_a_broken_answer_does_not_look_whole(answer: bytes) -> None:
    """An answer that breaks off, or stalls, ends in an abort; its head's status is what counts."""
    async with (
        running_backend(lambda seen: answer) as backend,
        running_plane(route(backend.port, stream_idle_s=0.05), condition=ONLY_2XX) as plane,
    ):
        async with raw(plane.port) as caller:
            await caller.send(get())
            with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError, ValueError)):
                await caller.answer()
        outcome = await plane.outcomes.until(1)
    assert plane.gate.counted == [True]
    assert (outcome.status, outcome.reason) == (200, "upstream_reset")


async def test_a_reset_does_not_look_whole_to_http_1_0() -> None:
    """Where the end of the connection is the end of the body, an abort is a reset, not an end."""

    def reply(seen: Seen) -> bytes:
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n" + CLOSE

    async with (
        running_backend(reply) as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(get(version="1.0"))
        with pytest.raises(ConnectionResetError):
            await caller.rest()


@pytest.mark.parametrize(
    ("change", "status", "text"),
    [
        (refused(), 429, b"API quota exceeded."),
        (refused(reason="rate"), 429, b"API rate limit exceeded."),
        (refused(reason="store"), 503, b"quota store did not answer"),
        (refused(reason="overload"), 503, b"Too many requests wait"),
    ],
)
async def test_a_denial_reaches_no_backend(change: Callable[..., None], status: int, text: bytes) -> None:
    """A denied request is answered by us, settles nothing, and its connection lives on."""
    async with running_backend() as backend, running_plane(route(backend.port)) as plane:
        plane.gate.change = change
        async with raw(plane.port) as caller:
            await caller.send(post(b"a body that nobody wants"), get())
            for _ in range(2):
                answer = await caller.answer()
                assert answer.status == status
                assert text in answer.body
                assert answer.values(b"retry-after") == [b"7"]
        assert backend.seen == []
        assert plane.gate.settled == []
        assert plane.gate.released == []


async def test_a_stalled_upload_is_refused() -> None:
    """A caller that stops in the middle of its body gets 408, which is what its request was worth."""
    async with (
        running_backend() as backend,
        running_plane(route(backend.port), condition=ONLY_2XX, listen=QUICK) as plane,
    ):
        async with raw(plane.port) as caller:
            await caller.send(post(b"x" * 100)[:-50])
            answer = await caller.answer()
            assert (answer.status, answer.values(b"connection")) == (408, [b"close"])
        assert plane.gate.counted == [False]


async def test_a_body_with_bad_framing_is_refused() -> None:
    """A chunked body that breaks its own framing is 400, and the backend sees no whole request."""
    async with (
        running_backend() as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(post_chunked([b"good"], ending=b""), b"bad!\r\n")
        assert (await caller.answer()).status == 400
        assert await caller.is_closed()
    assert backend.seen == []


async def test_a_body_over_the_bound_is_refused() -> None:
    """413 before the request costs anything when its length is told, and in its course when it is not."""
    async with running_backend() as backend:
        small = route(backend.port, body_bytes=10)
        async with running_plane(small) as plane:
            async with raw(plane.port) as caller:
                await caller.send(post(b"x" * 11))
                assert (await caller.answer()).status == 413
                assert plane.gate.asked == 0
            async with raw(plane.port) as caller:
                await caller.send(post_chunked([b"x" * 6], ending=b""), b"6\r\nxxxxxx\r\n0\r\n\r\n")
                assert (await caller.answer()).status == 413
            async with raw(plane.port) as caller:
                await caller.send(post(b"x" * 10))
                assert (await caller.answer()).status == 200
    assert [seen.body for seen in backend.seen] == [b"x" * 10]


async def test_head_has_no_body() -> None:
    """HEAD passes the length that GET would have, and the next answer follows at once."""
    async with (
        running_backend(lambda seen: OK if b"GET" in seen.line else OK[:-2]) as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(get().replace(b"GET", b"HEAD"), get())
        answer = await caller.answer("HEAD")
        assert (answer.status, answer.values(b"content-length")) == (200, [b"2"])
        assert (await caller.answer()).body == b"ok"


async def test_what_comes_back() -> None:
    """The backend's lines come back as they were, less hop-by-hop ones and what we say ourselves."""

    def reply(seen: Seen) -> bytes:
        return (
            b"HTTP/1.1 200 All Fine\r\nSet-Cookie: a\r\nX-Named: gone\r\nSet-Cookie: b\r\nServer: s\r\n"
            b"Connection: X-Named\r\nKeep-Alive: 5\r\nX-Request-Id: theirs\r\nRateLimit: theirs\r\n"
            b"Date: Sat, 21 Nov 2026 12:00:00 GMT\r\nContent-Length: 2\r\n\r\nok"
        )

    async with running_backend(reply) as backend, running_plane(route(backend.port)) as plane:
        _, answers = await exchange(plane, [get()], 1)
    head = answers[0].head
    assert head.startswith(
        b"HTTP/1.1 200 All Fine\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nServer: s\r\n"
        b"Date: Sat, 21 Nov 2026 12:00:00 GMT\r\nContent-Length: 2\r\nX-Request-Id: "
    )
    assert answers[0].names.count(b"x-request-id") == 1
    assert b"ratelimit" not in answers[0].names
