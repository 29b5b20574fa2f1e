import contextlib
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotad.core.proxy_protocol import V2_BYTES, ProxyProtocolError, crc32c, read_header
from tests.support.properties import examples

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
V4 = bytes([192, 0, 2, 7, 10, 0, 0, 1]) + struct.pack(">HH", 50000, 443)
V6 = bytes.fromhex("20010db8000000000000000000000007") + bytes(15) + b"\x01" + struct.pack(">HH", 1, 2)
MAPPED = bytes(10) + b"\xff\xff" + bytes([192, 0, 2, 7]) + bytes(16) + bytes(4)


def v2(family: int = 0x11, payload: bytes = V4, command: int = 0x21, length: int | None = None) -> bytes:
    size = len(payload) if length is None else length
    return SIGNATURE + bytes((command, family)) + struct.pack(">H", size) + payload


def tlv(kind: int, value: bytes) -> bytes:
    return bytes((kind,)) + struct.pack(">H", len(value)) + value


def summed(change: int = 0) -> bytes:
    """With a checksum, of all of it with the checksum's own place zero."""
    before, after = V4 + tlv(0x04, b"noop"), tlv(0x05, b"unique")
    blank = v2(payload=before + tlv(3, bytes(4)) + after)
    value = struct.pack(">I", crc32c(blank) ^ change)
    return v2(payload=before + tlv(3, value) + after)


GOOD = [
    (b"PROXY TCP4 192.0.2.7 10.0.0.1 50000 443\r\n", "192.0.2.7"),
    (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 0\r\n", "255.255.255.255"),
    (b"PROXY TCP6 2001:db8::7 ::1 1 2\r\n", "2001:db8::7"),
    (b"PROXY TCP6 2001:DB8:0:0:0:0:0:7 ::1 1 2\r\n", "2001:db8::7"),
    (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n", "192.0.2.7"),
    (b"PROXY UNKNOWN\r\n", ""),
    (b"PROXY UNKNOWN whatever \xff it says\r\n", ""),
    (b"PROXY UNKNOWN " + b"f" * 91 + b"\r\n", ""),
    (v2(), "192.0.2.7"),
    (v2(0x21, V6), "2001:db8::7"),
    (v2(0x21, MAPPED), "192.0.2.7"),
    (v2(0x31, b"/run/a".ljust(108, b"\0") * 2), ""),
    (v2(0x00, b""), ""),
    (v2(0x00, tlv(0x04, b"x")), ""),
    (v2(payload=b"", family=0, command=0x20), ""),
    (v2(payload=b"anything at all", family=0xFF, command=0x20), ""),
    (v2(payload=V4 + tlv(0x01, b"h2") + tlv(0x20, bytes(5)) + tlv(0xEA, b"")), "192.0.2.7"),
    (v2(payload=V4 + tlv(0x04, bytes(V2_BYTES - 15))), "192.0.2.7"),
    (summed(), "192.0.2.7"),
]

BAD = [
    b"\0",
    b"GET / HTTP/1.1\r\n",
    b"\x16\x03\x01",
    b"proxy TCP4",
    b"PROXY\tTCP4",
    b"PROXY \r\n",
    b"PROXY \n",
    b"\r\n\r\n\x01",
    b"PROXY TCP4 192.0.2.7 10.0.0.1 50000 443\n",
    b"PROXY TCP4 192.0.2.7 10.0.0.1 50000\r\n",
    b"PROXY TCP4 192.0.2.7 10.0.0.1 50000 443 \r\n",
    b"PROXY TCP4  192.0.2.7 10.0.0.1 50000 443\r\n",
    b"PROXY TCP4 192.0.2.07 10.0.0.1 50000 443\r\n",
    b"PROXY TCP4 192.0.2.256 10.0.0.1 50000 443\r\n",
    b"PROXY TCP4 192.0.2 10.0.0.1 50000 443\r\n",
    b"PROXY TCP4 ::1 ::1 50000 443\r\n",
    b"PROXY TCP6 192.0.2.7 10.0.0.1 50000 443\r\n",
    b"PROXY TCP6 fe80::1%eth0 ::1 50000 443\r\n",
    b"PROXY TCP4 \xd9\xa1.0.0.1 10.0.0.1 50000 443\r\n",
    b"PROXY TCP4 192.0.2.7 10.0.0.1 65536 443\r\n",
    b"PROXY TCP4 192.0.2.7 10.0.0.1 0443 443\r\n",
    b"PROXY TCP4 192.0.2.7 10.0.0.1 -1 443\r\n",
    b"PROXY TCP4 192.0.2.7 10.0.0.1  443\r\n",
    b"PROXY UDP4 192.0.2.7 10.0.0.1 50000 443\r\n",
    b"PROXY UNKNOWNX\r\n",
    b"PROXY UNKNOWN\r bare\n",
    b"PROXY UNKNOWN " + b"f" * 92 + b"\r\n",
    b"PROXY UNKNOWN " + b"f" * 200,
    v2(command=0x22),
    v2(command=0x11),
    v2(command=0x01),
    v2(family=0x12),
    v2(family=0x22, payload=V6),
    v2(family=0x32, payload=bytes(216)),
    v2(family=0x41, payload=bytes(216)),
    v2(family=0x10),
    v2(payload=V4[:-1]),
    v2(0x21, V4),
    v2(0x31, bytes(215)),
    v2(length=V2_BYTES + 1),
    v2(payload=b"", command=0x20, length=V2_BYTES + 1),
    v2(payload=V4 + b"\x04"),
    v2(payload=V4 + b"\x04\x00"),
    v2(payload=V4 + b"\x04\x00\x02x"),
    v2(payload=V4 + b"\x04\xff\xffx"),
    v2(payload=V4 + tlv(3, b"abc")),
    v2(payload=V4 + tlv(3, bytes(4))),
    summed(change=1),
    v2(payload=summed()[16:] + tlv(3, bytes(4))),
]


def test_the_checksum_is_that_of_the_rfc() -> None:
    """RFC 3720, appendix B.4, and the usual check value."""
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E
    assert crc32c(b"123456789") == 0xE3069283


@pytest.mark.parametrize(("data", "source"), GOOD)
@pytest.mark.parametrize("rest", [b"", b"GET / HTTP/1.1\r\n", b"\x16\x03\x01", b"PROXY TCP4 "])
def test_good_headers(data: bytes, source: str, rest: bytes) -> None:
    """A whole header says its source, and where it ends, whatever follows."""
    header = read_header(data + rest)
    assert header is not None
    assert (header.source, header.length) == (source, len(data))


@pytest.mark.parametrize(("data", "source"), GOOD)
def test_pieces_of_good_headers(data: bytes, source: str) -> None:
    """Byte by byte, more is asked for until it is whole, and never earlier nor later."""
    assert [read_header(data[:end]) for end in range(len(data))] == [None] * len(data)


@pytest.mark.parametrize("data", BAD)
def test_bad_headers(data: bytes) -> None:
    """What is not exactly by the text is refused, with or without what follows."""
    for rest in (b"", b"\r\n", bytes(3000)):
        with pytest.raises(ProxyProtocolError):
            read_header(data + rest)


@pytest.mark.parametrize("data", BAD)
def test_pieces_of_bad_headers(data: bytes) -> None:
    """Byte by byte, a bad header is refused by its last byte at the latest, and then stays so."""
    refused = False
    for end in range(len(data) + 1):
        try:
            header = read_header(data[:end])
        except ProxyProtocolError:
            refused = True
        else:
            assert not refused
            assert header is None
    assert refused


def test_garbage_never_waits_for_long() -> None:
    """Of any bytes, at most so many are ever asked for as the longest header has."""
    chance = random.Random(7)
    for _ in range(2000):
        start = chance.choice((b"", b"PROXY ", SIGNATURE, SIGNATURE + b"\x21\x11", SIGNATURE + b"\x20"))
        data = start + chance.randbytes(V2_BYTES + 17)
        with contextlib.suppress(ProxyProtocolError):
            assert read_header(data) is not None


@examples(400)
@given(st.sampled_from([header for header, _ in GOOD]), st.integers(0, 60), st.binary(max_size=4), st.data())
def test_any_bytes(header: bytes, at: int, piece: bytes, data: st.DataObject) -> None:
    """Any bytes are a header, the beginning of one or none, and stay what they are when more follow."""
    sent = header[:at] + piece + header[at + data.draw(st.integers(0, 4)) :]
    verdicts = [_verdict(sent[:end]) for end in range(len(sent) + 1)]
    final = [verdict for verdict in verdicts if verdict != "more"]
    assert len(set(final)) <= 1
    assert verdicts[len(verdicts) - len(final) :] == final


def _verdict(sent: bytes) -> str:
    try:
        found = read_header(sent)
    except ProxyProtocolError:
        return "none"
    return "more" if found is None else f"{found.source} {found.length}"
