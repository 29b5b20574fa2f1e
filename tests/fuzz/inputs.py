"""What an input of the fuzzer means: its first byte says how the rest is sent, the rest is what is sent."""

import random
from collections.abc import Iterator

from tests.fuzz import shells
from tests.http.test_answers import BAD, BEYOND, BROKEN
from tests.smuggling.mutants import mutated_streams, table_streams
from tests.support.backends import OK

SIZES = (0, 0, 1, 2, 7, 40, 200, 1000)
"""Of the pieces; 0: whole."""

MUTANTS = 300
"""Streams of mutants to begin with."""

EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
ANSWERED = (
    OK,
    EARLY + OK,
    b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-T: 1\r\n\r\n",
    b"HTTP/1.0 200\r\nConnection: keep-alive\r\n\r\nuntil the end",
    b"HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\nConnection: x-a, close\r\nX-A: 1\r\n\r\n",
    b"HTTP/1.1 404 \xe4\r\nDate: x\r\nRateLimit: x\r\nContent-Length: 0\r\n\r\n",
)


def from_caller(data: bytes) -> None:
    """Raises when a promise breaks (``shells.requests``)."""
    if data:
        shells.requests(data[1:], SIZES[data[0] % len(SIZES)])


def from_backend(data: bytes) -> None:
    """Raises when a promise breaks (``shells.answers``)."""
    if data:
        how, sizes = data[0], len(SIZES)
        shells.answers(data[1:], SIZES[how % sizes], how // sizes // 2, clean=bool(how // sizes % 2))


def seeds(side: str) -> Iterator[bytes]:
    """Inputs to begin with: the tables, and mutants of requests."""
    chance = random.Random(side)
    if side == "caller":
        sent = [stream.data for stream in (*table_streams(), *mutated_streams(11, MUTANTS))]
    else:
        sent = [*ANSWERED, *BAD.values(), *BROKEN.values(), *(row[1] for row in BEYOND.values())]
    for data in sent:
        if len(data) < 4096:
            yield bytes([chance.randrange(256)]) + data
