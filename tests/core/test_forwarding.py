"""Framing lines of a forwarded head. Whole heads are tested in tests/dataplane/test_forward.py."""

import pytest

from quotad.config.model import AuthRules, Route, UpstreamAddress
from quotad.core.forwarding import (
    framing_lines,
    is_answer_to,
    max_forwards_line,
    offered,
    passed_lines,
    standing_lines,
    upgrade_lines,
)
from quotad.core.request import read_request_fields, read_request_line

RULE = Route("", "/", "s", "release", (UpstreamAddress("b", 1),))


@pytest.mark.parametrize(
    ("block", "minor", "lines"),
    [
        (b"", 1, b""),
        (b"Content-Length: 0\r\n", 1, b"Content-Length: 0\r\n"),
        (b"Content-Length: 005\r\n", 1, b"Content-Length: 5\r\n"),
        (b"Transfer-Encoding: chunked\r\n", 1, b"Transfer-Encoding: chunked\r\n"),
        (
            b"Content-Length: 5\r\nExpect: 100-continue\r\n",
            1,
            b"Content-Length: 5\r\nExpect: 100-continue\r\n",
        ),
        (b"Content-Length: 5\r\nExpect: 100-continue\r\n", 0, b"Content-Length: 5\r\n"),
        (b"Content-Length: 0\r\nExpect: 100-continue\r\n", 1, b"Content-Length: 0\r\n"),
        (b"Expect: 100-continue\r\n", 1, b""),
    ],
)
def test_framing_lines(block: bytes, minor: int, lines: bytes) -> None:
    """A body goes on as it came; an expectation means nothing in HTTP/1.0 or without a body."""
    assert framing_lines(read_request_fields(block, 9), minor) == lines


@pytest.mark.parametrize(
    ("rules", "passed"),
    [
        (AuthRules(), b""),
        (AuthRules(hmac=False), b"Authorization: hmac x\r\n"),
        (AuthRules(pass_credentials=True), b"X-Secret-Id: a\r\nAuthorization: hmac x\r\n"),
    ],
)
def test_credentials(rules: AuthRules, passed: bytes) -> None:
    """An Authorization is ours only in a form that is on; X-Secret-* never leave unless told to."""
    fields = read_request_fields(b"X-Secret-Id: a\r\nAuthorization: hmac x\r\n", 9)
    assert passed_lines(fields, rules) == passed


def test_without_host() -> None:
    """An HTTP/1.0 request without Host goes on with the backend's own, and claims no other."""
    line = read_request_line(b"GET / HTTP/1.0", 99)
    lines = standing_lines(line, read_request_fields(b"", 9), RULE, b"backend:1")
    assert lines == b"Host: backend:1\r\nVia: 1.0 quotad\r\n"


def test_named_authorization_goes() -> None:
    """Connection may name Authorization: it still tells who calls, and goes no further."""
    fields = read_request_fields(b"Authorization: Bearer x\r\nConnection: authorization\r\n", 9)
    assert fields.authorization == b"Bearer x"
    assert passed_lines(fields, AuthRules()) == b""


@pytest.mark.parametrize(
    ("method", "sent", "line"),
    [
        (b"OPTIONS", b"Max-Forwards: 7\r\n", b"Max-Forwards: 6\r\n"),
        (b"OPTIONS", b"max-forwards:1\r\n", b"Max-Forwards: 0\r\n"),
        (b"GET", b"max-forwards: 7\r\n", b"max-forwards: 7\r\n"),
        (b"GET", b"Max-Forwards: x\r\n", b"Max-Forwards: x\r\n"),
    ],
)
def test_max_forwards(method: bytes, sent: bytes, line: bytes) -> None:
    """OPTIONS loses a hop; with other methods the field means nothing (RFC 9110, section 7.6.2)."""
    start = read_request_line(method + b" / HTTP/1.1", 99)
    assert max_forwards_line(start, read_request_fields(sent, 9)) == line


@pytest.mark.parametrize(
    ("version", "allowed", "offers"),
    [
        ("1.1", None, (b"WebSocket", b"Foo/2")),
        ("1.1", ("foo",), (b"Foo/2",)),
        ("1.1", ("foo/2", "websocket"), (b"WebSocket", b"Foo/2")),
        ("1.1", ("foo/1",), ()),
        ("1.1", (), ()),
        ("1.0", None, ()),
    ],
)
def test_offered(version: str, allowed: tuple[str, ...] | None, offers: tuple[bytes, ...]) -> None:
    """What the caller names and the route allows is offered, as it was written; HTTP/1.0 offers nothing."""
    line = read_request_line(f"GET / HTTP/{version}".encode(), 99)
    block = b"Upgrade: WebSocket, h2c\r\nConnection: close, UPGRADE\r\nUpgrade: Foo/2\r\n"
    assert offered(line, read_request_fields(block, 9), allowed) == offers


def test_upgrade_lines() -> None:
    """An offer names Upgrade in Connection; no offer is no line."""
    assert upgrade_lines((b"a", b"b/1")) == b"Connection: Upgrade\r\nUpgrade: a, b/1\r\n"
    assert upgrade_lines(()) == b""


@pytest.mark.parametrize(
    ("switched", "answers"),
    [
        ((b"websocket",), True),
        ((b"Foo/2",), True),
        ((b"Foo/2", b"WEBSOCKET"), True),
        ((b"websocket/13",), True),
        ((b"foo",), False),
        ((b"foo/3",), False),
        ((b"websocket", b"bar"), False),
    ],
)
def test_is_answer_to(switched: tuple[bytes, ...], answers: bool) -> None:
    """A 101 may name less than was offered, or the version of what was offered without one; never more."""
    assert is_answer_to(switched, (b"WebSocket", b"foo/2")) == answers
