"""Who is behind a connection: what the hops before us say, and how much of it is believed.

A peer that is not among the trusted networks speaks for itself only: what it says of other hops is
dropped, and a backend is told its address. Of a trusted peer one family of fields is believed, the one
that the operator names: most proxies write one and pass the other through as it came from outside.

What is believed is understood whole and written anew. Hops are read from the right, since each one adds
to what it was told by the one before it; the caller is the first that is not trusted.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

MAX_HOPS = 32
"""Hops beyond these, the farthest, are left out."""

FOR, PROTO, HOST, FORWARDED = b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"forwarded"

Said = tuple[tuple[bytes, bytes], ...]
"""(Lower-case name, value) of a request's lines about hops, in their order."""

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# Possessive: white space that can be given back makes the time grow with its square.
_PAIR = re.compile(rb"[ \t]*+(?:(%b)=(?:(%b)|\"((?:[^\"\\]|\\.)*+)\")[ \t]*+)?([;,]|\Z)" % (_TOKEN, _TOKEN))
_ESCAPE = re.compile(rb"\\(.)")
_OBFUSCATED = re.compile(r"_[A-Za-z0-9._-]{1,63}")
_PORT = re.compile(r":(?:[0-9]{1,5}|_[A-Za-z0-9._-]{1,63})")
_HOST = re.compile(rb"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_MEMORY = 1024


class Networks:
    """The trusted ones. None are unless they are named."""

    __slots__ = ("_known", "_networks")

    def __init__(self, networks: Iterable[str]) -> None:
        """CIDR, IPv4 or IPv6. Raises ValueError."""
        self._networks = tuple(map(ip_network, networks))
        self._known: dict[str, bool] = {}

    def __bool__(self) -> bool:
        return bool(self._networks)

    def trust(self, address: str) -> bool:
        """Whether what this IP address says of others is believed."""
        known = self._known.get(address)
        if known is None:
            if len(self._known) >= _MEMORY:
                self._known.clear()
            known = self._known[address] = self._look_up(address)
        return known

    def _look_up(self, address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found.version == network.version and found in network for network in self._networks)


def plain_address(text: str) -> str:
    """An IP address in the form that is shown and compared: no zone, no IPv4 inside IPv6."""
    if ":" not in text:
        return text
    try:
        address = IPv6Address(text.partition("%")[0])
    except ValueError:
        return text
    return str(address.ipv4_mapped or address)


@lru_cache(_MEMORY)
def network_of(address: str) -> str:
    """Whom an address is counted with: itself, or for IPv6 its /64, which one host has whole."""
    if ":" not in address:
        return address
    try:
        return str(IPv6Network((int(IPv6Address(address)) >> 64 << 64, 64)))
    except ValueError:
        return address


class Origin:
    """A connection's peer, and what a backend is told of it."""

    __slots__ = ("_trusted_header", "about", "address", "networks", "proto")

    def __init__(self, address: str, proto: str, networks: Networks | None, trusted_header: bytes) -> None:
        """``networks``: None unless the peer itself is trusted. ``trusted_header``: FOR or FORWARDED."""
        self.address = address
        self.proto = proto
        """``http`` or ``https``: how the peer speaks to us."""
        self.networks = networks
        self._trusted_header = trusted_header
        self.about = lines_about([address] if address else [], 0, proto)
        """Header lines of a request that says nothing to be believed."""

    @property
    def bounded_as(self) -> str:
        """The address whose connections are bounded in number; none for a trusted one, of many callers."""
        return self.address if self.networks is None else ""

    def behind(self, said: Said) -> "Behind | None":
        """Who is behind the peer, as its request says; None: nobody that is to be believed."""
        if self.networks is None or not said:
            return None
        if self._trusted_header == FORWARDED:
            return self._forwarded(b",".join(value for name, value in said if name == FORWARDED))
        hops = [_node(part.strip(" \t")) for part in _text(said, FOR).split(",") if part.strip(" \t")]
        proto, host = (b",".join(value for name, value in said if name == key) for key in (PROTO, HOST))
        nodes, at = self._believed(hops)
        return Behind(nodes, at, _proto(proto) or self.proto, host if _HOST.fullmatch(host) else b"")

    def _forwarded(self, value: bytes) -> "Behind | None":
        """RFC 7239, section 4. The caller's own element says how it came to the first trusted hop."""
        elements = _elements(value)
        if not elements:
            return None
        hops = [_forwarded_node(element.get(b"for", b"unknown")) for element in elements]
        nodes, at = self._believed(hops)
        # ``nodes`` ends with the peer, which no element is about.
        place = len(elements) - (len(nodes) - 1) + at
        element = elements[place] if place < len(elements) else {}
        host = element.get(b"host", b"")
        proto = _proto(element.get(b"proto", b"")) or self.proto
        return Behind(nodes, at, proto, host if _HOST.fullmatch(host) else b"")

    def _believed(self, hops: list[str]) -> tuple[list[str], int]:
        """The hops that were understood, the peer last, and which of them is the caller."""
        nodes = [self.address]
        at = 0
        walking = True
        for node in reversed(hops[-MAX_HOPS:]):
            if not node:
                break
            nodes.append(node)
            if walking:
                at = len(nodes) - 1
                walking = self.networks is not None and self.networks.trust(address_of(node))
        nodes.reverse()
        return nodes, len(nodes) - 1 - at


class Behind:
    """The caller behind trusted hops."""

    __slots__ = ("about", "address", "host", "proto")

    def __init__(self, nodes: list[str], at: int, proto: str, host: bytes) -> None:
        self.address = address_of(nodes[at]) or nodes[at]
        """IP address; or ``unknown``, or an obfuscated name, where that is all that a trusted hop says."""
        self.about = lines_about(nodes, at, proto)
        self.proto = proto
        """How the caller came to the first trusted hop."""
        self.host = host
        """What the caller asked for; empty: the hop does not say."""


def lines_about(nodes: list[str], at: int, proto: str) -> bytes:
    """X-Forwarded-For, X-Forwarded-Proto and Forwarded for these hops; ``proto`` is that of ``at``."""
    if not nodes:
        return f"X-Forwarded-Proto: {proto}\r\n".encode()
    elements = [f"for={_quoted(node)}" for node in nodes]
    elements[at] += f";proto={proto}"
    listed, forwarded = ", ".join(nodes), ", ".join(elements)
    return f"X-Forwarded-For: {listed}\r\nX-Forwarded-Proto: {proto}\r\nForwarded: {forwarded}\r\n".encode()


def address_of(node: str) -> str:
    """The IP address of a node, without its port; empty when it has none."""
    if node.startswith("["):
        node = node[1:].partition("]")[0]
    elif node.count(":") == 1:
        node = node.partition(":")[0]
    try:
        found = ip_address(node)
    except ValueError:
        return ""
    return plain_address(str(found))


def _node(text: str) -> str:
    """A hop of X-Forwarded-For as it goes on; empty for what is none."""
    if text.lower() == "unknown":
        return "unknown"
    if _OBFUSCATED.fullmatch(text):
        return text
    if text.startswith("["):
        inner, bracket, port = text[1:].partition("]")
        return text if bracket and _is_a(IPv6Address, inner) and _is_port(port) else ""
    if text.count(":") > 1:
        return text if _is_a(IPv6Address, text) else ""
    host, colon, port = text.partition(":")
    return text if _is_a(IPv4Address, host) and _is_port(colon + port) else ""


def _forwarded_node(value: bytes) -> str:
    """RFC 7239, section 6: an IPv6 address stands in brackets."""
    text = value.decode("latin-1")
    return "" if text.count(":") > 1 and not text.startswith("[") else _node(text)


def _is_a(kind: type[IPv4Address] | type[IPv6Address], text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return "%" not in text


def _is_port(text: str) -> bool:
    return not text or _PORT.fullmatch(text) is not None


def _quoted(node: str) -> str:
    """A node as a value of Forwarded (RFC 7239, section 4)."""
    if ":" not in node:
        return node
    return f'"{node}"' if node.startswith("[") or node.count(":") == 1 else f'"[{node}]"'


def _proto(value: bytes) -> str:
    low = value.strip(b" \t").lower()
    return low.decode() if low in (b"http", b"https") else ""


def _text(said: Said, key: bytes) -> str:
    return b",".join(value for name, value in said if name == key).decode("latin-1")


def _elements(value: bytes) -> list[dict[bytes, bytes]]:
    """The elements of Forwarded; none when any of it is not by RFC 7239: its borders are not known then."""
    elements: list[dict[bytes, bytes]] = []
    pairs: dict[bytes, bytes] = {}
    at = 0
    while True:
        found = _PAIR.match(value, at)
        if found is None:
            return []
        name, token, quoted, mark = found.groups()
        if name is not None:
            if name.lower() in pairs:
                return []
            pairs[name.lower()] = token if token is not None else _ESCAPE.sub(rb"\1", quoted)
        if mark != b";" and pairs:
            elements.append(pairs)
            pairs = {}
        if not mark:
            return elements
        at = found.end()
