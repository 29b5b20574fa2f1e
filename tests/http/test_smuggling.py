"""One request in, at most one out: known families of smuggling, and heads mutated at random.

What goes on is read by h11, which shares no code with quotad's readers.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.dataplane import Plane, route, running_plane
from tests.support.feeding import WAYS, feed, statuses
from tests.support.independent import Witness, read_all, running_witness
from tests.support.properties import examples
from tests.support.rawhttp import PAIR, get, post, post_chunked

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: a\r\n" + PAIR + b"\r\n"


def carrying(fields: bytes, body: bytes) -> bytes:
    return b"POST /seen HTTP/1.1\r\nHost: a\r\n" + PAIR + fields + b"\r\n" + body


CL_TE = b"0\r\n\r\n" + HIDDEN
TE_CL = b"%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)
LENGTH = b"Content-Length: %d\r\n" % len(CL_TE)

OBFUSCATED = (
    b"Transfer-Encoding : chunked",
    b"Transfer-Encoding\t: chunked",
    b" Transfer-Encoding: chunked",
    b"Transfer-Encoding:\x0bchunked",
    b"Transfer-Encoding:\x0cchunked",
    b"Transfer-Encoding: \xffchunked",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: chunkedx",
    b"Transfer-Encoding: chunked\x00",
    b"Transfer-Encoding: 'chunked'",
    b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
    b"Transfer-Encoding: identity, chunked",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding:\r\n chunked",
    b"Transfer-Encoding:\n chunked",
    b"X: y\nTransfer-Encoding: chunked",
    b"X: y\rTransfer-Encoding: chunked",
    b"X: y\r\n\x00Transfer-Encoding: chunked",
    b"Transfer-Encoding\x00: chunked",
    b"Transfer-\r\nEncoding: chunked",
    b"\xef\xbb\xbfTransfer-Encoding: chunked",
    b"Transfer_Encoding: chunked",
    b"Transfer.Encoding: chunked",
    b"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked",
    b"Connection: Content-Length",
    b"tRANSFER-eNCODING: CHUNKED",
)

VECTORS = {
    "CL.TE": carrying(LENGTH + b"Transfer-Encoding: chunked\r\n", CL_TE),
    "TE.CL": carrying(b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", TE_CL),
    "CL.0 with a GET": carrying(LENGTH, CL_TE).replace(b"POST", b"GET"),
    "CL.CL": carrying(b"Content-Length: 0\r\n" + LENGTH, CL_TE),
    "CL list": carrying(b"Content-Length: 0, %d\r\n" % len(CL_TE), CL_TE),
    "CL with plus": carrying(b"Content-Length: +%d\r\n" % len(CL_TE), CL_TE),
    "CL in another script": carrying("Content-Length: \u0660\r\n".encode() + LENGTH, CL_TE),
    "TE in HTTP/1.0": carrying(b"Transfer-Encoding: chunked\r\n", TE_CL).replace(b"1.1", b"1.0", 1),
    "LF after a chunk size": carrying(b"Transfer-Encoding: chunked\r\n", b"0\n\r\n" + HIDDEN),
    "LF in an extension": carrying(b"Transfer-Encoding: chunked\r\n", b"2;\nxx\r\n0\r\n\r\n" + HIDDEN),
    "CR in an extension": carrying(b"Transfer-Encoding: chunked\r\n", b"2;\rxx\r\n0\r\n\r\n" + HIDDEN),
    "LF in a quoted extension": carrying(
        b"Transfer-Encoding: chunked\r\n", b'2;a="\n"\r\nxx\r\n0\r\n\r\n' + HIDDEN
    ),
    "chunk end not checked": carrying(b"Transfer-Encoding: chunked\r\n", b"1\r\nxXX0\r\n\r\n" + HIDDEN),
    "size that wraps": carrying(b"Transfer-Encoding: chunked\r\n", b"100000000\r\n" + b"0\r\n\r\n" + HIDDEN),
    "size that overflows": carrying(b"Transfer-Encoding: chunked\r\n", b"f" * 17 + b"\r\n" + HIDDEN),
    "trailer that frames": carrying(b"Transfer-Encoding: chunked\r\n", b"0\r\n" + LENGTH + b"\r\n" + HIDDEN),
    "LF ends the head": carrying(LENGTH, CL_TE).replace(b"\r\n\r\n", b"\n\n", 1),
    "CR ends the head": carrying(LENGTH, CL_TE).replace(b"\r\n\r\n", b"\r\r", 1),
    "request in a value": get("/seen", b"X: y\n\n" + HIDDEN),
    "Expect": carrying(b"Expect: 100-continue\r\nContent-Length: 0\r\n" + LENGTH, CL_TE),
} | {f"TE.TE {number}": carrying(LENGTH + line + b"\r\n", CL_TE) for number, line in enumerate(OBFUSCATED)}


async def served(stream: bytes, way: str) -> tuple[list[int], list[bytes]]:
    """The answers to a stream, and the targets that a backend was asked for."""
    async with running_witness() as witness, running_plane(route(witness.port)) as plane:
        received = await feed(plane, stream, way, ends=True)
        assert witness.refused == []
        for request in witness.requests:
            assert not request.values(b"transfer-encoding") or not request.values(b"content-length")
        return statuses(received), [request.target for request in witness.requests]


@pytest.mark.parametrize("name", VECTORS)
async def test_nothing_is_smuggled(name: str) -> None:
    """A request hidden in another reaches no backend, and every way to cut the stream ends alike."""
    outcomes = [await served(VECTORS[name], way) for way in WAYS]
    for answers, targets in outcomes:
        assert len(targets) <= 1
        assert b"/hidden" not in targets
        assert len(answers) <= 1
        assert answers == outcomes[0][0]


SEEDS = (
    get("/a?b", b"X-A: 1\r\nAccept: */*\r\n"),
    post(b"hello", b"X-A: 1\r\n"),
    post_chunked([b"hello", b"you"], b"X-A: 1\r\n"),
    get("/a", b"Connection: keep-alive\r\n", version="1.0"),
)
PIECES = st.sampled_from(
    [
        *(b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b":", b",", b";", b"\x00", b"\x0b", b"\xff", b"0"),
        *(b"GET /", b"HTTP/1.0", b"chunked", b"Host: b\r\n", b"Connection: close\r\n", b"x" * 40),
        *(b"Content-Length: 5\r\n", b"Content-Length: 0\r\n"),
        *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n"),
    ]
)
EDITS = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 3), PIECES), max_size=3)


def mutated(seed: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    """Each edit puts a piece where some bytes were."""
    for place, length, piece in edits:
        at = int(place * len(seed))
        seed = seed[:at] + piece + seed[at + length :]
    return seed


async def compare(stream: bytes, plane: Plane, witness: Witness) -> None:
    """What went on is what h11 reads in the stream itself, request by request, as far as any went on."""
    received = await feed(plane, stream, "whole", ends=True)
    got, witness.requests = witness.requests, []
    assert witness.refused == []
    assert len(got) <= len([status for status in statuses(received) if status >= 200]) + 1
    said, clean = read_all(stream)
    if clean:
        # Some of them may have been refused here, for their credentials or by a stricter rule.
        rest = [(each.method, each.target, each.body) for each in said]
        for each in got:
            assert (each.method, each.target, each.body) in rest
            del rest[: rest.index((each.method, each.target, each.body)) + 1]


@examples(100)
@given(st.lists(st.tuples(st.sampled_from(SEEDS), EDITS), min_size=1, max_size=2))
async def test_mutated_heads(requests: list[tuple[bytes, list[tuple[float, int, bytes]]]]) -> None:
    """A mutated request is refused, or the backend reads in what it gets what h11 reads in the original."""
    stream = b"".join(mutated(seed, edits) for seed, edits in requests)
    async with running_witness() as witness, running_plane(route(witness.port)) as plane:
        await compare(stream, plane, witness)
