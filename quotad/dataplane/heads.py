"""Heads, read: llhttp checks the bytes, ``core`` says what they mean, and equal bytes are read once.

What a head says depends on its bytes alone, and callers send the same fields again and again; so
what was read is remembered, to a bound. llhttp refuses bare CR and LF, folded lines, NUL and other
control bytes, bad names, doubtful lengths; a fresh parser for every head keeps nothing of one
message for the next. Field lines that differ from some that were read in a key pair alone are not read
again (``core.alike``): however many callers there are, few programs make their heads.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser, HttpResponseParser

from quotad.core import alike
from quotad.core.http import HeadError
from quotad.core.request import RequestFields, RequestLine, read_request_fields, read_request_line
from quotad.core.response import ResponseHead, read_response

_MEMORY_HEADS = 1024
_MEMORY_BYTES = 1024
"""How many heads are remembered, and up to which length: at most a megabyte of each kind."""

T = TypeVar("T")


class Head:
    """What a request's head says that was read before."""

    __slots__ = ("fields", "line", "size")

    def __init__(self, line: RequestLine, fields: RequestFields, size: int) -> None:
        self.line = line
        self.fields = fields
        self.size = size
        """In bytes, with its empty line."""


_NOBODY = object()
"""Listens to none of a parser's events: only its errors are wanted."""


class Memory(dict[bytes, T], Generic[T]):
    """Bytes -> what they mean. Forgets all when full: the next requests fill it with what is current."""

    def __init__(self, read: Callable[[bytes], T]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, head: bytes) -> T:
        meaning = self._read(head)
        if len(head) <= _MEMORY_BYTES:
            if len(self) >= _MEMORY_HEADS:
                self.clear()
            self[head] = meaning
        return meaning


def _ended(lines: bytes) -> bytes:
    """Field lines as they are read: each with its CRLF. Whoever cuts a head may leave out the last one."""
    return lines if not lines or lines.endswith(b"\r\n") else lines + b"\r\n"


def _checked_request_fields(block: bytes, header_count: int) -> RequestFields:
    block = _ended(block)
    # Our own rules first: they know which status fits.
    fields = read_request_fields(block, header_count)
    try:
        HttpRequestParser(_NOBODY).feed_data(b"GET / HTTP/1.1\r\n%b\r\n" % block)
    except HttpParserUpgrade:
        pass  # The head was whole, and Upgrade does not go on.
    except HttpParserError:
        raise HeadError("bad_request") from None
    return fields


def _checked_response(head: bytes) -> ResponseHead:
    head = _ended(head)
    response = read_response(head)
    try:
        HttpResponseParser(_NOBODY).feed_data(head + b"\r\n")
    except HttpParserUpgrade:
        pass
    except HttpParserError:
        raise HeadError("upstream_bad_response") from None
    return response


class Heads:
    """The readers of one listener."""

    __slots__ = ("_header_count", "_requests", "_shapes", "request_fields", "request_lines", "responses")

    def __init__(self, target_bytes: int, header_count: int) -> None:
        self.request_lines: Memory[RequestLine] = Memory(lambda line: read_request_line(line, target_bytes))
        """By a request line, without its CRLF. Raises HeadError."""
        self.request_fields: Memory[RequestFields] = Memory(self._read_fields)
        """By the field lines, each with its CRLF, the last one with it or without. Raises HeadError."""
        self._header_count = header_count
        self._shapes: dict[bytes, RequestFields] = {}
        """By ``alike.shape``: one of all that differ in the key pair alone."""
        self._requests: dict[bytes, Head] = {}
        """By heads that came before, each with its empty line."""
        self.responses: Memory[ResponseHead] = Memory(_checked_response)
        """By a head's lines, each with its CRLF, the last one with it or without. Raises HeadError."""

    def _read_fields(self, block: bytes) -> RequestFields:
        parts = alike.cut(block) if len(block) <= _MEMORY_BYTES else None
        if parts is None:
            return _checked_request_fields(block, self._header_count)
        shapes, shape = self._shapes, alike.shape(parts)
        known = shapes.get(shape)
        if known is not None:
            return alike.with_pair(known, _ended(block), parts)
        fields = _checked_request_fields(block, self._header_count)
        if fields.only_key_pair:
            if len(shapes) >= _MEMORY_HEADS:
                shapes.clear()
            shapes[shape] = fields
        return fields

    @property
    def shapes(self) -> int:
        """How many kinds of field lines are remembered for callers who differ in their keys."""
        return len(self._shapes)

    def known(self, data: bytes) -> Head | None:
        """What was remembered, if these bytes are a request's head and nothing else: most that come are."""
        return self._requests.get(data) if len(data) <= _MEMORY_BYTES else None

    def remember(self, head: bytes, line: RequestLine, fields: RequestFields) -> None:
        """Keep what a request's head, with its empty line, says, should it come again."""
        requests = self._requests
        if len(head) <= _MEMORY_BYTES:
            if len(requests) >= _MEMORY_HEADS:
                requests.clear()
            requests[head] = Head(line, fields, len(head))
