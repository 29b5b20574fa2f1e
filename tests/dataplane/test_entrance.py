"""What is refused at the door costs nothing and reaches no backend."""

import asyncio

import pytest

from quotad.core.table import PlanTable
from quotad.dataplane.snapshot import Snapshot
from tests.support.backends import OK, running_backend
from tests.support.dataplane import SERVICE, route, running_plane
from tests.support.echoing import echo, exchange
from tests.support.rawhttp import PAIR, get, post, raw


async def test_expect_is_decided_before_the_body() -> None:
    """401 and 429 come without 100; an admitted caller hears the backend's own 100 (10.1.1)."""

    async def invites(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await reader.readexactly(5)
        writer.write(OK)
        await writer.drain()

    head = post(b"12345", b"Expect: 100-continue\r\n")[:-5]
    async with running_backend(script=invites) as backend, running_plane(route(backend.port)) as plane:
        async with raw(plane.port) as caller:
            await caller.send(head)
            assert (await caller.answer()).status == 100
            await caller.send(b"12345")
            assert (await caller.answer()).status == 200
        async with raw(plane.port) as caller:
            await caller.send(head.replace(b"secret-key", b"public-key"))
            answer = await caller.answer()
            assert (answer.status, answer.values(b"connection")) == (401, [b"close"])
            assert await caller.is_closed()
        assert backend.connections == 1


BAD = [
    (b"GET / HTTP/1.1\r\n" + PAIR + b"\r\n", 400),
    (get().replace(b"Host: example.test", b"Host: a\r\nHost: a"), 400),
    (get(host=""), 400),
    (get(host="a,b"), 400),
    (get(host="user@a"), 400),
    (get(host="a/b"), 400),
    (get("/", b"Content-Length: 1\r\nContent-Length: 1\r\n") + b"x", 400),
    (get("/", b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n") + b"x", 400),
    (get("/", b"Content-Length: +1\r\n") + b"x", 400),
    (get("/", b"Content-Length: 1, 1\r\n") + b"x", 400),
    (get("/", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400),
    (get("/", b"Transfer-Encoding: identity\r\n"), 400),
    (get("/", b"Transfer-Encoding:\r\n"), 400),
    (get("/", b"Transfer-Encoding: gzip, chunked\r\n"), 501),
    (get("/", b"Transfer-Encoding: chunked\r\n", version="1.0"), 400),
    (get("/", b"X-A : b\r\n"), 400),
    (get("/", b"X-A: b\r\n folded\r\n"), 400),
    (get("/", b"X-A: b\x00c\r\n"), 400),
    (get("/", b"X-A: b\rc\r\n"), 400),
    (get("/", b"X-A: b\nX-B: c\r\n"), 400),
    (get("/", b"No colon\r\n"), 400),
    (get().replace(b"GET / ", b"GET  / "), 400),
    (get().replace(b"GET", b"get"), 400),
    (b"\r\n\r\n" + get(), 400),
    (b" " + get(), 400),
    (get(version="2.0"), 505),
    (get("/a#b"), 400),
    (get("nothing"), 400),
    (get("*"), 400),
    (get().replace(b"GET /", b"CONNECT example.test:443"), 501),
    (get().replace(b"GET", b"TRACE"), 405),
    (get("http://user@a/"), 400),
    (get("ftp://a/"), 400),
    (get("/", b"Expect: miracles\r\n"), 417),
    (get("/" + "x" * 20_000), 414),
    (get("/", b"X-A: " + b"x" * 40_000 + b"\r\n"), 431),
    (get("/", b"X-A: b\r\n" * 200), 431),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
]


@pytest.mark.parametrize(("request_bytes", "status"), BAD, ids=range(len(BAD)))
async def test_refused_at_the_door(request_bytes: bytes, status: int) -> None:
    """A malformed request is refused, costs nothing, reaches no backend, and ends its connection."""
    async with running_backend() as backend, running_plane(route(backend.port)) as plane:
        async with raw(plane.port) as caller:
            await caller.send(request_bytes)
            answer = await caller.answer()
            assert (answer.status, answer.values(b"connection")) == (status, [b"close"])
            assert answer.values(b"content-type") == [b"application/problem+json"]
            assert await caller.is_closed()
        assert backend.seen == []
        assert plane.gate.asked == 0
        assert [outcome.status for outcome in plane.outcomes.all] == [status]


async def test_a_target_of_8000_octets_works() -> None:
    """RFC 9112, section 3: request lines of 8,000 octets are taken."""
    async with running_backend(echo) as backend, running_plane(route(backend.port)) as plane:
        target = "/" + "x" * 8000
        _, answers = await exchange(plane, [get(target)], 1)
        assert answers[0].body == target.encode() + b"|"


async def test_preflight_passes_uncounted() -> None:
    """A CORS preflight without credentials passes where the route says so, and asks for no unit."""
    preflight = (
        b"OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\nAccess-Control-Request-Method: PUT\r\n\r\n"
    )
    async with running_backend() as backend:
        open_route = route(backend.port, preflight_pass=True, host="a")
        async with running_plane(open_route, route(backend.port)) as plane:
            _, answers = await exchange(plane, [preflight, preflight.replace(b": a", b": c")], 2)
            assert [answer.status for answer in answers] == [200, 401]
            assert plane.gate.asked == 0
            assert backend.seen[0].values(b"access-control-request-method") == [b"PUT"]


async def test_absolute_form_replaces_host() -> None:
    """The authority of an absolute-form target is the Host that goes on and that routes (3.2.2)."""
    async with (
        running_backend(echo) as backend,
        running_plane(route(backend.port, host="real.test")) as plane,
    ):
        _, answers = await exchange(plane, [get("http://Real.test:81?x"), get("/")], 2)
        assert [answer.status for answer in answers] == [200, 404]
        assert backend.seen[0].values(b"host") == [b"Real.test:81"]
        assert backend.seen[0].line == b"GET /?x HTTP/1.1"


async def test_the_same_head_is_refused_once_its_secret_is_no_more() -> None:
    """What a head proved before is compared with the Secrets that there are now."""
    async with (
        running_backend() as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        for _ in range(3):
            await caller.send(get())
            assert (await caller.answer()).status == 200
        plane.holder.take(Snapshot((route(backend.port),), PlanTable([SERVICE])))
        await caller.send(get())
        assert (await caller.answer()).status == 401
