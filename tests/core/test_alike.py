"""Field lines that differ in the key pair alone are read as if each were read by itself."""

from inspect import isdatadescriptor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotad.core import alike
from quotad.core.alike import Like
from quotad.core.http import HeadError
from quotad.core.proven import Proven
from quotad.core.request import RequestFields
from quotad.dataplane.heads import Heads

PAIR = b"X-Secret-Id: %b\r\nX-Secret-Key: %b\r\n"
_LINE = st.sampled_from(
    [
        b"Host: a",
        b"X-Secret-Id: one",
        b"x-secret-id: t,w;o",
        b"X-SECRET-ID: three",
        b"X-Secret-Key: four",
        b"x-secret-Key: five:six",
        b"X-Secret-Key:seven",
        b"X-Secret-Key: eight nine",
        b"X-Secret-Key: ",
        b"X-Secret-Key: t\0en",
        b"X-Secret-Id: \xff",
        b"X-Secret-Id: a\nb",
        b"X-Secret-Id: \0",
        b"X-Plain: \0",
        b"Authorization: Basic eA==",
        b"Connection: close, x-secret-id, x-a",
        b"Connection: upgrade",
        b"Upgrade: websocket",
        b"Content-Length: 7",
        b"Transfer-Encoding: chunked",
        b"Expect: 100-continue",
        b"Max-Forwards: 3",
        b"X-Forwarded-For: 192.0.2.1",
        b"Signature: a=:b:",
        b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        b"Access-Control-Request-Method: GET",
        b"X-A: b",
        b" folded",
    ]
)
# A compiled class does not tell its ``__slots__``.
_MEMBERS = {name for name, member in vars(RequestFields).items() if isdatadescriptor(member)} - {
    "made",
    "proven",
}
_IDS = (b"X-Secret-Id", b"x-secret-id")
_KEYS = (b"X-Secret-Key", b"x-secret-key")
_VALUE = st.sampled_from(
    [b"w1", b"some-long_word=", b"v2", b"two words", b"", b"\xff", b"\0", b"a\r\nb", b"a:"]
)
_OTHER = _LINE.filter(lambda line: not line.lower().startswith(b"x-secret-"))
"""Nothing is held against a block that names a Secret twice: its caller is refused."""
_BLOCK = st.lists(_LINE, max_size=7).map(b"\r\n".join)


def said(heads: Heads, block: bytes) -> dict[str, object]:
    """All that a block says, or why it is refused."""
    try:
        fields = heads.request_fields[block]
    except HeadError as error:
        return {"refused": error.key}
    told = {name: getattr(fields, name) for name in _MEMBERS}
    return told | {"pairs": list(fields.pairs())}


@given(st.lists(_BLOCK, min_size=1, max_size=6), st.data())
def test_what_was_read_before_changes_nothing(blocks: list[bytes], data: st.DataObject) -> None:
    """In whatever order blocks that are alike come, each says what it says to a reader that knows none."""
    heads = Heads(100, 10)
    ends = data.draw(st.lists(st.sampled_from([b"", b"\r\n"]), min_size=len(blocks), max_size=len(blocks)))
    for drawn, end in zip(blocks, ends, strict=True):
        words = [data.draw(st.sampled_from([word, b"w1", b"w2"])) for word in (b"one", b"four")]
        block = drawn.replace(b": one", b": " + words[0]).replace(b": four", b": " + words[1])
        block += end if drawn else b""
        assert said(heads, block) == said(Heads(100, 10), block)


@pytest.mark.parametrize(
    "names",
    [(b"X-Secret-Id", b"X-Secret-Key"), (b"x-secret-key", b"x-secret-id"), (b"x-Secret-id", b"X-secret-Key")],
)
@pytest.mark.parametrize("start", [b"Host: a\r\n", b""])
def test_callers_of_one_program_are_read_once(names: tuple[bytes, bytes], start: bytes) -> None:
    """Heads of other callers share all that was read of the first, whichever line comes first."""
    heads = Heads(100, 10)
    blocks = [
        start + b"%b: %b1\r\nX-A: b\r\n%b: %b2\r\n" % (names[0], word, names[1], word)
        for word in (b"p", b"q", b"r", b"r-")
    ]
    first, *others = [heads.request_fields[block] for block in blocks]
    for fields, word in zip(others, (b"q", b"r", b"r-"), strict=True):
        assert fields.made is first.made
        pair = {fields.secret_id, fields.secret_key}
        assert pair == {word + b"1", word + b"2"}
        assert fields.secret_id.endswith(b"1") == names[0].lower().endswith(b"id")


@pytest.mark.parametrize(
    "block",
    [
        b"Host: a\r\nX-Secret-Id: b\r\n",
        b"Host: a\r\n" + PAIR % (b"b", b"c") + b"X-Secret-Id: d\r\n",
        b"Host: a\r\n" + PAIR % (b"b c", b"d"),
        b"Host: a\r\n" + PAIR % (b"b", b"\0"),
        b"Host: a\r\n" + PAIR % (b"b", b"c\n"),
        b"Host: a\r\n" + PAIR % (b"b", b"\xff"),
        b"Host: a\r\n " + PAIR % (b"b", b"c"),
    ],
)
def test_what_is_not_cut(block: bytes) -> None:
    """Only two values that are words are cut out: all else is read whole."""
    assert alike.cut(block) is None


@st.composite
def _near(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A block that is cut, and one that is nearly the same."""
    names = draw(st.permutations([draw(st.sampled_from(_IDS)), draw(st.sampled_from(_KEYS))]))
    others = [draw(st.lists(_OTHER, max_size=2)) for _ in range(3)]
    end = draw(st.sampled_from([b"", b"\r\n"]))

    def block(values: list[bytes]) -> bytes:
        first, second = [name + b": " + value for name, value in zip(names, values, strict=True)]
        return b"\r\n".join([*others[0], first, *others[1], second, *others[2]]) + end

    one = block([b"v1", b"v2"])
    other = block([draw(_VALUE), draw(_VALUE)])
    start, size = draw(st.integers(0, len(other))), draw(st.integers(0, 3))
    put = draw(st.sampled_from([other[start : start + size], b"", b"\r\n", b"\0", b"x"]))
    return one, other[:start] + put + other[start + size :]


@given(_near())
def test_what_is_held_against_one_is_what_would_be_cut_alike(blocks: tuple[bytes, bytes]) -> None:
    """A block is read without being cut if, and only if, it would be cut into the same but for two words."""
    parts, other = alike.cut(blocks[0]), alike.cut(blocks[1])
    assert parts is not None
    like = Like(RequestFields(blocks[0]), parts)
    fields = like.read(blocks[1])
    if other is None or alike.shape(other) != alike.shape(parts):
        assert fields is None
    else:
        assert fields is not None
        assert {fields.secret_id, fields.secret_key} == {other[2], other[5]}
        assert fields.block == blocks[1].removesuffix(b"\r\n") + b"\r\n"


def test_a_nul_is_like_nothing_that_was_read() -> None:
    """Who writes NUL where others' values were cut out, or beside, is refused as if alone."""
    heads = Heads(100, 10)
    heads.request_fields[b"Host: a\r\n" + PAIR % (b"b", b"c")]
    for block in (
        b"Host: a\r\n" + PAIR % (b"\0", b"\0"),
        b"Host: a\0\r\n" + PAIR % (b"b", b"c"),
        b"Host: a\r\n\0" + PAIR % (b"b", b"c"),
    ):
        with pytest.raises(HeadError, match="bad_request"):
            heads.request_fields[block]


def test_shapes_are_remembered_to_a_bound() -> None:
    """However many kinds of heads come, few are kept, and each is read right."""
    heads = Heads(100, 10)
    for number in range(3000):
        block = b"Host: a\r\nX-A: %d\r\n" % number + PAIR % (b"b%d" % number, b"c")
        assert heads.request_fields[block].secret_id == b"b%d" % number
    assert heads.request_fields.shapes <= 1024


def test_what_one_caller_has_proven_is_no_proof_for_others() -> None:
    """However alike heads are, each caller's credentials are compared for themselves."""
    heads = Heads(100, 10)
    first = heads.request_fields[b"Host: a\r\n" + PAIR % (b"b", b"c")]
    first.proven = Proven()
    assert heads.request_fields[b"Host: a\r\n" + PAIR % (b"b", b"wrong")].proven is None
    assert heads.request_fields[b"Host: a\r\n" + PAIR % (b"other", b"c")].proven is None
