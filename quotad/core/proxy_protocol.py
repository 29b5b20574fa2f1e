"""The PROXY protocol, versions 1 and 2: who is behind a proxy that passes bytes through.

The header stands before all else on a connection, before a TLS handshake too. It is read strictly:
what a lenient reader might take in another way is refused, as early as a byte is wrong.
"""

from ipaddress import AddressValueError, IPv4Address, IPv6Address

V1_BYTES = 107
"""Longest line of version 1, its CRLF included (section 2.1)."""
V2_BYTES = 2048
"""Longest part of version 2 after its first 16 bytes: addresses and TLVs."""

_V1_START = b"PROXY "
_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_V2_HEAD = 16

_LOCAL, _PROXY = 0x20, 0x21
_UNSPEC, _TCP4, _TCP6, _UNIX = 0x00, 0x11, 0x21, 0x31
_ADDRESS_BYTES = {_UNSPEC: 0, _TCP4: 12, _TCP6: 36, _UNIX: 216}
"""Section 2.2. Datagrams (0x12, 0x22, 0x32) cannot come over a stream."""
_CRC32C = 0x03


class ProxyProtocolError(ValueError):
    """What came is no header of the PROXY protocol, or one that is not to be taken."""


class Header:
    """A whole header."""

    __slots__ = ("length", "source")

    def __init__(self, source: str, length: int) -> None:
        self.source = source
        """The caller's IP address; empty: the connection speaks for itself (LOCAL, UNKNOWN, no IP)."""
        self.length = length
        """Bytes of the header; what follows is the caller's."""


def read_header(data: bytes) -> Header | None:
    """The header that ``data`` begins with; None: more must come. Raises ProxyProtocolError."""
    if data.startswith(_SIGNATURE):
        return _read_v2(data)
    if data.startswith(_V1_START):
        return _read_v1(data)
    if _SIGNATURE.startswith(data) or _V1_START.startswith(data):
        return None
    raise ProxyProtocolError("no PROXY header")


def _read_v1(data: bytes) -> Header | None:
    """Section 2.1: ``PROXY TCP4 source destination port port CRLF``."""
    end = data.find(b"\n", 0, V1_BYTES)
    if end < 0:
        if len(data) >= V1_BYTES:
            raise ProxyProtocolError("line too long")
        return None
    if data[end - 1 : end] != b"\r":
        raise ProxyProtocolError("bare LF")
    words = data[: end - 1].split(b" ")
    if words[1] == b"UNKNOWN":
        # Whatever follows is to be ignored.
        return Header("", end + 1)
    if len(words) != 6 or words[1] not in (b"TCP4", b"TCP6"):
        raise ProxyProtocolError("bad line")
    source, _ = (_address(word, words[1] == b"TCP4") for word in words[2:4])
    for word in words[4:]:
        _check_port(word)
    return Header(source, end + 1)


def _address(word: bytes, is_v4: bool) -> str:
    if b"%" in word:
        raise ProxyProtocolError("bad address")
    try:
        text = word.decode("ascii")
        return str(IPv4Address(text)) if is_v4 else _plain(IPv6Address(text))
    except (AddressValueError, UnicodeDecodeError):
        raise ProxyProtocolError("bad address") from None


def _plain(address: IPv6Address) -> str:
    return str(address.ipv4_mapped or address)


def _check_port(word: bytes) -> None:
    if not word.isdigit() or len(word) > 5 or int(word) > 65535 or (word[:1] == b"0" and word != b"0"):
        raise ProxyProtocolError("bad port")


def _read_v2(data: bytes) -> Header | None:
    """Section 2.2: a binary header of stated length."""
    if len(data) > 12 and data[12] not in (_LOCAL, _PROXY):
        raise ProxyProtocolError("bad version or command")
    if len(data) > 13 and data[12] == _PROXY and data[13] not in _ADDRESS_BYTES:
        raise ProxyProtocolError("bad family")
    if len(data) < _V2_HEAD:
        return None
    length = int.from_bytes(data[14:16], "big")
    if length > V2_BYTES:
        raise ProxyProtocolError("too long")
    end = _V2_HEAD + length
    if data[12] == _PROXY and length < _ADDRESS_BYTES[data[13]]:
        raise ProxyProtocolError("too short")
    if len(data) < end:
        return None
    if data[12] == _LOCAL:
        # Made by the proxy itself, as for its health checks: what it says is to be skipped.
        return Header("", end)
    family = data[13]
    _check_tlvs(data[:end], _V2_HEAD + _ADDRESS_BYTES[family])
    if family == _TCP4:
        return Header(str(IPv4Address(data[16:20])), end)
    if family == _TCP6:
        return Header(_plain(IPv6Address(data[16:32])), end)
    return Header("", end)


def _check_tlvs(header: bytes, at: int) -> None:
    """Each TLV must end within the header; all are ignored, but for a checksum."""
    seen = False
    while at < len(header):
        length = int.from_bytes(header[at + 1 : at + 3], "big")
        value = at + 3
        end = value + length
        if value > len(header) or end > len(header):
            raise ProxyProtocolError("bad TLV")
        if header[at] == _CRC32C:
            if seen or length != 4:
                raise ProxyProtocolError("bad checksum")
            seen = True
            if crc32c(header[:value] + bytes(4) + header[end:]) != int.from_bytes(header[value:end], "big"):
                raise ProxyProtocolError("wrong checksum")
        at = end


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)  # noqa: PLW2901 - it is shifted out bit by bit
        table.append(byte)
    return tuple(table)


_CRC_TABLE = _crc_table()


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli; RFC 3720, appendix B.4)."""
    value = 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ _CRC_TABLE[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF
