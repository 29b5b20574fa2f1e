"""Where a body ends (RFC 9112, sections 6 and 7), told from bytes as they come.

Each body takes bytes and answers the payload in them and what was left over; it never holds payload
back. Chunked bodies are decoded strictly: what a lenient peer might read in another way is refused.
"""

import re
from typing import Final, Protocol

CHUNKED: Final = -1
"""Framing of a message with ``Transfer-Encoding: chunked``; lengths are 0 and more."""
UNTIL_CLOSE: Final = -2
"""Framing of a response that lasts until its connection closes."""

EXTENSION_BYTES = 4096
"""Chunk extensions of one message, all together (section 7.1.1 asks for a bound)."""
TRAILER_BYTES = 8192
SIZE_LINE_BYTES = 1024

LAST_CHUNK: Final = b"0\r\n\r\n"

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = rb'"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\t \x21-\x7e])*"'
_EXTENSION = rb";[ \t]*" + _TOKEN + rb"(?:[ \t]*=[ \t]*(?:" + _TOKEN + rb"|" + _QUOTED + rb"))?"
# 15 hexadecimal digits stay below 2**60. Section 7.1.1 forgives white space around the parts of an
# extension, and so do we; right after the size it is refused, since peers have disagreed about it.
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})((?:" + _EXTENSION + rb"(?:[ \t]*" + _EXTENSION + rb")*)?)")
_TRAILER_LINE = re.compile(rb"(" + _TOKEN + rb"):[^\x00-\x08\x0a-\x1f\x7f]*")

_NOT_IN_TRAILERS = frozenset(
    (
        b"authorization",
        b"connection",
        b"content-length",
        b"expect",
        b"host",
        b"keep-alive",
        b"proxy-authorization",
        b"signature",
        b"signature-input",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"x-request-id",
        b"x-secret-id",
        b"x-secret-key",
    )
)
"""Fields that frame, route, authenticate or steer (RFC 9110, section 6.5.1), and our own."""


class FramingError(Exception):
    """A body is not framed as its head announced. ``key`` is a key of ``core.replies``."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class Body(Protocol):
    """The rest of one message."""

    done: bool
    """True once its last byte was taken."""

    def take(self, data: bytes) -> tuple[bytes, bytes]:
        """The payload in ``data``, and what follows the message. Raises FramingError."""


class LengthBody:
    """A body of known length (section 6.2)."""

    __slots__ = ("done", "remaining")

    def __init__(self, length: int) -> None:
        self.remaining = length
        self.done = length == 0

    def take(self, data: bytes) -> tuple[bytes, bytes]:
        """As ``Body.take``."""
        remaining = self.remaining - len(data)
        if remaining > 0:
            self.remaining = remaining
            return data, b""
        end = self.remaining
        self.remaining = 0
        self.done = True
        return (data, b"") if remaining == 0 else (data[:end], data[end:])


class CloseBody:
    """A response that ends with its connection (section 6.3, rule 8)."""

    __slots__ = ("done",)

    def __init__(self) -> None:
        self.done = False

    def take(self, data: bytes) -> tuple[bytes, bytes]:
        """As ``Body.take``."""
        return data, b""


class ChunkedBody:
    """A chunked body (section 7.1), decoded; extensions and trailers are checked and dropped.

    Once broken it stays so: every later ``take`` raises too.
    """

    __slots__ = ("_extension_bytes", "_held", "_in_trailers", "_remaining", "_trailer_bytes", "done")

    def __init__(self) -> None:
        self.done = False
        self._held = b""
        self._in_trailers = False
        self._remaining = -1
        """Of the present chunk's data and its CRLF; -1 before a size line."""
        self._extension_bytes = 0
        self._trailer_bytes = 0

    def take(self, data: bytes) -> tuple[bytes, bytes]:
        """As ``Body.take``."""
        if self._held:
            data = self._held + data
            self._held = b""
        payload: list[bytes] = []
        at = 0
        try:
            while not self.done and at < len(data):
                after = self._data(data, at, payload) if self._remaining >= 0 else self._line(data, at)
                if after == at:
                    self._held = data[at:]
                    return b"".join(payload), b""
                at = after
        except FramingError:
            # What was held is lost, so what follows must not be taken for a body: an empty line is no size.
            self._held, self._remaining = b"\n", -1
            raise
        return b"".join(payload), data[at:]

    def _data(self, data: bytes, at: int, payload: list[bytes]) -> int:
        """Take chunk data and the CRLF after it; answers how far it came."""
        size = self._remaining - 2
        if size > 0:
            piece = data[at : at + size]
            payload.append(piece)
            self._remaining -= len(piece)
            return at + len(piece)
        ending = data[at : at + 2]
        if not b"\r\n".startswith(ending):
            raise FramingError("bad_body")
        if len(ending) == 2:
            self._remaining = -1
            return at + 2
        return at

    def _line(self, data: bytes, at: int) -> int:
        """Take one size line or trailer line; answers how far it came."""
        end = data.find(b"\n", at)
        bound = TRAILER_BYTES if self._in_trailers else SIZE_LINE_BYTES
        if (end if end >= 0 else len(data)) - at > bound:
            raise FramingError("bad_trailer" if self._in_trailers else "bad_body")
        if end < 0:
            return at
        if end == at or data[end - 1] != 13:
            raise FramingError("bad_body")
        line = data[at : end - 1]
        if self._in_trailers:
            self._trailer(line)
        else:
            self._size(line)
        return end + 1

    def _size(self, line: bytes) -> None:
        found = _SIZE_LINE.fullmatch(line)
        if found is None:
            raise FramingError("bad_body")
        self._extension_bytes += len(found[2])
        if self._extension_bytes > EXTENSION_BYTES:
            raise FramingError("bad_body")
        size = int(found[1], 16)
        if size:
            self._remaining = size + 2
        else:
            self._in_trailers = True

    def _trailer(self, line: bytes) -> None:
        if not line:
            self.done = True
            return
        self._trailer_bytes += len(line)
        found = _TRAILER_LINE.fullmatch(line)
        if found is None or self._trailer_bytes > TRAILER_BYTES:
            raise FramingError("bad_trailer")
        name = found[1].lower().replace(b"_", b"-")
        if name in _NOT_IN_TRAILERS or name.startswith((b"x-quotad-", b"x-forwarded-")):
            raise FramingError("bad_trailer")


def body_of(framing: int) -> Body:
    """The body that a message with this framing has."""
    if framing >= 0:
        return LengthBody(framing)
    return ChunkedBody() if framing == CHUNKED else CloseBody()


def chunk(payload: bytes) -> bytes:
    """``payload`` (not empty) as one chunk."""
    return b"%x\r\n%b\r\n" % (len(payload), payload)


def response_framing(status: int, length: int, chunked: bool) -> int:
    """The framing of a final response's body (section 6.3), unless it answers HEAD.

    ``length`` is its Content-Length or -1.
    """
    if status in (204, 304):
        return 0
    if chunked:
        return CHUNKED
    return length if length >= 0 else UNTIL_CLOSE
