"""The two readers of a head: what llhttp and our own rules refuse, and what is remembered."""

import httptools
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from quotad.core.http import HeadError
from quotad.dataplane.heads import Heads, Memory


@pytest.mark.parametrize(
    "block",
    [
        b"A : b\r\n",
        b"A: b\r\n c\r\n",
        b"A: b\nC: d\r\n",
        b"A: b\rc\r\n",
        b"A: \x00\r\n",
        b"A: \x7f\r\n",
        b": b\r\n",
        b"A\r\n",
        b"A(: b\r\n",
        b" A: b\r\n",
    ],
)
def test_request_fields_that_llhttp_refuses(block: bytes) -> None:
    """What is not a field line is refused, and refused again: errors are not remembered as fields."""
    heads = Heads(100, 10)
    for _ in range(2):
        with pytest.raises(HeadError, match="bad_request"):
            heads.request_fields[block]
    with pytest.raises(HeadError, match="upstream_bad_response"):
        heads.responses[b"HTTP/1.1 200 OK\r\n" + block]


def test_upgrade_is_no_error() -> None:
    """A head that asks for another protocol is a head like others."""
    block = b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n"
    assert Heads(100, 10).request_fields[block].length == 3
    assert Heads(100, 10).responses[b"HTTP/1.1 200 OK\r\n" + block].length == 3


def test_equal_bytes_are_read_once() -> None:
    """What was read is remembered; long heads and too many of them are not."""
    read: list[bytes] = []

    def reader(head: bytes) -> int:
        read.append(head)
        return len(head)

    memory = Memory(reader)
    assert [memory[b"a"], memory[b"a"], memory[b"b" * 5000], memory[b"b" * 5000]] == [1, 1, 5000, 5000]
    assert read == [b"a", b"b" * 5000, b"b" * 5000]
    for number in range(5000):
        memory[b"%d" % number]
    assert len(memory) <= 1024


class Listing:
    def __init__(self) -> None:
        self.names: list[bytes] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.names.append(name.lower())


_NAME = st.text("aB-_9!", min_size=1, max_size=6).map(str.encode)
_VALUE = st.binary(max_size=8)


@given(st.lists(st.tuples(_NAME, _VALUE), max_size=5))
def test_both_readers_see_the_same_lines(pairs: list[tuple[bytes, bytes]]) -> None:
    """Where our reading takes a block, llhttp has seen exactly the same fields in it."""
    block = b"".join(b"%b:%b\r\n" % pair for pair in pairs)
    # A head ends at its first empty line, so no block has one.
    assume(b"\r\n\r\n" not in block)
    try:
        fields = Heads(100, 100).request_fields[block]
    except HeadError:
        return
    listing = Listing()
    httptools.HttpRequestParser(listing).feed_data(b"GET / HTTP/1.1\r\n" + block + b"\r\n")
    assert [name for name, _ in fields.pairs()] == listing.names


def test_the_last_line_may_come_without_its_end() -> None:
    """Whoever cuts a head off at the empty line need not add to it: both forms mean the same."""
    heads = Heads(100, 10)
    assert (
        heads.request_fields[b"Host: a\r\nX-A: b"].kept == heads.request_fields[b"Host: a\r\nX-A: b\r\n"].kept
    )
    assert heads.request_fields[b""].kept == b""
    assert (
        heads.responses[b"HTTP/1.1 200 OK\r\nX-A: b"].lines
        == heads.responses[b"HTTP/1.1 200 OK\r\nX-A: b\r\n"].lines
    )


def test_whole_heads_are_remembered_to_a_bound() -> None:
    """Those that come again are known, alone and whole; long ones and too many are not kept."""
    heads = Heads(100, 10)
    line, fields = heads.request_lines[b"GET / HTTP/1.1"], heads.request_fields[b"Host: a"]
    whole = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    heads.remember(whole, line, fields)
    known = heads.known(whole)
    assert known is not None
    assert (known.line, known.fields, known.size) == (line, fields, len(whole))
    for data in (whole[:-2], whole + b"G", whole.replace(b": a", b": b")):
        assert heads.known(data) is None
    heads.remember(b"a" * 5000, line, fields)
    assert heads.known(b"a" * 5000) is None
    for number in range(1024):
        heads.remember(b"%d" % number, line, fields)
    assert heads.known(whole) is None
    assert heads.known(b"1023") is not None
