"""What outside suites of conformance and smuggling send, family by family: each value in one request."""

from collections.abc import Iterable

import pytest

from tests.http.test_requests import CHUNKED, chunks, framed, head, refused, with_field
from tests.support.backends import running_backend
from tests.support.dataplane import route, running_plane
from tests.support.feeding import feed, statuses
from tests.support.rawhttp import get

WAYS = ("whole", "bytes")


def rows(text: bytes) -> tuple[bytes, ...]:
    """Values told apart by `` | ``."""
    return tuple(text.split(b" | "))


FIRST_LINES = {
    **dict.fromkeys(
        rows(
            b"GET / HTTP/01.1 | GET / HTTP/ 1.1 | GET / HTTP/1 | GET / HTTP/1.1.1 | "
            b"GET / HTTP/-1.1 | GET / HTTP/+1.1 | GET / HTTP/1,1 | GET / HTTPS/1.1 | "
            b"GET / Http/1.1 | GET / HTTP/1.1\t | GET HTTP/1.1 | GET  HTTP/1.1 | GET | "
            b"GET /\r HTTP/1.1 | GET\x0b/\x0bHTTP/1.1 | GET\xa0/ HTTP/1.1 | GE\x00T / HTTP/1.1 | "
            b'"GET" / HTTP/1.1 | OPTIONS *x HTTP/1.1 | GET http:/a HTTP/1.1 | '
            b"GET http:a HTTP/1.1 | GET http://a:99999/ HTTP/1.1 | GET http://a/#f HTTP/1.1 | "
            b"GET http://a\\@b/ HTTP/1.1 | GET http://a%2eb/ HTTP/1.1 | GET ws://a/ HTTP/1.1 | "
            b"GET ?q HTTP/1.1 | GET \\a HTTP/1.1 | GET /\xc0\xaf HTTP/1.1 | GET @a/ HTTP/1.1 | "
            b"GET http://a b/ HTTP/1.1 | GET /a\x7f HTTP/1.1"
        ),
        400,
    ),
    **dict.fromkeys(rows(b"GET! / HTTP/1.1 | CONNECT a HTTP/1.1 | CONNECT / HTTP/1.1"), 501),
    **dict.fromkeys(rows(b"GET / HTTP/9.9 | GET / HTTP/0.9 | GET / HTTP/2.0 | GET / HTTP/3.0"), 505),
}

HOSTS = (
    *rows(
        b"[::1%25e] | [::1]x | ::1 | a: 80 | a:-1 | a:+80 | a:000080 | a:\xd9\xa1 | a\tb | "
        b'"a" | <a> | a\\b | a?b | a#b | \xe4 | http://a | :80 | a;b,c | a@ | a:80@b'
    ),
    b" \t ",
)

FIELD_LINES = (
    *rows(
        b"X-A: b\r\n\rX: y | \tX: y | X\x00A: b | X A: b | X\xc3\xa4: b | X-A: \x1b[0m | "
        b'X-A: \x0c | \nX-A: b | "X-A": b | X\x7fA: b | [X]: b | X@A: b | GET / HTTP/1.1 | '
        b"\x0bX: y | X-A\r: b | X-A: a\x01 | X-A: \x08 | X/A: b | X,A: b | X;A: b | {X}: b | "
        b"X-A\x85: b | \xef\xbb\xbfX: b"
    ),
    b" ",
)

LENGTHS = rows(
    b'0o5 | 5.0 | 5e0 | 5, | ,5 | 5; | "5" | 5\x00 | \x0b5 | 5\x0c | \xa05 | + 5 | -0 | '
    b"\xef\xbc\x95 | \xe0\xb9\x95 | 0000000000000000005 | 18446744073709551621 | five | "
    b"0x5 | 5h | 5\t5 | 5 5 | 5\r | 5, 5 | 05, 5 | \xb25 | 5_0 | "
    b"1111111111111111111111111111111111111111"
)

CODINGS = {
    **dict.fromkeys(
        (
            *rows(
                b"\x0bchunked | \x0cchunked | \xa0chunked | chunked\x00 | chunked\x0b | chunked1 | "
                b"hunked | chunked; | chunked;q=0.5 | chunked, q=1 | chunked,chunked | identity, | , | "
                b"identity | null | 'chunked' | \"chunked\" | [chunked] | gzip;chunked | "
                b"chunked chunked | chunked, identity | compress | chun\xe2\x84\xaaed | "
                b"\xe2\x84\xaahunked | chunked\xff"
            ),
            b"chunked, ",
            b"",
        ),
        400,
    ),
    **dict.fromkeys(
        rows(b"gzip, chunked | deflate,\tchunked | br , chunked | foo,chunked | x,identity,chunked"), 501
    ),
}

SIZE_LINES = rows(
    b"1_0 | 0X1 | 1h | -1 | 0000000000000001 | 1,2 | 1.0 | 1\t | 1\r | 1\x00 | 1\x0b | "
    b'\t1 | \xef\xbc\x91 | 1 ;a | 1\t;a | 1;a\x01 | 1;=a | 1;a= | 1;a="b | 1;a="\n" | '
    b'1;a="\r\n" | 1;;a | 1;a=\xe4 | 1;a b | ffffffffffffffff | ;a | 1;a\r | g | 0x | '
    b'1;a=b; | 1 a | 1;"a" | 1 1'
)

ENDINGS = rows(
    b"1\r\nx0\r\n\r\n | 1\r\nxxx\r\n0\r\n\r\n | 1\r\nx\r\n\r\n0\r\n\r\n | "
    b"1\r\nx\n0\r\n\r\n | 0\r\n\n | 0\n\r\n | 0\r\n\r\r\n | "
    b"1\r\nx\r\nGET / HTTP/1.1\r\n\r\n | 0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n | "
    b"-0\r\n\r\n"
)

TRAILERS = (
    *rows(
        b"X | Transfer-Encoding: chunked | Content-Length: 0 | Host: b | Authorization: x | "
        b"X : b | X: \x00 | X: a\rb | Content_Length: 4 | X-Forwarded-For: 4 | "
        b"Connection: close | : x | X: y\x7f | Trailer: X | TE: x | Upgrade: x | Expect: x | "
        b"X-Quotad-Plan-Id: x | X_Secret_Id: x | X\xe4: y"
    ),
    b" X: b",
)

NO_HTTP = (
    *rows(
        b"EHLO a\r\n | SSH-2.0-a\r\n | \x05\x01\x00 | {}\r\n | \r\n\r\n\r\n | "
        b"PROXY TCP4 192.0.2.1 192.0.2.1 1 2\r\n | \xff\xfb\x01 | GET / HTTP/1.1\n\n | "
        b"GET / HTTP/1.1\r\r"
    ),
    b" \r\n",
    bytes(range(256)),
    bytes(100),
)

TAKEN = {
    b"Content-Length: 5": b"hello",
    b"Content-Length:\t5 ": b"hello",
    b"Content-Length: 05": b"hello",
    b"Transfer-Encoding:chunked": b"5\r\nhello\r\n0\r\n\r\n",
    b"Transfer-Encoding: \tcHuNkEd ": b"05;a;b=c\r\nhello\r\n000\r\nCookie: late\r\n\r\n",
    b"Transfer-Encoding: chunked\r\nConnection: Transfer-Encoding": b"5\r\nhello\r\n0\r\n\r\n",
    b"Content-Length: 5\r\nConnection: content-length": b"hello",
    b"Content-Length: 5\r\nContent_Length: 0\r\nTransfer_Encoding: chunked": b"hello",
    b"Content-Length: 5\r\nX-Content-Length: 0\r\nContent-Lengths: 1": b"hello",
    b"Content-Length: 5\r\nX.Odd|Name~`^: ok\r\nX-Empty:\r\nX-High: \x80\x85\xff": b"hello",
}


def named(values: Iterable[bytes]) -> list[str]:
    """Short and plain names of rows."""
    return [ascii(value)[2:40] for value in values]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("line", "status"), FIRST_LINES.items(), ids=named(FIRST_LINES))
async def test_first_lines(line: bytes, status: int, way: str) -> None:
    """RFC 9112, sections 2.3 and 3: a first line that is not exactly one is refused."""
    assert await refused(head(line), status, way) == 0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("host", HOSTS, ids=named(HOSTS))
async def test_hosts(host: bytes, way: str) -> None:
    """RFC 9112, section 3.2: what is no host with a port is refused."""
    assert await refused(head(b"GET / HTTP/1.1", b"Host: " + host + b"\r\n"), 400, way) == 0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("line", FIELD_LINES, ids=named(FIELD_LINES))
async def test_field_lines(line: bytes, way: str) -> None:
    """RFC 9112, section 5: what is no field line is refused."""
    assert await refused(with_field(line + b"\r\n"), 400, way) == 0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("length", LENGTHS, ids=named(LENGTHS))
async def test_lengths(length: bytes, way: str) -> None:
    """RFC 9112, section 6.3: what is no plain number of ASCII digits is refused."""
    assert await refused(framed(b"Content-Length: " + length + b"\r\n", b"hello"), 400, way) == 0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("coding", "status"), CODINGS.items(), ids=named(CODINGS))
async def test_codings(coding: bytes, status: int, way: str) -> None:
    """RFC 9112, section 6.1: 501 where ``chunked`` comes last and once, 400 for all that is not it."""
    stream = framed(b"Transfer-Encoding: " + coding + b"\r\n", b"0\r\n\r\n")
    assert await refused(stream, status, way) == 0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("length", [b"0", b"5", b""])
async def test_two_framings(length: bytes, way: str) -> None:
    """RFC 9112, section 6.1: a length beside ``chunked`` is refused, whichever comes first."""
    line = b"Content-Length: " + length + b"\r\n"
    for lines in (line + CHUNKED, CHUNKED + line, CHUNKED.replace(b":", b": \t") + line.lower()):
        assert await refused(framed(lines, b"0\r\n\r\n"), 400, way) == 0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("line", SIZE_LINES, ids=named(SIZE_LINES))
async def test_size_lines(line: bytes, way: str) -> None:
    """RFC 9112, sections 7.1 and 7.1.1: a chunk's first line is by the grammar, or the end."""
    assert await refused(chunks(line + b"\r\nx\r\n0\r\n\r\n"), 400, way) == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("ending", ENDINGS, ids=named(ENDINGS))
async def test_endings(ending: bytes, way: str) -> None:
    """RFC 9112, section 7.1: a chunk is as long as it says, and its lines end in CRLF."""
    assert await refused(chunks(ending), 400, way) == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("trailer", TRAILERS, ids=named(TRAILERS))
async def test_trailers(trailer: bytes, way: str) -> None:
    """RFC 9112, section 7.1.2, RFC 9110, section 6.5.1: no line that frames, routes, names or is none."""
    assert await refused(chunks(b"1\r\nx\r\n0\r\n" + trailer + b"\r\n\r\n"), 400, way) == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("data", NO_HTTP, ids=named(NO_HTTP))
async def test_what_is_no_http(data: bytes, way: str) -> None:
    """RFC 9112, section 2.2: who speaks another protocol is told so at once, and sent away."""
    assert await refused(data, 400, way) == 0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("lines", "body"), TAKEN.items(), ids=named(TAKEN))
async def test_unusual_but_right(lines: bytes, body: bytes, way: str) -> None:
    """What the RFCs allow is no reason to refuse: the payload arrives, and the next request behind it."""
    async with running_backend() as backend, running_plane(route(backend.port)) as plane:
        stream = framed(lines + b"\r\n", body) + get("/next", b"Connection: close\r\n")
        assert statuses(await feed(plane, stream, way)) == [200, 200]
        assert [seen.payload for seen in backend.seen] == [b"hello", b""]
        assert not any(seen.values(b"cookie") or seen.values(b"content_length") for seen in backend.seen)


async def test_tiny_chunks_are_not_multiplied() -> None:
    """A flood of chunks of one byte goes on as a few large ones."""
    count = 20_000
    stream = chunks(b"1\r\nx\r\n" * count + b"0\r\n\r\n")
    async with running_backend() as backend, running_plane(route(backend.port)) as plane:
        assert statuses(await feed(plane, stream, "whole", ends=True)) == [200]
        (seen,) = (seen for seen in backend.seen if seen.line.startswith(b"POST"))
        assert seen.payload == b"x" * count
        assert len(seen.body) < 2 * count
