"""What goes on of a good request, as an independent parser reads it."""

import pytest

from tests.support.backends import Seen, running_backend
from tests.support.dataplane import route, running_plane
from tests.support.echoing import echo, exchange
from tests.support.feeding import WAYS, feed, statuses
from tests.support.independent import Read, running_witness
from tests.support.rawhttp import PAIR, get, post, post_chunked, raw


async def forwarded(stream: bytes, way: str = "whole") -> Read:
    """The one request that a backend gets of one."""
    async with running_witness() as witness, running_plane(route(witness.port)) as plane:
        received = await feed(plane, stream, way, ends=True)
        assert statuses(received) == [200]
        assert witness.refused == []
        (request,) = witness.requests
        return request


def options(fields: bytes) -> bytes:
    return get("/", fields).replace(b"GET", b"OPTIONS")


ACCEPTED = {
    "an empty line before": (b"\r\n" + get("/a"), b"GET", b"/a", b""),
    "8,000 octets": (get("/" + "x" * 8000), b"GET", b"/" + b"x" * 8000, b""),
    "odd but visible": (get('/a%zz|"{}^`\\;?b=%00??'), b"GET", b'/a%zz|"{}^`\\;?b=%00??', b""),
    "dot segments": (get("/a/../b//./%2e%2e"), b"GET", b"/a/../b//./%2e%2e", b""),
    "absolute target": (get("http://b:80/c?d"), b"GET", b"/c?d", b""),
    "absolute target without path": (get("HTTP://b?d"), b"GET", b"/?d", b""),
    "asterisk": (get("*").replace(b"GET", b"OPTIONS"), b"OPTIONS", b"*", b""),
    "asterisk by an empty path": (get("http://b").replace(b"GET", b"OPTIONS"), b"OPTIONS", b"*", b""),
    "another method": (get("/a").replace(b"GET", b"M-SEARCH"), b"M-SEARCH", b"/a", b""),
    "8 bits in a value": (get("/", b"X-A: \xe4\r\n"), b"GET", b"/", b""),
    "tabs around a value": (get("/", b"X-A:\tb\t\r\n"), b"GET", b"/", b""),
    "length": (post(b"body"), b"POST", b"/", b"body"),
    "zeros before the length": (get("/", b"Content-Length: 004\r\n") + b"body", b"GET", b"/", b"body"),
    "chunks": (post_chunked([b"a", b"bc"]), b"POST", b"/", b"abc"),
    "extensions": (post_chunked([], ending=b'1;a;b=c;d="e;\\"f"\r\nx\r\n0;g\r\n\r\n'), b"POST", b"/", b"x"),
    "trailers": (post_chunked([b"x"], ending=b"0\r\nX-Trailer: y\r\n\r\n"), b"POST", b"/", b"x"),
    "lower-case coding": (
        get("/", b"transfer-encoding:CHUNKED \r\n") + b"01\r\nx\r\n00\r\n\r\n",
        b"GET",
        b"/",
        b"x",
    ),
    "HTTP/1.0": (get("/a", version="1.0"), b"GET", b"/a", b""),
    "HTTP/1.0 without Host": (b"GET /a HTTP/1.0\r\n" + PAIR + b"\r\n", b"GET", b"/a", b""),
    "expectation": (post(b"body", b"Expect: 100-continue\r\n"), b"POST", b"/", b"body"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("stream", "method", "target", "body"),
    ACCEPTED.values(),
    ids=[name.replace(" ", "-") for name in ACCEPTED],
)
async def test_good_requests(stream: bytes, method: bytes, target: bytes, body: bytes, way: str) -> None:
    """A good request reaches the backend once, with its method, its target byte for byte and its payload."""
    request = await forwarded(stream, way)
    assert (request.method, request.target, request.body) == (method, target, body)


async def test_an_absolute_target_replaces_host() -> None:
    """RFC 9112, section 3.2.2: its authority is the Host that goes on, whatever Host said."""
    request = await forwarded(get("http://real.test:81/"))
    assert request.values(b"host") == [b"real.test:81"]
    assert request.values(b"x-forwarded-host") == [b"real.test:81"]


HOP_BY_HOP = (
    b"Connection: X-Named, close\r\nConnection: x-other\r\nX-Named: 1\r\nX-Other: 1\r\nKeep-Alive: 5\r\n"
    b"Proxy-Connection: close\r\nProxy-Authorization: x\r\nProxy: http://evil\r\nTE: trailers\r\n"
    b"Trailer: X\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nTransfer_Encoding: chunked\r\n"
    b"Content_Length: 5\r\nX-Quotad-Plan-Id: forged\r\nX_Quotad_Plan_Id: forged\r\nx-quotad_new: forged\r\n"
    b"X-Request_Id: forged\r\n"
)


async def test_hop_by_hop_and_forged_fields_go() -> None:
    """RFC 9110, section 7.6.1: what Connection names and what is for one hop stays here, as do our names."""
    request = await forwarded(get("/", HOP_BY_HOP))
    assert sorted(name for name, _ in request.fields) == [
        b"forwarded",
        b"host",
        b"via",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-proto",
        b"x-quotad-environment",
        b"x-quotad-plan-id",
        b"x-quotad-secret-id",
        b"x-request-id",
    ]
    assert request.values(b"x-quotad-plan-id") == [b"usagePlan-test"]


async def test_a_caller_cannot_nominate_ours() -> None:
    """Host, lengths and what we say ourselves go on though Connection names them; Authorization does not."""
    named = (
        b"Connection: Host, Content-Length, Transfer-Encoding, Via, X-Forwarded-For, X-Quotad-Secret-Id,"
        b" X-Request-Id, Authorization\r\nAuthorization: Bearer x\r\n"
    )
    request = await forwarded(post(b"body", named))
    assert request.body == b"body"
    for name in (
        b"host",
        b"content-length",
        b"via",
        b"x-forwarded-for",
        b"x-quotad-secret-id",
        b"x-request-id",
    ):
        assert len(request.values(name)) == 1
    assert request.values(b"authorization") == []


async def test_trailers_are_not_merged() -> None:
    """RFC 9112, section 7.1.2: a trailer field is dropped, and never becomes a field of the head."""
    request = await forwarded(post_chunked([b"x"], ending=b"0\r\nX-Late: 1\r\nCookie: a=b\r\n\r\n"))
    assert not {b"x-late", b"cookie"} & {name for name, _ in request.fields}


async def test_equal_names_keep_their_order() -> None:
    """RFC 9110, section 5.3: fields of one name go on in their order, none added, none joined."""
    request = await forwarded(get("/", b"X-A: 1\r\nAccept: x\r\nx-a: 2\r\nVia: 1.1 other\r\n"))
    assert request.values(b"x-a") == [b"1", b"2"]
    assert request.values(b"via") == [b"1.1 other", b"1.1 quotad"]
    assert request.values(b"user-agent") == []


async def test_max_forwards() -> None:
    """RFC 9110, section 7.6.2: OPTIONS loses a hop; at 0 we are the last, and no unit is asked for."""
    request = await forwarded(options(b"Max-Forwards: 3\r\n"))
    assert request.values(b"max-forwards") == [b"2"]
    request = await forwarded(get("/", b"Max-Forwards: 0\r\n"))
    assert request.values(b"max-forwards") == [b"0"]
    async with (
        running_backend() as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(options(b"Max-Forwards: 0\r\nContent-Length: 1\r\n") + b"x", get())
        answer = await caller.answer()
        assert (answer.status, answer.body, len(answer.values(b"allow"))) == (200, b"", 1)
        assert (await caller.answer()).status == 200
        assert plane.gate.asked == 1
        assert [outcome.reason for outcome in plane.outcomes.all] == ["last_hop", ""]
        assert [seen.line for seen in backend.seen] == [b"GET / HTTP/1.1"]


async def test_http_1_0_peers() -> None:
    """RFC 9112, sections 6.1 and 9.3: an HTTP/1.0 caller gets no chunks, no 1xx, and the end."""

    def reply(seen: Seen) -> bytes:
        return b"HTTP/1.1 103 Early Hints\r\n\r\n" + echo(seen)

    async with running_backend(reply) as backend, running_plane(route(backend.port)) as plane:
        received = await feed(plane, get("/chunked", version="1.0") + get("/next"), "whole")
        assert statuses(received) == [200]
        assert b"ransfer-" not in received
        assert received.endswith(b"\r\n\r\n/chunked|")


async def test_an_empty_line_before_each_request() -> None:
    """RFC 9112, section 2.2: old callers end a body with a CRLF too many; an idle one is not told 408."""
    async with running_backend() as backend, running_plane(route(backend.port)) as plane:
        _, answers = await exchange(plane, [post(b"body") + b"\r\n" + get() + b"\r\n" + get()], 3)
        assert [answer.status for answer in answers] == [200] * 3
