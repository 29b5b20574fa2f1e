"""A backend that says what it received, and requests of every framing for it."""

import asyncio

from tests.support.backends import CLOSE, Seen
from tests.support.dataplane import Plane
from tests.support.rawhttp import Answer, get, post, post_chunked, raw

BODY = bytes(range(256)) * 3


def echo(seen: Seen) -> bytes:
    """Answers the target and the payload, framed as the path asks."""
    content = seen.line.split(b" ")[1] + b"|" + seen.payload
    if b"/chunked" in seen.line:
        half = len(content) // 2
        pieces = (content[:half], content[half:])
        framed = b"".join(b"%x;ext=1\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece)
        return (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + framed + b"0\r\nX-Trailer: 1\r\n\r\n"
        )
    if b"/close" in seen.line:
        return b"HTTP/1.1 200 OK\r\n\r\n" + content + CLOSE
    if b"/old" in seen.line:
        return b"HTTP/1.0 200 OK\r\n\r\n" + content + CLOSE
    if b"/empty" in seen.line:
        return b"HTTP/1.1 204 No Content\r\n\r\n"
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(content), content)


EXCHANGES = [
    get("/a"),
    get("/chunked"),
    get("/close"),
    get("/old"),
    get("/empty"),
    post(BODY, target="/b"),
    post(BODY, target="/chunked/b"),
    post_chunked([b"one", BODY, b"3"]),
    post_chunked([b"x"], ending=b"0\r\nX-Trailer: yes\r\n\r\n"),
    b"\r\n" + get("/after-an-empty-line"),
]


async def exchange(plane: Plane, pieces: list[bytes], count: int) -> tuple[bytes, list[Answer]]:
    """Send the pieces each on its own; answers what came back, whole and taken apart."""
    async with raw(plane.port) as caller:
        sending = asyncio.ensure_future(caller.send(*pieces))
        answers = [await caller.answer() for _ in range(count)]
        await sending
    return b"".join(answer.head + answer.body for answer in answers), answers
