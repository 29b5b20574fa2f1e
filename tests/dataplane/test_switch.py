"""What becomes of an upgrade: who is offered what, what is charged, what is plain HTTP after all."""

from dataclasses import replace
from typing import Any

import pytest

from quotad.core.plans import StatusClass
from tests.support.backends import running_backend
from tests.support.dataplane import LISTEN, refused, route, running_plane, until
from tests.support.rawhttp import get, post, post_chunked, raw
from tests.support.upgrades import SWITCHED, Switching, exactly, upgrade

ONLY_2XX = frozenset[StatusClass]({"2xx"})
OFFER = b"Connection: Upgrade\r\nUpgrade: echo\r\n"


@pytest.mark.parametrize("condition", [frozenset(), ONLY_2XX], ids=["all", "2xx"])
async def test_charged_once_at_101(condition: frozenset[StatusClass]) -> None:
    """A tunnel is one request, settled when its 101 arrives and not at its end; its bytes are told."""
    talks = Switching()
    async with (
        running_backend(script=talks.script) as backend,
        running_plane(route(backend.port), condition=condition) as plane,
    ):
        async with raw(plane.port) as caller:
            await caller.send(upgrade())
            answer = await caller.answer()
            assert (answer.status, answer.values(b"upgrade")) == (101, [b"echo"])
            assert (answer.values(b"connection"), answer.values(b"x-said")) == ([b"Upgrade"], [b"so"])
            assert answer.values(b"x-request-id")
            assert plane.gate.counted == [True]
            assert plane.outcomes.tunnels == 1
            assert plane.outcomes.all == []
            await caller.send(b"\x00" * 1000)
            await exactly(caller, b"\x00" * 1000)
            caller.writer.write_eof()
            assert await caller.rest() == b""
        outcome = await plane.outcomes.until(1)
        assert (outcome.status, outcome.reason, outcome.counted) == (101, "", True)
        assert outcome.bytes_in == len(upgrade()) + 1000
        assert outcome.bytes_out == len(answer.head) + 1000
        assert 0 < outcome.tunnel_s <= outcome.ended_s - outcome.started_s
        assert (plane.outcomes.tunnels, plane.gate.asked) == (0, 1)


@pytest.mark.parametrize(
    ("offer", "goes_on"),
    [
        (b"echo", b"echo"),
        (b"WebSocket, echo/2", b"WebSocket, echo/2"),
        (b"h2c, echo", b"echo"),
        (b"echo, HTTP/2.0, TLS/1.3,h2", b"echo"),
        (b"h2c", b""),
        (b"TLS/1.0, HTTP/1.1", b""),
        (b"not a protocol", b""),
        (b"a/b/c", b""),
        (b"", b""),
        (b",", b""),
    ],
)
async def test_what_is_offered(offer: bytes, goes_on: bytes) -> None:
    """Upgrade is made anew of what may go on; nothing that carries HTTP is ever offered to a backend."""
    async with (
        running_backend() as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(upgrade(offer, b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n"))
        answer = await caller.answer()
        seen = backend.seen[0]
        assert seen.values(b"upgrade") == ([goes_on] if goes_on else [])
        assert seen.values(b"connection") == ([b"Upgrade"] if goes_on else [])
        assert seen.values(b"http2-settings") == []
        assert (answer.status, answer.values(b"connection")) == (200, [b"close"] if goes_on else [])


@pytest.mark.parametrize(
    "request_bytes",
    [
        get("/", b"Upgrade: echo\r\n"),
        get("/", b"Connection: keep-alive\r\nUpgrade: echo\r\n"),
        get("/", b"Connection: Upgrade\r\n"),
        upgrade(version="1.0"),
        upgrade(extra=b"Connection: keep-alive\r\n", version="1.0"),
    ],
    ids=["not-named", "another-named", "names-nothing", "http-1.0", "http-1.0-kept"],
)
async def test_no_offer(request_bytes: bytes) -> None:
    """Half an offer, or one of HTTP/1.0, is none: the request goes on without (RFC 9110, 7.8)."""
    async with (
        running_backend() as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(request_bytes)
        assert (await caller.answer()).status == 200
        assert backend.seen[0].values(b"upgrade") == backend.seen[0].values(b"connection") == []


@pytest.mark.parametrize(
    ("allowed", "goes_on"),
    [(("websocket",), [b"WebSocket"]), (("echo/2", "x"), [b"Echo/2"]), ((), []), (("echo/3",), [])],
)
async def test_upgrades_of_a_route(allowed: tuple[str, ...], goes_on: list[bytes]) -> None:
    """A route names what may be offered, with or without a version."""
    async with (
        running_backend() as backend,
        running_plane(route(backend.port, upgrades=allowed)) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(upgrade(b"WebSocket, Echo/2"))
        assert (await caller.answer()).status == 200
        assert backend.seen[0].values(b"upgrade") == goes_on


def switched(fields: bytes, first: bytes = b"HTTP/1.1 101 Switching Protocols") -> bytes:
    return first + b"\r\n" + fields + b"\r\n"


BAD = {
    "another": switched(b"Connection: upgrade\r\nUpgrade: other\r\n"),
    "one more": switched(b"Connection: upgrade\r\nUpgrade: echo, other\r\n"),
    "http under it": switched(b"Connection: upgrade\r\nUpgrade: echo, h2c\r\n"),
    "none": switched(b"Connection: upgrade\r\n"),
    "empty": switched(b"Connection: upgrade\r\nUpgrade: \r\n"),
    "not named": switched(b"Upgrade: echo\r\n"),
    "with a length": switched(b"Connection: upgrade\r\nUpgrade: echo\r\nContent-Length: 5\r\n"),
    "with chunks": switched(b"Connection: upgrade\r\nUpgrade: echo\r\nTransfer-Encoding: chunked\r\n"),
    "http/1.0": switched(b"Connection: upgrade\r\nUpgrade: echo\r\n", b"HTTP/1.0 101 Switching"),
}


@pytest.mark.parametrize("answer", BAD.values(), ids=BAD.keys())
async def test_bad_101(answer: bytes) -> None:
    """A 101 that says too little, too much, or what was not offered is a 502, and counts as one."""
    talks = Switching(answer=answer)
    async with (
        running_backend(script=talks.script) as backend,
        running_plane(route(backend.port), condition=ONLY_2XX) as plane,
    ):
        async with raw(plane.port) as caller:
            await caller.send(upgrade())
            assert (await caller.answer()).status == 502
            assert await caller.is_closed()
        await until(lambda: not backend.open)
        assert plane.gate.counted == [False]
        assert plane.outcomes.tunnels == 0


@pytest.mark.parametrize(
    "request_bytes", [get(), get("/", b"Upgrade: echo\r\n"), upgrade(b"h2c"), upgrade(version="1.0")]
)
async def test_101_unasked(request_bytes: bytes) -> None:
    """A 101 that nobody asked for is a 502."""
    talks = Switching()
    async with (
        running_backend(script=talks.script) as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(request_bytes)
        assert (await caller.answer()).status == 502


async def test_an_answer_that_is_no_101() -> None:
    """It is an ordinary answer, with a body; what the caller sent ahead is dropped, never a request."""
    async with (
        running_backend() as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(upgrade() + get("/smuggled"))
        answer = await caller.answer()
        assert (answer.status, answer.body, answer.values(b"connection")) == (200, b"ok", [b"close"])
        assert await caller.is_closed()
        assert len(backend.seen) == len(plane.outcomes.all) == 1


@pytest.mark.parametrize("status", [401, 429])
async def test_a_refused_upgrade_is_plain_http(status: int) -> None:
    """401 and 429 are answered as to any request, and nothing sent ahead is read as a request."""
    async with (
        running_backend() as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        request_bytes = upgrade()
        if status == 401:
            request_bytes = request_bytes.replace(b"secret-key", b"public-key")
        plane.gate.change = refused()
        await caller.send(request_bytes + get("/smuggled"))
        answer = await caller.answer()
        assert (answer.status, answer.values(b"upgrade")) == (status, [])
        assert answer.values(b"content-type") == [b"application/problem+json"]
        assert await caller.is_closed()
        assert backend.seen == []
        assert len(plane.outcomes.all) == 1


async def test_426_tells_the_protocol() -> None:
    """A backend that asks for another protocol is heard, except where that carries HTTP."""
    said = b"HTTP/1.1 426 Upgrade Required\r\nConnection: upgrade\r\nUpgrade: websocket, h2c\r\n\r\n"
    async with (
        running_backend(lambda seen: said.replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n")) as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(get(), get())
        for _ in range(2):
            answer = await caller.answer()
            assert (answer.status, answer.values(b"upgrade")) == (426, [b"websocket"])
            assert answer.values(b"connection") == [b"Upgrade"]


@pytest.mark.parametrize(
    "request_bytes", [post(b"hello", OFFER), post_chunked([b"he", b"llo"], OFFER), post(b"", OFFER)]
)
async def test_with_a_body(request_bytes: bytes) -> None:
    """The body goes first, whole; what follows it belongs to the tunnel."""
    bodies = []

    async def talk(reader: Any, writer: Any) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"Content-Length: 5" in head:
            bodies.append(await reader.readexactly(5))
        elif b"chunked" in head:
            bodies.append(await reader.readuntil(b"0\r\n\r\n"))
        writer.write(SWITCHED)
        writer.write(await reader.readexactly(5))
        await writer.drain()

    async with (
        running_backend(script=talk) as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(request_bytes + b"early")
        assert (await caller.answer()).status == 101
        await exactly(caller, b"early")
    assert bodies in ([b"hello"], [b"5\r\nhello\r\n0\r\n\r\n"], [b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"], [])


async def test_101_before_the_body() -> None:
    """A backend that switches while a body is owed is a 502 (RFC 9110, 7.8)."""
    talks = Switching()
    async with (
        running_backend(script=talks.script) as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(post(b"hello", OFFER)[:-2])
        assert (await caller.answer()).status == 502
        assert await caller.is_closed()


async def test_expect_then_101() -> None:
    """With Expect the 100 comes first, then the body, then the 101 (RFC 9110, 7.8)."""

    async def talk(reader: Any, writer: Any) -> None:
        assert b"Expect: 100-continue" in await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await reader.readexactly(5) == b"hello"
        writer.write(SWITCHED)
        await writer.drain()

    async with (
        running_backend(script=talk) as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        whole = post(b"hello", OFFER + b"Expect: 100-continue\r\n")
        await caller.send(whole[:-5])
        assert (await caller.answer()).status == 100
        await caller.send(whole[-5:])
        assert (await caller.answer()).status == 101


async def test_tunnels_are_bounded() -> None:
    """Beyond ``maxTunnels`` who offers an upgrade gets 503, at no cost; others are served."""
    few = replace(LISTEN, max_tunnels=1)
    talks = Switching()
    async with (
        running_backend(script=talks.script) as talking,
        running_backend() as plain,
        running_plane(route(talking.port, path_prefix="/talk"), route(plain.port), listen=few) as plane,
    ):
        async with raw(plane.port) as first:
            await first.send(upgrade())
            assert (await first.answer()).status == 101
            async with raw(plane.port) as second:
                await second.send(upgrade())
                answer = await second.answer()
                assert (answer.status, answer.values(b"retry-after")) == (503, [b"1"])
            async with raw(plane.port) as third:
                await third.send(get(), upgrade(b"h2c").replace(b"/talk", b"/"))
                assert [(await third.answer()).status for _ in range(2)] == [200, 200]
            assert plane.gate.asked == 3
            first.writer.close()
            await until(lambda: plane.outcomes.tunnels == 0)
        async with raw(plane.port) as again:
            await again.send(upgrade())
            assert (await again.answer()).status == 101


async def test_a_tunnel_leaves_the_pool() -> None:
    """A tunnel takes no place among the connections to a backend: other requests go on."""
    talks = Switching()
    async with (
        running_backend(script=talks.script) as backend,
        running_plane(route(backend.port, pool_connections=1)) as plane,
        raw(plane.port) as one,
        raw(plane.port) as other,
    ):
        for caller in (one, other):
            await caller.send(upgrade())
            assert (await caller.answer()).status == 101
        for caller in (one, other):
            await caller.send(b"hello")
            await exactly(caller, b"hello")
        assert backend.open == 2
