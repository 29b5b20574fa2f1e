"""Streams of pipelined requests: whole families of doubtful ones, and byte edits on top, by a seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from quotad.core.framing import LAST_CHUNK
from tests.http import test_conformance as conformance
from tests.http.test_forwarded import ACCEPTED
from tests.http.test_requests import BODIES, FIELDS, FRAMING, HOSTS, LINES, chunks, framed, head, with_field
from tests.http.test_smuggling import OBFUSCATED, VECTORS
from tests.support.rawhttp import PAIR

END = b"GET /end HTTP/1.1\r\nHost: end\r\n" + PAIR + b"Connection: close\r\n\r\n"
"""The last request of each stream: where all goes well, the connection ends with its answer."""

MOST = 3
"""Mutated requests in a stream."""

GENTLE = 0.6
"""The share of changes that should not matter."""


@dataclass(frozen=True)
class Stream:
    """What a caller sends on one connection."""

    pieces: tuple[bytes, ...]
    """Each sent on its own."""
    requests: int
    """How many were mutated into it, without the last one."""

    @property
    def data(self) -> bytes:
        """All of it."""
        return b"".join(self.pieces)


METHODS = (b"GET", b"POST", b"PUT", b"HEAD", b"DELETE", b"PATCH", b"OPTIONS")
ODD_METHODS = (b"get", b"M-SEARCH", b"PROPFIND", b"TRACE", b"GE T", b"G\x00T", b"")
TARGETS = (
    b"/",
    b"/a?b=c",
    b"/a/%41;b",
    b"/a/./b//c?d=%00",
    b"http://other/c?d",
    b"/" + b"x" * 300,
    b"/?a=/../b",
)
ODD_TARGETS = (b"*", b"a", b"/a b", b"/a#b", b"/\xc3\xa4", b"", b"//a", b"/a\tb", b"http:///a", b"/a\r\nX: y")
ODD_VERSIONS = (b"HTTP/1.2", b"HTTP/2.0", b"http/1.1", b"HTTP/1.1 ", b"HTTP/1", b"HTTP/11", b"")
HOSTS_SENT = (b"Host: a\r\n", b"hOsT:b:80\r\n", b"Host: [::1]:81 \r\n")
ODD_HOSTS = (
    b"",
    b"Host: a\r\nHost: a\r\n",
    b"Host : a\r\n",
    b"Host: a,b\r\n",
    b"Host:\r\n",
    b"Host: a\r\n b\r\n",
)
LINES_SENT = (
    b"X-A: 1\r\n",
    b"Accept: */*\r\nCookie: a=b; c=d\r\n",
    b"Connection: keep-alive\r\n",
    b"Connection: x-a\r\nX-A: 1\r\n",
    b"Connection: Content-Length, Host, Transfer-Encoding\r\n",
    b"TE: trailers\r\nTrailer: X-T\r\n",
    b"Upgrade: h2c\r\nConnection: Upgrade\r\n",
    b"Expect: 100-continue\r\n",
    b"Transfer_Encoding: chunked\r\n",
    b"Content_Length: 5\r\n",
    b"X-Content-Length: 5\r\nContent-Lengthy: 6\r\n",
    b"X-Forwarded-For: 1.2.3.4\r\nForwarded: for=x\r\n",
    b"X-A:\r\nX-B: \t \r\n",
    b"X-A: \xe4\xff\x80\r\n",
    b"X-A: a\tb: c\r\n",
    b"Content-Type: text/plain\r\n",
)
ODD_LINES = (
    *(line + b"\r\n" for line in OBFUSCATED),
    b"Content-Length : 3\r\n",
    b"Content-Length: 3\r\n",
    b"Content-Length:\r\n 3\r\n",
    b"\x0bContent-Length: 3\r\n",
    b"Content-Length: 3;a\r\n",
    b"X-A\r\n",
    b": x\r\n",
    b"\r\r\n",
    b"X-A: b\x00c\r\n",
    b"X-A: b\r\r\n",
    b"X-A: b\n\r\n",
    b"Connection: close\r\n",
)
PIECES = (
    *(b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b":", b",", b";", b"\x00", b"\x0b", b"\x85", b"\xff"),
    *(b"0", b"9", b"a", b"A", b"-", b"_", b"+", b"\r\n0\r\n\r\n", b"GET /b HTTP/1.1\r\n", b"HTTP/1.0"),
    *(b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: b\r\n"),
)

_CHUNKED = b"Transfer-Encoding: chunked\r\n"
_SIZES = (b"5", b"05", b"5;a", b"5;a=b;c", b'5;a="b;\\"c"')
_ODD_SIZES = (b"5 ;a", b"5; a", b"0x5", b"5\n", b"5 ", b"+5", b"5;", b"5;a=", b"05;\x00", b"-5", b"5_0", b"")
_ENDS = (b"0\r\n\r\n", b"000\r\n\r\n", b"0;a=b\r\n\r\n", b"0\r\nX-T: 1\r\n\r\n")
_ODD_ENDS = (b"0\r\nContent-Length: 5\r\n\r\n", b"0\r\n", b"0\n\n", b"\r\n\r\n", b"0\r\nHost: b\r\n\r\n")
_LENGTHS = (b"Content-Length: %d\r\n", b"content-length:%03d\r\n", b"Content-Length: \t%d \r\n")
_ODD_LENGTHS = (b"Content-Length: +%d\r\n", b"Content-Length: %d, 5\r\n", b"Content-Length: 0x%x\r\n")
_PADDING = (b"", b" ", b"\t", b" \t ")
_IN_PATHS = (b"%0d%0a", b"..;/", b"a:b@c", b"~x\\y", b"%2e", b"'\"<>")


def mutated_streams(seed: int, requests: int) -> Iterator[Stream]:
    """Streams that hold so many mutated requests; the same for the same seed."""
    chance = random.Random(seed)
    left = requests
    while left:
        count = min(left, chance.randint(1, MOST))
        data = b"".join(_mutated(chance, _request(chance)) for _ in range(count))
        left -= count
        yield Stream(_cut(chance, data + END), count)


def table_streams() -> list[Stream]:
    """Every row of the tables in ``tests/http``."""
    rows = [row[0] for table in (LINES, HOSTS, FIELDS, FRAMING) for row in table.values()]
    rows += [*BODIES.values(), *VECTORS.values(), *(row[0] for row in ACCEPTED.values())]
    rows += [head(line) for line in conformance.FIRST_LINES]
    rows += [head(b"GET / HTTP/1.1", b"Host: " + host + b"\r\n") for host in conformance.HOSTS]
    rows += [with_field(line + b"\r\n") for line in conformance.FIELD_LINES]
    rows += [framed(b"Content-Length: " + each + b"\r\n", b"hello") for each in conformance.LENGTHS]
    rows += [framed(b"Transfer-Encoding: " + each + b"\r\n", LAST_CHUNK) for each in conformance.CODINGS]
    rows += [chunks(line + b"\r\nx\r\n0\r\n\r\n") for line in conformance.SIZE_LINES]
    rows += [chunks(each) for each in conformance.ENDINGS]
    rows += [chunks(b"1\r\nx\r\n0\r\n" + each + b"\r\n\r\n") for each in conformance.TRAILERS]
    rows += [framed(lines + b"\r\n", body) for lines, body in conformance.TAKEN.items()]
    return [Stream((row + END,), 1) for row in rows]


def _one(chance: random.Random, usual: tuple[bytes, ...], odd: tuple[bytes, ...], odds: float) -> bytes:
    return chance.choice(odd if chance.random() < odds else usual)


def _cut(chance: random.Random, data: bytes) -> tuple[bytes, ...]:
    """Whole, or in up to three pieces."""
    places = sorted(chance.randrange(len(data)) for _ in range(chance.choice((0, 0, 1, 2))))
    pieces = zip([0, *places], [*places, len(data)], strict=True)
    return tuple(data[start:end] for start, end in pieces if start < end)


def _request(chance: random.Random) -> bytes:
    """A request whose parts are each doubtful now and then."""
    usual_version = (b"HTTP/1.0",) if chance.random() < 0.08 else (b"HTTP/1.1",)
    first = b" ".join(
        (
            _one(chance, METHODS, ODD_METHODS, 0.02),
            _one(chance, TARGETS, ODD_TARGETS, 0.03),
            _one(chance, usual_version, ODD_VERSIONS, 0.02),
        )
    )
    lines = [_one(chance, HOSTS_SENT, ODD_HOSTS, 0.03), PAIR]
    lines += [_one(chance, LINES_SENT, ODD_LINES, 0.08) for _ in range(chance.randint(0, 3))]
    framing, body = _body(chance)
    lines.append(framing)
    chance.shuffle(lines)
    return first + b"\r\n" + b"".join(lines) + b"\r\n" + body


def _body(chance: random.Random) -> tuple[bytes, bytes]:
    """The lines that frame a body, and the body."""
    kind = chance.random()
    if kind < 0.4:
        return b"", b""
    if kind < 0.7:
        body = chance.choice((b"", b"hello", b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n", b"0\r\n\r\n"))
        said = len(body) + (chance.choice((-1, 1)) if chance.random() < 0.08 else 0)
        return _one(chance, _LENGTHS, _ODD_LENGTHS, 0.06) % max(said, 0), body
    line = _one(chance, _SIZES, _ODD_SIZES, 0.08)
    end = _one(chance, _ENDS, _ODD_ENDS, 0.08)
    return _CHUNKED, line + b"\r\nhello\r\n" + end


def _mutated(chance: random.Random, request: bytes) -> bytes:
    """Changed in a way that a lenient reader forgives, or at random; mostly once."""
    for _ in range(chance.choice((1, 1, 1, 2))):
        request = _gently(chance, request) if chance.random() < GENTLE else _roughly(chance, request)
    return request


def _gently(chance: random.Random, request: bytes) -> bytes:
    """A change that should not matter, in how or how much is written."""
    head, empty, body = request.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    at = chance.randrange(1, len(lines)) if len(lines) > 1 else 0
    name, colon, value = lines[at].partition(b":")
    kind = chance.randrange(6)
    if kind == 0:
        return b"\r\n" + request if not request.startswith(b"\r\n") else request
    if kind == 1:
        lines.insert(at, chance.choice(LINES_SENT).removesuffix(b"\r\n"))
    elif at and kind == 2:
        lines[at] = name.swapcase() + colon + value
    elif at and kind == 3:
        lines[at] = name + colon + chance.choice(_PADDING) + value.strip() + chance.choice(_PADDING)
    elif at and kind == 4:
        lines[at : at + 1] = [lines[at], b"X-%d: %x" % (chance.randrange(100), chance.randrange(1 << 60))]
    else:
        lines[0] = lines[0].replace(b" /", b" /" + chance.choice(_IN_PATHS), 1)
    return b"\r\n".join(lines) + empty + body


def _roughly(chance: random.Random, request: bytes) -> bytes:
    """A piece put in, a bit turned, some bytes left out or said twice, anywhere."""
    at = chance.randrange(len(request))
    kind = chance.random()
    if kind < 0.45:
        return request[:at] + chance.choice(PIECES) + request[at + chance.randint(0, 2) :]
    if kind < 0.7:
        return request[:at] + bytes([request[at] ^ (1 << chance.randrange(8))]) + request[at + 1 :]
    if kind < 0.85:
        return request[:at] + request[at + chance.randint(1, 4) :]
    end = min(len(request), at + chance.randint(1, 24))
    return request[:end] + request[at:end] + request[end:]
