"""The two readers of a head: what llhttp and our own rules refuse, and what is remembered."""

import httptools
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from quotad.core.http import HeadError
from quotad.core.request import RequestFields
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


def test_callers_who_come_in_turn_are_read_and_not_kept() -> None:
    """Heads of more callers than are remembered leave no trace; one that comes again soon is remembered."""
    heads = Heads(100, 10)
    pair = b"Host: a\r\nX-Secret-Id: s%d\r\nX-Secret-Key: k%d"
    for number in range(3000):
        assert heads.request_fields[pair % (number, number)].secret_key == b"k%d" % number
    first = pair % (0, 0)
    assert first in heads.request_fields, "the first of its kind, which was read whole"
    assert len(heads.request_fields) == 1
    heads.request_fields[pair % (5, 6)]
    fields = heads.request_fields[pair % (5, 6)]
    assert heads.request_fields[pair % (5, 6)] is fields


def test_as_many_callers_as_are_remembered_are_soon_not_read_again() -> None:
    """Whatever order they come in, none of them shuts out another."""
    heads = Heads(100, 10)
    blocks = [b"Host: a\r\nX-Secret-Id: s%d\r\nX-Secret-Key: k" % number for number in range(1000)]
    for _ in range(2):
        for block in blocks:
            heads.request_fields[block]
    assert all(block in heads.request_fields for block in blocks)


_HEAD = b"GET /a HTTP/1.1\r\nHost: a\r\nX-Secret-Id: %b\r\nX-Secret-Key: %b\r\nX-A: b\r\n\r\n"


def read(heads: Heads, whole: bytes) -> RequestFields:
    """Read a head as a request's is that is not known."""
    head = whole.removesuffix(b"\r\n\r\n")
    first, _, block = head.partition(b"\r\n")
    return heads.fields(heads.request_lines[first], head, block)


def met() -> Heads:
    """They have read heads that differ in the key pair alone."""
    heads = Heads(100, 10)
    for word in (b"p", b"q", b"r"):
        read(heads, _HEAD % (word, word))
    return heads


def test_a_head_that_differs_in_the_key_pair_alone_is_known() -> None:
    """A caller that never came is known by what others sent, with its own pair and its own length."""
    heads = met()
    whole = _HEAD % (b"another", b"some-key")
    head = heads.known(whole)
    assert head is not None
    assert (head.fields.secret_id, head.fields.secret_key) == (b"another", b"some-key")
    assert head.fields.block == whole.removesuffix(b"\r\n").partition(b"\r\n")[2]
    assert head.line is heads.request_lines[b"GET /a HTTP/1.1"]
    assert head.size == len(whole)
    heads.known(whole)
    assert heads.known(whole) is heads.known(whole), "what comes again is remembered"


@pytest.mark.parametrize(
    "data",
    [
        _HEAD % (b"x", b"y") * 2,
        _HEAD % (b"x", b"y") + b"x",
        _HEAD % (b"x", b"y") + b"\r\n",
        (_HEAD % (b"x", b"y"))[:-2],
        _HEAD % (b"x", b""),
        _HEAD % (b"x", b"\0"),
        _HEAD % (b"x\r\nHost: b", b"y"),
        _HEAD % (b"x", b"y\r\n\r\nGET /b HTTP/1.1\r\nHost: a"),
        _HEAD.replace(b"/a", b"/b") % (b"x", b"y"),
        _HEAD.replace(b"Host: a", b"Host: b") % (b"x", b"y"),
        b"\r\n" + _HEAD % (b"x", b"y"),
        _HEAD % (b"x" * 1024, b"y"),
    ],
)
def test_what_differs_in_more_is_not_known(data: bytes) -> None:
    """Another line, other bytes around or in a value, more than one head, or only a part of it."""
    assert met().known(data) is None


@given(st.data())
def test_a_head_that_is_known_is_read_as_if_alone(data: st.DataObject) -> None:
    """Whatever is changed in a head: as long as it is known, it says what it says to a reader of its own."""
    whole = _HEAD % (b"s1", b"k1")
    start, size = data.draw(st.integers(0, len(whole))), data.draw(st.integers(0, 3))
    put = data.draw(st.sampled_from([b"", b"x", b"\r\n", b"\0", b": ", b" ", b"\r\n\r\n"]))
    whole = whole[:start] + put + whole[start + size :]
    head = met().known(whole)
    if head is not None:
        alone = read(Heads(100, 10), whole)
        for name in (
            "block",
            "kept",
            "host",
            "hosts",
            "secret_id",
            "secret_key",
            "secret_lines",
            "only_key_pair",
        ):
            assert getattr(head.fields, name) == getattr(alone, name)
        assert whole.find(b"\r\n\r\n") == len(whole) - 4


def test_heads_that_ask_for_something_else_each_time_are_not_held_against_each_other() -> None:
    """Only what came twice in a row is tried with whatever comes; field lines are known all the same."""
    heads = Heads(100, 10)
    for number in range(50):
        read(heads, _HEAD.replace(b"/a", b"/%d" % number) % (b"s%d" % number, b"k"))
    assert heads.known(_HEAD.replace(b"/a", b"/49") % (b"x", b"y")) is None
    assert heads.request_fields.shapes == 1
