"""One stream of bytes, given in every way in which a network may cut it."""

import asyncio
import contextlib
import random
import re

from tests.support.dataplane import Plane
from tests.support.rawhttp import get, raw

PROBE = "/probe"
PROBES = 4
"""More than any stream of these tests has requests."""

WAYS = ("whole", "bytes", "split")


def cut(stream: bytes, way: str) -> list[bytes]:
    """``whole``; byte by byte (long streams by a thousand); or at random, the same each time."""
    if way == "whole":
        return [stream]
    if way == "bytes":
        size = 1 if len(stream) < 3000 else 997
        return [stream[at : at + size] for at in range(0, len(stream), size)]
    chance = random.Random(len(stream))
    places = sorted(chance.sample(range(len(stream)), min(5, len(stream))))
    return [stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True) if stream[a:b]]


async def feed(plane: Plane, stream: bytes, way: str, *, ends: bool = False) -> bytes:
    """Send it; everything that came back until quotad closed.

    ``ends``: say that no more will come, once whatever can be served of it was served; who says so
    before is taken to have left.
    """
    async with raw(plane.port) as caller:
        with contextlib.suppress(ConnectionError):
            for piece in cut(stream, way):
                await caller.send(piece)
                # Each piece is to arrive on its own.
                await asyncio.sleep(0)
            if ends:
                await probe(plane)
                caller.writer.write_eof()
        with contextlib.suppress(ConnectionError):
            return await caller.rest()
    return b""


async def probe(plane: Plane) -> None:
    """Round trips of requests that came later: what came before them has been served by then."""
    async with raw(plane.port) as other:
        for _ in range(PROBES):
            await other.send(get(PROBE))
            assert (await other.answer()).status == 200


def statuses(received: bytes) -> list[int]:
    """The status of each answer; no body of these tests holds a status line."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", received)]
