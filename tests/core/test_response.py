"""Response heads: what a backend may say, and what of it goes on."""

import pytest

from quotad.core.framing import CHUNKED, UNTIL_CLOSE
from quotad.core.http import HeadError
from quotad.core.response import FIELD_COUNT, read_response


def test_lines_that_go_on() -> None:
    """The status line as HTTP/1.1, fields in their order, Content-Length; nothing hop-by-hop or ours."""
    head = read_response(
        b"HTTP/1.1 200 All Right\r\nA: 1\r\nContent-Length: 2\r\nConnection: close, x-b\r\nX-B: 2\r\nA: 3\r\n"
        b"RateLimit: theirs\r\nX-Request-Id: theirs\r\nTransfer_Encoding: x\r\n"
    )
    expected = b"HTTP/1.1 200 All Right\r\nA: 1\r\nA: 3\r\nTransfer_Encoding: x\r\nContent-Length: 2\r\n"
    assert head.lines == expected
    assert (head.status, head.framing, head.persistent, head.dated) == (200, 2, False, False)
    assert head.limit_lines == b"RateLimit: theirs\r\n"


@pytest.mark.parametrize(
    ("head", "lines", "framing", "persistent"),
    [
        (b"HTTP/1.0 200 OK\r\nDate: x\r\n", b"HTTP/1.1 200 OK\r\nDate: x\r\n", UNTIL_CLOSE, False),
        (b"HTTP/1.1 204 \r\nContent-Length: 0\r\n", b"HTTP/1.1 204 \r\n", 0, True),
        (b"HTTP/1.1 304\r\nContent-Length: 5\r\n", b"HTTP/1.1 304 \r\nContent-Length: 5\r\n", 0, True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n", b"HTTP/1.1 200 OK\r\n", CHUNKED, True),
        (b"HTTP/1.1 103 Early\r\nContent-Length: 0\r\n", b"HTTP/1.1 103 Early\r\n", 0, True),
        (b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\n", b"HTTP/1.1 407 No\r\n", UNTIL_CLOSE, True),
    ],
)
def test_framing(head: bytes, lines: bytes, framing: int, persistent: bool) -> None:
    """No Content-Length goes on with 1xx and 204 (RFC 9110, section 8.6); HTTP/1.0 is not kept."""
    response = read_response(head)
    assert (response.lines, response.framing, response.persistent) == (lines, framing, persistent)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/2 200 OK\r\n",
        b"HTTP/1.1 20 OK\r\n",
        b"HTTP/1.1 2000 OK\r\n",
        b"HTTP/1.1 099 OK\r\n",
        b"HTTP/1.1  200 OK\r\n",
        b"HTTP/1.1 200 O\x00K\r\n",
        b"HTTP/1.1 200 O\rK\r\n",
        b"HTTP/1.1 101 Switching\r\n",
        b"HTTP/1.1 103 Early\r\nContent-Length: 5\r\n",
        b"HTTP/1.1 204 \r\nContent-Length: 5\r\n",
        b"HTTP/1.1 204 \r\nTransfer-Encoding: chunked\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: ,chunked\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n",
    ],
)
def test_no_response_at_all(head: bytes) -> None:
    """What could be read in two ways, or was not asked for, is refused."""
    with pytest.raises(HeadError, match="upstream_bad_response"):
        read_response(head)


def test_fields_are_bounded() -> None:
    """A head with more fields than any honest one is refused, however short it is."""
    read_response(b"HTTP/1.1 200 OK\r\n" + b"a:\r\n" * FIELD_COUNT)
    with pytest.raises(HeadError, match="upstream_head_too_large"):
        read_response(b"HTTP/1.1 200 OK\r\n" + b"a:\r\n" * (FIELD_COUNT + 1))


@pytest.mark.parametrize(
    ("status", "upgrade", "upgrades"),
    [
        (b"101", b"WebSocket, a/1", (b"WebSocket", b"a/1")),
        (b"426", b"websocket, h2c", (b"websocket",)),
        (b"426", b"h2c", ()),
        (b"200", b"h2, websocket", ()),
    ],
)
def test_upgrade(status: bytes, upgrade: bytes, upgrades: tuple[bytes, ...]) -> None:
    """101 names what follows, 426 what is asked for; beside another answer Upgrade is dropped."""
    head = read_response(b"HTTP/1.1 %b X\r\nConnection: upgrade\r\nUpgrade: %b\r\n" % (status, upgrade))
    named = b"Connection: Upgrade\r\nUpgrade: " + b", ".join(upgrades) + b"\r\n"
    assert head.upgrades == upgrades
    assert head.lines == b"HTTP/1.1 %b X\r\n%b" % (status, named if upgrades else b"")
