"""What a backend's response head says, and what goes on to the client: pure functions of bytes."""

import re
from typing import Final

from quotad.core.framing import UNTIL_CLOSE, response_framing
from quotad.core.http import (
    CODING,
    CONNECTION,
    DATE,
    DROP,
    HOP_BY_HOP,
    KEEP,
    LENGTH,
    LIMITS,
    UPGRADE,
    UPGRADE_LINES,
    HeadError,
    Kinds,
    content_length,
    members,
    protocols,
    tokens,
    without,
)

_KINDS = Kinds(
    HOP_BY_HOP
    | {
        # Between a client and its proxy, and we are not the client's.
        b"proxy-authenticate": DROP,
        b"proxy-authentication-info": DROP,
        b"x-request-id": DROP,
        b"date": DATE,
        b"ratelimit": LIMITS,
        b"ratelimit-policy": LIMITS,
        b"x-ratelimit-limit": LIMITS,
        b"x-ratelimit-remaining": LIMITS,
        b"x-ratelimit-reset": LIMITS,
    }
)

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([\t \x21-\x7e\x80-\xff]*))?")

_BAD = "upstream_bad_response"

SWITCHING: Final = 101
"""The only final status below 200: what follows is another protocol (RFC 9110, section 15.2.2)."""

_UPGRADE_REQUIRED = 426

VERSION: Final = b"HTTP/1."

FIELD_COUNT = 256
"""Field lines of a response head: twice what callers may send."""


class ResponseHead:
    """A response's head. ``kept`` are the lines that go on as they are."""

    __slots__ = (
        "chunked",
        "dated",
        "framing",
        "length",
        "limit_lines",
        "lines",
        "persistent",
        "status",
        "upgrades",
    )

    def __init__(self, status: int) -> None:
        self.status = status
        self.lines = b""
        """What goes on: status line (as HTTP/1.1) and fields, each with its CRLF, with Content-Length but
        without other framing, hop-by-hop, limit and X-Request-Id lines."""
        self.limit_lines = b""
        """The backend's own RateLimit fields, which go on when we add none."""
        self.dated = False
        self.length = -1
        """Content-Length; -1 when there is none."""
        self.chunked = False
        self.persistent = True
        """Whether the connection may serve another request (RFC 9112, section 9.3)."""
        self.framing = UNTIL_CLOSE
        """Of its body, unless the request was HEAD."""
        self.upgrades: tuple[bytes, ...] = ()
        """Of a 101: the protocols that follow. Of a 426: those that the backend asks for."""


def read_response(head: bytes) -> ResponseHead:
    """Read a head: its lines, each with its CRLF, without the empty line. Raises HeadError."""
    status_line, _, block = head.partition(b"\r\n")
    found = _STATUS_LINE.fullmatch(status_line)
    if found is None:
        raise HeadError(_BAD)
    response = ResponseHead(int(found[2]))
    kept: list[bytes] = []
    nominated: list[bytes] = []
    limits: list[bytes] = []
    lines = block.split(b"\r\n")
    if len(lines) - 1 > FIELD_COUNT:
        raise HeadError("upstream_head_too_large")
    for line in lines:
        name, _, value = line.partition(b":")
        kind = _KINDS[name]
        if kind == KEEP:
            kept.append(line)
        elif kind == LIMITS:
            limits.append(line)
        elif kind == DATE:
            response.dated = True
            kept.append(line)
        elif kind == CONNECTION:
            nominated += tokens(value)
        elif kind != DROP:
            _field(response, kind, value)
    _check(response, found[1] == b"1", nominated)
    if response.upgrades or response.status == SWITCHING:
        _upgrade(response, nominated)
    response.framing = response_framing(response.status, response.length, response.chunked)
    response.limit_lines = b"\r\n".join([*limits, b""])
    # The first line is no field, though Connection may spell it.
    first = b"HTTP/1.1 %b %b\r\n" % (found[2], found[3] or b"")
    response.lines = first + b"\r\n".join(without(kept, nominated))
    if response.upgrades:
        response.lines += UPGRADE_LINES % b", ".join(response.upgrades)
    # RFC 9110, section 8.6: none with 1xx and 204.
    if response.length >= 0 and response.status >= 200 and response.status != 204:
        response.lines += b"Content-Length: %d\r\n" % response.length
    return response


def _field(response: ResponseHead, kind: int, value: bytes) -> None:
    if kind == LENGTH:
        try:
            response.length = content_length(response.length, value.strip(b" \t"))
        except HeadError:
            raise HeadError(_BAD) from None
    elif kind == CODING:
        if response.chunked or value.strip(b" \t").lower() != b"chunked":
            raise HeadError(_BAD)
        response.chunked = True
    elif kind == UPGRADE:
        response.upgrades += members(value)


def _check(response: ResponseHead, version_1_1: bool, nominated: list[bytes]) -> None:
    """RFC 9112, section 6.3: what could be read in two ways is no response at all."""
    if response.chunked and (response.length >= 0 or not version_1_1):
        raise HeadError(_BAD)
    # RFC 9110, section 8.6; RFC 9112, section 6.1: who says that a body comes where none may be is
    # answered by 502, or what it sends next would be read as the next answer.
    if response.status == SWITCHING and not version_1_1:
        raise HeadError(_BAD)
    if (response.status < 200 or response.status == 204) and (response.chunked or response.length > 0):
        raise HeadError(_BAD)
    response.persistent = version_1_1 and b"close" not in nominated


def _upgrade(response: ResponseHead, nominated: list[bytes]) -> None:
    """RFC 9110, section 7.8: a 101 names what follows, a 426 what is asked for; others may, to no end."""
    named = protocols(response.upgrades)
    if response.status == SWITCHING and (
        not named or named != response.upgrades or b"upgrade" not in nominated
    ):
        raise HeadError(_BAD)
    response.upgrades = named if response.status in (SWITCHING, _UPGRADE_REQUIRED) else ()


CONNECTION_LINES = (
    (b"Connection: close\r\n", b"Connection: keep-alive\r\n"),
    (b"Connection: close\r\n", b""),
)
"""By the request's minor version and whether the connection lives on (RFC 9112, section 9.3)."""
