"""What a backend must not answer: the table. A bad answer is 502 or breaks off; it never splits in two."""

import asyncio
import contextlib

import pytest

from quotad.core.response import FIELD_COUNT
from quotad.dataplane.upstream import INTERIM_HEADS
from tests.support.backends import OK, read_request, running_backend
from tests.support.dataplane import route, running_plane, until
from tests.support.feeding import cut
from tests.support.rawhttp import Answer, Raw, get, raw

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
SPLIT = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhidden"


def fields(lines: bytes, body: bytes = b"", first: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return first + b"\r\n" + lines + b"\r\n" + body


BAD = {
    "no HTTP": b"hello\r\n\r\n",
    "no HTTP, without end": b"hello",
    "an empty line before": b"\r\n" + OK,
    "HTTP/2": fields(b"Content-Length: 0\r\n", first=b"HTTP/2 200 OK"),
    "HTTP/1.2": fields(b"Content-Length: 0\r\n", first=b"HTTP/1.2 200 OK"),
    "status of two digits": fields(b"Content-Length: 0\r\n", first=b"HTTP/1.1 20 OK"),
    "status of letters": fields(b"Content-Length: 0\r\n", first=b"HTTP/1.1 2OO OK"),
    "NUL in the reason": fields(b"Content-Length: 0\r\n", first=b"HTTP/1.1 200 O\x00K"),
    "CR in the reason": fields(b"Content-Length: 0\r\n", first=b"HTTP/1.1 200 O\rSet-Cookie: a=b"),
    "LF in the reason": fields(b"Content-Length: 0\r\n", first=b"HTTP/1.1 200 O\nSet-Cookie: a=b"),
    "two spaces": fields(b"Content-Length: 0\r\n", first=b"HTTP/1.1  200 OK"),
    "a tab": fields(b"Content-Length: 0\r\n", first=b"HTTP/1.1\t200 OK"),
    "status of four digits": fields(b"Content-Length: 0\r\n", first=b"HTTP/1.1 2000 OK"),
    "status below 100": fields(b"Content-Length: 0\r\n", first=b"HTTP/1.1 099 OK"),
    "status with a sign": fields(b"Content-Length: 0\r\n", first=b"HTTP/1.1 +20 OK"),
    "lower-case version": fields(b"Content-Length: 0\r\n", first=b"http/1.1 200 OK"),
    "no status": fields(b"Content-Length: 0\r\n", first=b"HTTP/1.1"),
    "another protocol": fields(b"Content-Length: 0\r\n", first=b"ICY 200 OK"),
    "length twice": fields(b"Content-Length: 2\r\nContent-Length: 2\r\n", b"ok"),
    "two lengths": fields(b"Content-Length: 2\r\nContent-Length: 0\r\n", b"ok"),
    "list of lengths": fields(b"Content-Length: 2, 2\r\n", b"ok"),
    "length with plus": fields(b"Content-Length: +2\r\n", b"ok"),
    "length with underscore": fields(b"Content-Length: 1_0\r\n", b"x" * 10),
    "length in another script": fields("Content-Length: \uff12\r\n".encode(), b"ok"),
    "length, hexadecimal": fields(b"Content-Length: 0x2\r\n", b"ok"),
    "length too long": fields(b"Content-Length: " + b"1" * 30 + b"\r\n", b"ok"),
    "empty length": fields(b"Content-Length:\r\n", b"ok"),
    "both": fields(b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    "gzip, chunked": fields(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"),
    "chunked, gzip": fields(b"Transfer-Encoding: chunked, gzip\r\n", b"0\r\n\r\n"),
    "xchunked": fields(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"),
    "chunked, chunked": fields(b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n"),
    "vertical tab before the coding": fields(b"Transfer-Encoding:\x0bchunked\r\n", b"0\r\n\r\n"),
    "empty coding": fields(b"Transfer-Encoding:\r\n", b"0\r\n\r\n"),
    "identity": fields(b"Transfer-Encoding: identity\r\n", b"0\r\n\r\n"),
    "chunked twice": fields(b"Transfer-Encoding: chunked\r\n" * 2, b"0\r\n\r\n"),
    "chunked in HTTP/1.0": fields(b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", b"HTTP/1.0 200 OK"),
    "folded": fields(b"X-A: b\r\n c\r\nContent-Length: 0\r\n"),
    "space before the colon": fields(b"X-A : b\r\nContent-Length: 0\r\n"),
    "no colon": fields(b"X-A\r\nContent-Length: 0\r\n"),
    "no name": fields(b": b\r\nContent-Length: 0\r\n"),
    "name of no token": fields(b"X(A): b\r\nContent-Length: 0\r\n"),
    "8 bits in a name": fields(b"X-\xe4: b\r\nContent-Length: 0\r\n"),
    "bell": fields(b"X-A: b\x07\r\nContent-Length: 0\r\n"),
    "DEL": fields(b"X-A: b\x7f\r\nContent-Length: 0\r\n"),
    "CR before CRLF": fields(b"X-A: b\r\r\nContent-Length: 0\r\n"),
    "space after the first line": fields(b" X-A: b\r\nContent-Length: 0\r\n"),
    "NUL": fields(b"X-A: b\x00\r\nContent-Length: 0\r\n"),
    "bare CR": fields(b"X-A: b\rX-B: c\r\nContent-Length: 0\r\n"),
    "bare LF": fields(b"X-A: b\nX-B: c\r\nContent-Length: 0\r\n"),
    "bare LF as every end": OK.replace(b"\r\n", b"\n"),
    "too many fields": fields(b"a:\r\n" * (FIELD_COUNT + 1) + b"Content-Length: 0\r\n"),
    "too large": fields(b"X-A: " + b"x" * 100_000 + b"\r\nContent-Length: 0\r\n"),
    "204 with a length": fields(b"Content-Length: 80\r\n", SPLIT, b"HTTP/1.1 204 No Content"),
    "204 in chunks": fields(b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", b"HTTP/1.1 204 No Content"),
    "103 with a length": fields(b"Content-Length: 80\r\n", SPLIT, b"HTTP/1.1 103 Early Hints"),
    "101 unasked": fields(b"Upgrade: x\r\nConnection: upgrade\r\n", first=b"HTTP/1.1 101 Switching"),
}

BROKEN = {
    "no size": CHUNKED + b"\r\n",
    "sign": CHUNKED + b"+2\r\nok\r\n0\r\n\r\n",
    "overflow": CHUNKED + b"10000000000000002\r\nok\r\n0\r\n\r\n",
    "0x": CHUNKED + b"0x2\r\nok\r\n0\r\n\r\n",
    "underscore": CHUNKED + b"0_2\r\nok\r\n0\r\n\r\n",
    "space after the size": CHUNKED + b"2 \r\nok\r\n0\r\n\r\n",
    "bare semicolon": CHUNKED + b"2;\r\nok\r\n0\r\n\r\n",
    "data longer than its size": CHUNKED + b"2\r\nokay\r\n0\r\n\r\n",
    "folded trailer": CHUNKED + b"2\r\nok\r\n0\r\nX: y\r\n z\r\n\r\n",
    "NUL in a trailer": CHUNKED + b"2\r\nok\r\n0\r\nX: \x00\r\n\r\n",
    "long extension": CHUNKED + b"2;" + b"a" * 2000 + b"\r\nok\r\n0\r\n\r\n",
    "long trailers": CHUNKED + b"2\r\nok\r\n0\r\n" + b"X: y\r\n" * 3000,
    "bare LF after the size": CHUNKED + b"2\nok\r\n0\r\n\r\n",
    "bare LF after the data": CHUNKED + b"2\r\nok\n0\r\n\r\n",
    "LF in an extension": CHUNKED + b"2;\nxx\r\nok\r\n0\r\n\r\n",
    "length in a trailer": CHUNKED + b"2\r\nok\r\n0\r\nContent-Length: 5\r\n\r\n",
    "bytes in place of a chunk": CHUNKED + b"2\r\nok\r\n" + SPLIT,
}

BEYOND = {
    "after a length": (b"GET", OK + SPLIT, b"ok"),
    "after the last chunk": (b"GET", CHUNKED + b"2\r\nok\r\n0\r\n\r\n" + SPLIT, b"ok"),
    "after HEAD": (b"HEAD", OK.removesuffix(b"ok") + SPLIT, b""),
    "body of HEAD": (b"HEAD", OK, b""),
    "chunks of HEAD": (b"HEAD", CHUNKED + b"2\r\nok\r\n0\r\n\r\n", b""),
    "after 204": (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n" + SPLIT, b""),
    "after 304": (b"GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\n" + SPLIT, b""),
}


class Script:
    """Answers the first request with the bytes of a row, cut as asked; every other one well."""

    def __init__(self, answer: bytes, way: str) -> None:
        self._pieces = cut(answer, way)
        self.ended = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pieces, self._pieces = self._pieces or [], []
        try:
            with contextlib.suppress(asyncio.IncompleteReadError):
                while True:
                    await read_request(reader)
                    for piece in pieces or [OK]:
                        writer.write(piece)
                        await writer.drain()
                        await asyncio.sleep(0)
                    pieces = []
        finally:
            self.ended += 1


async def final(caller: Raw, method: str = "GET") -> Answer:
    while True:
        answer = await caller.answer(method)
        if answer.status >= 200:
            return answer


@pytest.mark.parametrize("way", ["whole", "bytes"])
@pytest.mark.parametrize("answer", BAD.values(), ids=BAD)
async def test_bad_heads(answer: bytes, way: str) -> None:
    """A head that breaks a rule is 502; nothing of it is passed on, its connection serves nobody again."""
    script = Script(answer, way)
    async with (
        running_backend(script=script.serve) as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(get())
        got = await final(caller)
        assert got.status == 502
        assert b"hidden" not in got.head + got.body
        await until(lambda: script.ended == 1)
        await caller.send(get())
        assert (await caller.answer()).body == b"ok"
        assert backend.connections == 2


@pytest.mark.parametrize("way", ["whole", "bytes"])
@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
async def test_bad_chunks(answer: bytes, way: str) -> None:
    """RFC 9112, section 8: a body that breaks off ends its caller's connection before it looks whole."""
    script = Script(answer, way)
    async with running_backend(script=script.serve) as backend, running_plane(route(backend.port)) as plane:
        async with raw(plane.port) as caller:
            await caller.send(get() + get())
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await caller.answer()
        await until(lambda: script.ended == 1)
        assert backend.connections == 1


@pytest.mark.parametrize(("method", "answer", "body"), BEYOND.values(), ids=BEYOND)
async def test_bytes_after_the_end(method: bytes, answer: bytes, body: bytes) -> None:
    """RFC 9112, section 9.2: what comes after an answer goes to nobody, and its connection is closed."""
    script = Script(answer, "whole")
    async with (
        running_backend(script=script.serve) as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(get().replace(b"GET", method, 1))
        got = await caller.answer(method.decode())
        assert got.status in (200, 204, 304)
        assert got.body == body
        await until(lambda: script.ended == 1)
        await caller.send(get())
        assert (await caller.answer()).body == b"ok"
        assert backend.connections == 2


async def test_the_first_line_is_no_field() -> None:
    """RFC 9110, section 7.6.1: Connection cannot name the first line, so that a field would become it."""
    answer = b"HTTP/1.1 204 No Content\r\nConnection: HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n"
    async with (
        running_backend(lambda seen: answer) as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(get())
        assert (await caller.answer()).head.startswith(b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n")


async def test_interim_heads_are_bounded() -> None:
    """RFC 9110, section 15.2: interim answers go on, but no backend can send them without end."""
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    for count, status in ((INTERIM_HEADS, 200), (INTERIM_HEADS + 1, 502)):
        script = Script(early * count + OK, "whole")
        async with (
            running_backend(script=script.serve) as backend,
            running_plane(route(backend.port)) as plane,
            raw(plane.port) as caller,
        ):
            await caller.send(get())
            got = [(await caller.answer()).status for _ in range(INTERIM_HEADS + 1)]
            assert got == [103] * INTERIM_HEADS + [status]


async def test_hop_by_hop_fields_of_an_answer_go() -> None:
    """RFC 9110, section 7.6.1: what Connection names and what is for one hop stays here."""
    lines = (
        b"Connection: X-Named, keep-alive\r\nX-Named: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\n"
        b"Proxy-Authenticate: Basic\r\nTE: x\r\nTrailer: X\r\nUpgrade: h2c\r\nX-Kept: 1\r\n"
        b"Content-Length: 0\r\n"
    )
    async with (
        running_backend(lambda seen: fields(lines)) as backend,
        running_plane(route(backend.port, limit_headers=False)) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(get())
        answer = await caller.answer()
        assert sorted(answer.names) == [b"content-length", b"date", b"x-kept", b"x-request-id"]
