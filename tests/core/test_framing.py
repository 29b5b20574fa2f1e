"""Where a body ends: read whole, byte by byte, and with bytes of the next message after it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotad.core.framing import (
    CHUNKED,
    EXTENSION_BYTES,
    TRAILER_BYTES,
    UNTIL_CLOSE,
    Body,
    ChunkedBody,
    FramingError,
    body_of,
    chunk,
    response_framing,
)

GOOD = [
    (b"0\r\n\r\n", b""),
    (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    (b"5\r\nhello\r\n006\r\n world\r\n000\r\n\r\n", b"hello world"),
    (b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", b"0123456789" * 2),
    (b'1;name=value;flag;q="a b\\"c"\r\nx\r\n0;last\r\n\r\n', b"x"),
    (b"1\r\nx\r\n0\r\nX-Trailer: 1\r\nX-Other:\r\n\r\n", b"x"),
    (b"1; some; name =\tvalue ;last\r\nx\r\n0\r\nContent-Type: text/plain\r\n\r\n", b"x"),
    (b"4\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n"),
]

BAD = [
    (b"\r\n", "bad_body"),
    (b"x\r\n", "bad_body"),
    (b"-1\r\n", "bad_body"),
    (b"+1\r\n", "bad_body"),
    (b"0x1\r\n", "bad_body"),
    (b"1_0\r\n", "bad_body"),
    ("\u0661\r\n".encode(), "bad_body"),
    (b"1 \r\n", "bad_body"),
    (b" 1\r\n", "bad_body"),
    (b"1\n", "bad_body"),
    (b"1\r\r\n", "bad_body"),
    (b"1;\r\n", "bad_body"),
    (b"1;=x\r\n", "bad_body"),
    (b"1;a=\r\n", "bad_body"),
    (b"1 ;a=b\r\n", "bad_body"),
    (b"1;a \r\n", "bad_body"),
    (b"1;a\x00\r\n", "bad_body"),
    (b'1;a="\n"\r\n', "bad_body"),
    (b"1000000000000000\r\n", "bad_body"),
    (b"fffffffffffffffff\r\n", "bad_body"),
    (b"1\r\nxy\r\n", "bad_body"),
    (b"1\r\nx\n", "bad_body"),
    (b"1\r\nx\rz", "bad_body"),
    (b"0" * 2000, "bad_body"),
    (b"1;" + b"a" * EXTENSION_BYTES + b"\r\n", "bad_body"),
    (b"1;" + b"a" * 900 + b"\r\nx\r\n" + (b"1;" + b"a" * 900 + b"\r\nx\r\n") * 5, "bad_body"),
    (b"0\r\nNo colon\r\n", "bad_trailer"),
    (b"0\r\n folded\r\n", "bad_trailer"),
    (b"0\r\nX : y\r\n", "bad_trailer"),
    (b"0\r\nX: \x00\r\n", "bad_trailer"),
    (b"0\r\nX: " + b"a" * TRAILER_BYTES + b"\r\n", "bad_trailer"),
    (b"0\r\n" + b"X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 200, "bad_trailer"),
    (b"0\r\nContent-Length: 5\r\n", "bad_trailer"),
    (b"0\r\ntransfer_encoding: chunked\r\n", "bad_trailer"),
    (b"0\r\nAuthorization: x\r\n", "bad_trailer"),
    (b"0\r\nX-Quotad-Plan-Id: x\r\n", "bad_trailer"),
]


def taken(body: Body, pieces: list[bytes]) -> tuple[bytes, bytes]:
    """Feed pieces; answers the payload and what was left over of those after the end."""
    payload = rest = b""
    for piece in pieces:
        if body.done:
            rest += piece
            continue
        part, over = body.take(piece)
        payload, rest = payload + part, rest + over
    return payload, rest


@pytest.mark.parametrize(("sent", "payload"), GOOD)
@pytest.mark.parametrize("size", [10**6, 1, 2, 3])
def test_chunked(sent: bytes, payload: bytes, size: int) -> None:
    """A chunked body gives its payload and leaves the next message alone, however it is cut."""
    stream = sent + b"GET / HTTP/1.1"
    body = ChunkedBody()
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert taken(body, pieces) == (payload, b"GET / HTTP/1.1")
    assert body.done


@pytest.mark.parametrize(("sent", "key"), BAD, ids=range(len(BAD)))
@pytest.mark.parametrize("size", [10**6, 1])
def test_bad_chunks(sent: bytes, key: str, size: int) -> None:
    """What another peer could read in another way is refused (RFC 9112, section 7.1)."""
    with pytest.raises(FramingError) as caught:
        taken(ChunkedBody(), [sent[at : at + size] for at in range(0, len(sent), size)])
    assert caught.value.key == key


def test_a_broken_body_stays_broken() -> None:
    """What a bad line was cut from is gone, so its rest must not pass for a good one."""
    body = ChunkedBody()
    body.take(b"100")
    for rest in (b"00000000000001\r\n", b"1\r\nx\r\n0\r\n\r\n", b"0\r\n\r\n"):
        with pytest.raises(FramingError):
            body.take(rest)
        assert not body.done


def test_unfinished_chunks_are_not_done() -> None:
    """No cut-off prefix of a chunked body passes for the whole."""
    sent = b"5\r\nhello\r\n0\r\nX: y\r\n\r\n"
    for end in range(len(sent)):
        body = ChunkedBody()
        body.take(sent[:end])
        assert not body.done


@given(payloads=st.lists(st.binary(min_size=1, max_size=50), max_size=6), data=st.data())
def test_chunks_of_any_cut(payloads: list[bytes], data: st.DataObject) -> None:
    """What ``chunk`` makes, ``ChunkedBody`` undoes, wherever it is cut."""
    stream = b"".join(map(chunk, payloads)) + b"0\r\n\r\nnext"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert taken(ChunkedBody(), pieces) == (b"".join(payloads), b"next")


@pytest.mark.parametrize("size", [100, 1, 3])
def test_known_length(size: int) -> None:
    """A body of known length ends with its last byte, and what follows is left over."""
    body = body_of(5)
    stream = b"helloGET"
    assert taken(body, [stream[at : at + size] for at in range(0, 8, size)]) == (b"hello", b"GET")
    assert body_of(0).done


def test_until_close() -> None:
    """A body that ends with its connection never says that it is done."""
    body = body_of(UNTIL_CLOSE)
    assert taken(body, [b"a", b"b"]) == (b"ab", b"")
    assert not body.done


@pytest.mark.parametrize(
    ("status", "length", "chunked", "framing"),
    [
        (200, 5, False, 5),
        (200, -1, True, CHUNKED),
        (200, -1, False, UNTIL_CLOSE),
        (204, 5, False, 0),
        (304, 5, False, 0),
        (304, -1, True, 0),
    ],
)
def test_response_framing(status: int, length: int, chunked: bool, framing: int) -> None:
    """RFC 9112, section 6.3, rules 1 to 8, for all but HEAD."""
    assert response_framing(status, length, chunked) == framing
