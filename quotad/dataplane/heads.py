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
from quotad.core.alike import Like
from quotad.core.http import HeadError
from quotad.core.request import RequestFields, RequestLine, read_request_fields, read_request_line
from quotad.core.response import ResponseHead, read_response

_MEMORY_HEADS = 1024
_MEMORY_BYTES = 1024
"""How many heads are remembered, and up to which length: at most a megabyte of each kind."""

_LIKELY = 2
"""So many kinds of heads that differ in the key pair alone are tried before a head is cut."""

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
            self.keep(head, meaning)
        return meaning

    def keep(self, head: bytes, meaning: T) -> None:
        """Remember what some bytes mean."""
        if len(self) >= _MEMORY_HEADS:
            self.clear()
        self[head] = meaning


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


class Sightings:
    """Which bytes came before, not long ago. Forgets all when full, as ``Memory`` does."""

    __slots__ = ("_marks",)

    def __init__(self) -> None:
        self._marks: set[int] = set()
        """Hashes: to keep the bytes would be what this is to spare."""

    def again(self, head: bytes) -> bool:
        """Whether they came before; they did from now on."""
        mark, marks = hash(head), self._marks
        if mark in marks:
            return True
        if len(marks) >= _MEMORY_HEADS:
            marks.clear()
        marks.add(mark)
        return False


class FieldsMemory(Memory[RequestFields]):
    """Field lines -> what they say, each with its CRLF, the last one with it or without. Raises HeadError."""

    def __init__(self, header_count: int) -> None:
        super().__init__(self.read)
        self._header_count = header_count
        self._shapes: dict[bytes, Like] = {}
        """By ``alike.shape``: one of all that differ in the key pair alone."""
        self._likely: list[Like] = []
        """Those of the last kinds that came, the latest first."""
        self._sightings = Sightings()
        self.like: Like | None = None
        """What the block that was read last is like; None: nothing that came before."""

    def __missing__(self, block: bytes) -> RequestFields:
        return self.read(block)

    def read(self, block: bytes) -> RequestFields:
        """What a block that is not remembered says. Raises HeadError."""
        self.like = None
        if len(block) > _MEMORY_BYTES:
            return _checked_request_fields(block, self._header_count)
        for like in self._likely:
            fields = like.read(block)
            if fields is not None:
                return self._cheap(block, fields, like)
        parts = alike.cut(block)
        if parts is None:
            fields = _checked_request_fields(block, self._header_count)
            self.keep(block, fields)
            return fields
        return self._cut(block, parts)

    def _cut(self, block: bytes, parts: list[bytes]) -> RequestFields:
        shapes, shape = self._shapes, alike.shape(parts)
        known = shapes.get(shape)
        if known is not None:
            self._expect(known)
            return self._cheap(block, known.with_pair(block, parts[2], parts[5]), known)
        fields = _checked_request_fields(block, self._header_count)
        self.keep(block, fields)
        if fields.only_key_pair:
            if len(shapes) >= _MEMORY_HEADS:
                shapes.clear()
            like = shapes[shape] = Like(fields, parts)
            self._expect(like)
        return fields

    def _expect(self, like: Like) -> None:
        likely = self._likely
        likely.insert(0, like)
        del likely[_LIKELY:]

    def _cheap(self, block: bytes, fields: RequestFields, like: Like) -> RequestFields:
        """Remember what was cheap to read only if it comes for the second time within some thousand blocks.

        Where so many callers come in turn that none is found again, to keep them costs more than to read.
        """
        self.like = like
        if self._sightings.again(block):
            self.keep(block, fields)
        return fields

    @property
    def shapes(self) -> int:
        """How many kinds of field lines are remembered for callers who differ in their keys."""
        return len(self._shapes)


class Heads:
    """The readers of one listener."""

    __slots__ = (
        "_likely",
        "_requests",
        "_sightings",
        "_unlike",
        "request_fields",
        "request_lines",
        "responses",
    )

    def __init__(self, target_bytes: int, header_count: int) -> None:
        self.request_lines: Memory[RequestLine] = Memory(lambda line: read_request_line(line, target_bytes))
        """By a request line, without its CRLF. Raises HeadError."""
        self.request_fields = FieldsMemory(header_count)
        self._requests: dict[bytes, Head] = {}
        """By heads that came before, each with its empty line."""
        self._likely: list[tuple[RequestLine, Like, Like]] = []
        """What the last heads were like that differed in the key pair alone: their line, what their fields
        are like, and both together. The latest first."""
        self._unlike: tuple[RequestLine, Like] | None = None
        """The same of the latest one that was like none of these."""
        self._sightings = Sightings()
        self.responses: Memory[ResponseHead] = Memory(_checked_response)
        """By a head's lines, each with its CRLF, the last one with it or without. Raises HeadError."""

    def known(self, data: bytes) -> Head | None:
        """What these bytes say, if they are a request's head and nothing else, and it came before.

        Most that come are. One that differs in the key pair alone came before, too.
        """
        if len(data) > _MEMORY_BYTES:
            return None
        head = self._requests.get(data)
        if head is None:
            for line, _, whole in self._likely:
                fields = whole.read(data)
                if fields is not None:
                    if self._sightings.again(data):
                        self.remember(data, line, fields)
                    return Head(line, fields, len(data))
        return head

    def fields(self, line: RequestLine, head: bytes, block: bytes) -> RequestFields:
        """What a head's field lines say, ``line`` being its first one; both without their last CRLF.

        Raises HeadError.
        """
        fields = self.request_fields.get(block)
        if fields is not None:
            self.remember(head + b"\r\n\r\n", line, fields)
            return fields
        fields = self.request_fields.read(block)
        like, unlike = self.request_fields.like, self._unlike
        if like is not None:
            if unlike is None or unlike[0] is not line or unlike[1] is not like:
                # Where each head asks for something else, none is worth to be held against the next.
                self._unlike = line, like
            else:
                # Heads that come several at a time are alike, too, but not known by their bytes.
                others = [each for each in self._likely if each[0] is not line or each[1] is not like]
                whole = like.under(head[: len(head) - len(block)])
                self._likely = [(line, like, whole), *others[: _LIKELY - 1]]
                self._unlike = None
        return fields

    def remember(self, head: bytes, line: RequestLine, fields: RequestFields) -> None:
        """Keep what a request's head, with its empty line, says, should it come again."""
        requests = self._requests
        if len(head) <= _MEMORY_BYTES:
            if len(requests) >= _MEMORY_HEADS:
                requests.clear()
            requests[head] = Head(line, fields, len(head))
