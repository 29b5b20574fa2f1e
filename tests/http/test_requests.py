"""What a request must not be: the table. Each row is a stream of bytes, and the one answer to it."""

import pytest

from tests.support.backends import running_backend
from tests.support.dataplane import route, running_plane
from tests.support.feeding import WAYS, feed, statuses
from tests.support.rawhttp import PAIR, get, post_chunked

NEXT = get("/next")


def head(first: bytes, fields: bytes = b"Host: a\r\n") -> bytes:
    return first + b"\r\n" + fields + PAIR + b"\r\n"


def with_field(field: bytes) -> bytes:
    return get("/", field)


def framed(fields: bytes, body: bytes = b"") -> bytes:
    return b"POST / HTTP/1.1\r\nHost: a\r\n" + fields + PAIR + b"\r\n" + body


LINES = {
    "no version": (b"GET /\r\n", 400),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400),
    "two spaces": (head(b"GET  / HTTP/1.1"), 400),
    "a tab": (head(b"GET\t/ HTTP/1.1"), 400),
    "space at the end": (head(b"GET / HTTP/1.1 "), 400),
    "space in the target": (head(b"GET /a b HTTP/1.1"), 400),
    "lower-case version": (head(b"GET / http/1.1"), 400),
    "version with two digits": (head(b"GET / HTTP/1.10"), 400),
    "version of another kind": (head(b"GET / HTTX/1.1"), 400),
    "HTTP/1.2": (head(b"GET / HTTP/1.2"), 505),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "lower-case method": (head(b"get / HTTP/1.1"), 400),
    "method of no token": (head(b"GE(T / HTTP/1.1"), 400),
    "unknown method": (head(b"GeT / HTTP/1.1"), 501),
    "long method": (head(b"G" * 60 + b" / HTTP/1.1"), 501),
    "endless method": (b"G" * 40_000, 501),
    "long target": (head(b"GET /" + b"x" * 20_000 + b" HTTP/1.1"), 414),
    "endless target": (b"GET /" + b"x" * 40_000, 414),
    "CONNECT": (head(b"CONNECT a:443 HTTP/1.1", b"Host: a:443\r\n"), 501),
    "TRACE": (head(b"TRACE / HTTP/1.1"), 405),
    "TRACE with a body": (head(b"TRACE / HTTP/1.1", b"Host: a\r\nContent-Length: 1\r\n") + b"x", 405),
    "authority-form": (head(b"GET a:80 HTTP/1.1"), 400),
    "asterisk": (head(b"GET * HTTP/1.1"), 400),
    "no slash": (head(b"GET a HTTP/1.1"), 400),
    "another scheme": (head(b"GET ftp://a/ HTTP/1.1"), 400),
    "fragment": (head(b"GET /a#b HTTP/1.1"), 400),
    "8 bits in the target": (head(b"GET /\xe4 HTTP/1.1"), 400),
    "NUL in the target": (head(b"GET /\x00 HTTP/1.1"), 400),
    "DEL in the target": (head(b"GET /\x7f HTTP/1.1"), 400),
    "two empty lines before": (b"\r\n\r\n" + get(), 400),
    "a bare LF before": (b"\n" + get(), 400),
    "space before": (b" " + get(), 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
}

HOSTS = {
    "none": (head(b"GET / HTTP/1.1", b""), 400),
    "two": (head(b"GET / HTTP/1.1", b"Host: a\r\nHost: a\r\n"), 400),
    "two in HTTP/1.0": (head(b"GET / HTTP/1.0", b"Host: a\r\nhost: b\r\n"), 400),
    "empty": (get(host=""), 400),
    "comma list": (get(host="a,b"), 400),
    "user information": (get(host="u@a"), 400),
    "path": (get(host="a/b"), 400),
    "space": (get(host="a b"), 400),
    "only dots": (get(host="."), 400),
    "escape": (get(host="a%2fb"), 400),
    "port of letters": (get(host="a:b"), 400),
    "two ports": (get(host="a:1:2"), 400),
    "port too large": (get(host="a:65536"), 400),
    "open bracket": (get(host="[::1"), 400),
    "no address in brackets": (get(host="[a]"), 400),
    "none beside an absolute target": (head(b"GET http://a/ HTTP/1.1", b""), 400),
    "odd in an absolute target": (head(b"GET http://u@a/ HTTP/1.1"), 400),
    "empty in an absolute target": (head(b"GET http:///a HTTP/1.1"), 400),
}

FIELDS = {
    "space before the colon": (with_field(b"X-A : b\r\n"), 400),
    "tab before the colon": (with_field(b"X-A\t: b\r\n"), 400),
    "folded": (with_field(b"X-A: b\r\n c\r\n"), 400),
    "folded by a tab": (with_field(b"X-A: b\r\n\tc\r\n"), 400),
    "space after the first line": (head(b"GET / HTTP/1.1", b" X: y\r\nHost: a\r\n"), 400),
    "no colon": (with_field(b"X-A\r\n"), 400),
    "no name": (with_field(b": b\r\n"), 400),
    "name of no token": (with_field(b"X(A): b\r\n"), 400),
    "8 bits in a name": (with_field(b"X-\xe4: b\r\n"), 400),
    "NUL": (with_field(b"X-A: b\x00\r\n"), 400),
    "bell": (with_field(b"X-A: b\x07\r\n"), 400),
    "vertical tab": (with_field(b"X-A:\x0bb\r\n"), 400),
    "DEL": (with_field(b"X-A: b\x7f\r\n"), 400),
    "bare CR": (with_field(b"X-A: b\rX-B: c\r\n"), 400),
    "CR before CRLF": (with_field(b"X-A: b\r\r\n"), 400),
    "bare LF": (with_field(b"X-A: b\nX-B: c\r\n"), 400),
    "bare LF as every end": (get().replace(b"\r\n", b"\n"), 400),
    "bare LF as the last end": (get()[:-2] + b"\n", 400),
    "two types": (with_field(b"Content-Type: a/b\r\nContent-Type: a/b\r\n"), 400),
    "too many": (get("/", b"a:\r\n" * 200), 431),
    "too large": (get("/", b"X-A: " + b"x" * 40_000 + b"\r\n"), 431),
    "without end": (get()[:-2] + b"X-A: " + b"x" * 40_000, 431),
    "another expectation": (framed(b"Content-Length: 1\r\nExpect: 200-ok\r\n"), 417),
    "Max-Forwards of letters": (head(b"OPTIONS / HTTP/1.1", b"Host: a\r\nMax-Forwards: x\r\n"), 400),
    "Max-Forwards twice": (head(b"OPTIONS / HTTP/1.1", b"Host: a\r\n" + b"Max-Forwards: 1\r\n" * 2), 400),
}

CHUNKED = b"Transfer-Encoding: chunked\r\n"

FRAMING = {
    "both": (framed(b"Content-Length: 4\r\n" + CHUNKED, b"0\r\n\r\n"), 400),
    "both, the other way round": (framed(CHUNKED + b"Content-Length: 5\r\n", b"0\r\n\r\n"), 400),
    "length twice": (framed(b"Content-Length: 1\r\n" * 2, b"x"), 400),
    "two lengths": (framed(b"Content-Length: 1\r\nContent-Length: 2\r\n", b"xx"), 400),
    "list of lengths": (framed(b"Content-Length: 1, 1\r\n", b"x"), 400),
    "empty length": (framed(b"Content-Length:\r\n"), 400),
    "plus": (framed(b"Content-Length: +1\r\n", b"x"), 400),
    "minus": (framed(b"Content-Length: -1\r\n"), 400),
    "hexadecimal": (framed(b"Content-Length: 0x1\r\n", b"x"), 400),
    "underscore": (framed(b"Content-Length: 1_0\r\n", b"x" * 10), 400),
    "space within": (framed(b"Content-Length: 1 1\r\n", b"x" * 11), 400),
    "Arabic digit": (framed("Content-Length: \u0661\r\n".encode(), b"x"), 400),
    "superscript": (framed(b"Content-Length: \xb2\r\n", b"xx"), 400),
    "length too long": (framed(b"Content-Length: " + b"9" * 30 + b"\r\n"), 400),
    "gzip, chunked": (framed(b"Transfer-Encoding: gzip, chunked\r\n"), 501),
    "gzip, then chunked": (framed(b"Transfer-Encoding: gzip\r\n" + CHUNKED), 501),
    "chunked, then gzip": (framed(CHUNKED + b"Transfer-Encoding: gzip\r\n"), 400),
    "an empty coding beside": (framed(CHUNKED + b"Transfer-Encoding:\r\n", b"0\r\n\r\n"), 400),
    "gzip, chunked with a length": (
        framed(b"Content-Length: 1\r\nTransfer-Encoding: gzip, chunked\r\n"),
        400,
    ),
    "identity, chunked": (framed(b"Transfer-Encoding: identity, chunked\r\n"), 501),
    "chunked, gzip": (framed(b"Transfer-Encoding: chunked, gzip\r\n"), 400),
    "chunked, chunked": (framed(b"Transfer-Encoding: chunked, chunked\r\n"), 400),
    "chunked twice": (framed(CHUNKED * 2), 400),
    "comma before chunked": (framed(b"Transfer-Encoding: ,chunked\r\n", b"0\r\n\r\n"), 400),
    "comma after chunked": (framed(b"Transfer-Encoding: chunked,\r\n", b"0\r\n\r\n"), 400),
    "chunked with a parameter": (framed(b"Transfer-Encoding: chunked;a=b\r\n", b"0\r\n\r\n"), 400),
    "chunked in quotes": (framed(b'Transfer-Encoding: "chunked"\r\n', b"0\r\n\r\n"), 400),
    "xchunked": (framed(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"), 400),
    "identity": (framed(b"Transfer-Encoding: identity\r\n"), 400),
    "empty coding": (framed(b"Transfer-Encoding:\r\n"), 400),
    "space before its colon": (framed(b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n"), 400),
    "coding folded": (framed(b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n"), 400),
    "chunked in HTTP/1.0": (head(b"POST / HTTP/1.0", b"Host: a\r\n" + CHUNKED) + b"0\r\n\r\n", 400),
}


def chunks(body: bytes) -> bytes:
    return post_chunked([], ending=body)


BODIES = {
    "no size": chunks(b"\r\n"),
    "sign": chunks(b"+1\r\nx\r\n0\r\n\r\n"),
    "0x": chunks(b"0x1\r\nx\r\n0\r\n\r\n"),
    "overflow": chunks(b"10000000000000001\r\nx\r\n0\r\n\r\n"),
    "space after the size": chunks(b"1 \r\nx\r\n0\r\n\r\n"),
    "space before the size": chunks(b" 1\r\nx\r\n0\r\n\r\n"),
    "bare LF after the size": chunks(b"1\nx\r\n0\r\n\r\n"),
    "bare LF after the data": chunks(b"1\r\nx\n0\r\n\r\n"),
    "bare CR after the data": chunks(b"1\r\nx\r0\r\n\r\n"),
    "data longer than its size": chunks(b"1\r\nxyz\r\n0\r\n\r\n"),
    "bare semicolon": chunks(b"1;\r\nx\r\n0\r\n\r\n"),
    "LF in an extension": chunks(b"1;a\nb\r\nx\r\n0\r\n\r\n"),
    "CR in an extension": chunks(b"1;a\rb\r\nx\r\n0\r\n\r\n"),
    "NUL in an extension": chunks(b"1;a\x00\r\nx\r\n0\r\n\r\n"),
    "long extension": chunks(b"1;" + b"a" * 2000 + b"\r\nx\r\n0\r\n\r\n"),
    "many extensions": chunks((b"1;" + b"a" * 900 + b"\r\nx\r\n") * 5 + b"0\r\n\r\n"),
    "framing in a trailer": chunks(b"0\r\nContent-Length: 5\r\n\r\n"),
    "credentials in a trailer": chunks(b"0\r\nX-Secret-Id: x\r\n\r\n"),
    "our own name in a trailer": chunks(b"0\r\nX_Quotad_Plan_Id: x\r\n\r\n"),
    "folded trailer": chunks(b"0\r\nX: y\r\n z\r\n\r\n"),
    "bare LF in a trailer": chunks(b"0\r\nX: y\n\r\n"),
    "long trailers": chunks(b"0\r\n" + b"X: y\r\n" * 3000),
}


def rows(*tables: dict[str, tuple[bytes, int]]) -> list[pytest.ParameterSet]:
    return [pytest.param(*row, id=name) for table in tables for name, row in table.items()]


async def refused(stream: bytes, status: int, way: str) -> int:
    """One refusal, then the end: nothing charged, nothing forwarded. Answers how many units were asked."""
    async with running_backend() as backend, running_plane(route(backend.port)) as plane:
        received = await feed(plane, stream + NEXT, way)
        assert statuses(received) == [status]
        assert b"\r\nConnection: close\r\n" in received
        assert b"application/problem+json" in received
        assert backend.seen == []
        assert [outcome.status for outcome in plane.outcomes.all] == [status]
        return plane.gate.asked


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("stream", "status"), rows(LINES))
async def test_bad_request_lines(stream: bytes, status: int, way: str) -> None:
    """RFC 9112, sections 2.2 and 3: what is not exactly a request line of ours is refused and closed."""
    assert await refused(stream, status, way) == 0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("stream", "status"), rows(HOSTS))
async def test_bad_hosts(stream: bytes, status: int, way: str) -> None:
    """RFC 9112, section 3.2: exactly one Host, and nothing but a host and a port in it."""
    assert await refused(stream, status, way) == 0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("stream", "status"), rows(FIELDS))
async def test_bad_fields(stream: bytes, status: int, way: str) -> None:
    """RFC 9112, sections 2.2 and 5, RFC 9110, section 5.5: field lines are clean, and bounded."""
    assert await refused(stream, status, way) == 0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("stream", "status"), rows(FRAMING))
async def test_bad_framing(stream: bytes, status: int, way: str) -> None:
    """RFC 9112, sections 6.1 to 6.3: a length that could be read in two ways is refused and closed."""
    assert await refused(stream, status, way) == 0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stream", BODIES.values(), ids=BODIES)
async def test_bad_chunks(stream: bytes, way: str) -> None:
    """RFC 9112, section 7.1: a bad chunk is 400 and the end; no backend gets a whole request of it."""
    asked = await refused(stream, 400, way)
    assert asked == 1


@pytest.mark.parametrize("stream", [BODIES["bare LF after the size"], BODIES["framing in a trailer"]])
async def test_a_body_wrong_from_the_start_costs_nothing(stream: bytes) -> None:
    """What was seen to be no request before any of it went on is given back, under every condition."""
    async with running_backend() as backend, running_plane(route(backend.port)) as plane:
        assert statuses(await feed(plane, stream, "whole")) == [400]
        assert (plane.gate.counted, len(plane.gate.released)) == ([], 1)
        assert backend.connections == 0
