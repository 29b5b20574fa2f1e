"""What a message head says, and which of its lines go on (RFC 9110 and 9112): pure functions of bytes.

A head is read in two parts: its first line, and its block of field lines. What a block says depends
on nothing else, so a block seen before need not be read again (``dataplane.heads`` remembers).
Lines that go on are passed as they came, in the order they came.

What is read here was checked by llhttp too (``dataplane.heads``); the rules below are those that it
does not keep, and those where its own error would not say which status fits.
"""

import re

(
    KEEP,
    DROP,
    HOST,
    CONNECTION,
    LENGTH,
    CODING,
    AUTHORIZATION,
    SECRET_ID,
    SECRET_KEY,
    EXPECT,
    PREFLIGHT,
    LIMITS,
    DATE,
    MAX_FORWARDS,
    CONTENT_TYPE,
    HOP,
    UPGRADE,
    SIGNATURE,
    TRACE,
) = range(19)

HOP_BY_HOP = {
    # RFC 9110, section 7.6.1. Trailer goes because trailers do.
    b"keep-alive": DROP,
    b"proxy-connection": DROP,
    b"te": DROP,
    b"trailer": DROP,
    b"upgrade": UPGRADE,
    b"connection": CONNECTION,
    b"content-length": LENGTH,
    b"transfer-encoding": CODING,
}

UPGRADE_LINES = b"Connection: Upgrade\r\nUpgrade: %b\r\n"
"""RFC 9110, section 7.8: the two go together, or an intermediary would pass on what it does not speak."""

_SPACE = b" \t"

_MAX_NAMES = 2048
_MAX_NAME_BYTES = 64
"""How many names, and how long ones, are remembered in the spelling they came in."""


class Kinds(dict[bytes, int]):
    """A field name as it came -> what is done with its line. Grows with what is seen, to a bound."""

    def __init__(self, kinds: dict[bytes, int], forged: tuple[bytes, ...] = ()) -> None:
        super().__init__(kinds)
        self._kinds = kinds
        self._forged = forged
        """Prefixes of fields that only we may send; empty: names are taken as they are."""

    def __missing__(self, name: bytes) -> int:
        kind = self._classify(name.lower())
        if len(name) <= _MAX_NAME_BYTES:
            if len(self) >= _MAX_NAMES:
                self.clear()
            self[name] = kind
        return kind

    def _classify(self, name: bytes) -> int:
        kind = self._kinds.get(name, KEEP)
        if kind == KEEP and self._forged:
            # CGI and WSGI read `_` as `-`: a twin of a field of ours would speak in our name.
            dashed = name.replace(b"_", b"-")
            if dashed.startswith(self._forged) or (dashed != name and dashed in self._kinds):
                return DROP
        return kind


class HeadError(Exception):
    """A head breaks a rule. ``key`` is a key of ``core.replies``."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def content_length(before: int, value: bytes) -> int:
    """One Content-Length of plain ASCII digits (RFC 9112, section 6.3); at most 18 of them."""
    if before >= 0 or not value.isdigit() or len(value) > 18:
        raise HeadError("bad_framing")
    return int(value)


def tokens(value: bytes) -> list[bytes]:
    """The members of a comma list, lower case, empty ones left out (RFC 9110, section 5.6.1)."""
    return [token for part in value.lower().split(b",") if (token := part.strip(_SPACE))]


_PROTOCOL = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:/[!#$%&'*+\-.^_`|~0-9A-Za-z]+)?")

_NEVER = frozenset((b"http", b"h2c", b"h2", b"h3", b"tls", b"ssl"))
"""Inside these go requests again, past every rule and limit here."""


def members(value: bytes) -> tuple[bytes, ...]:
    """The members of a comma list as written, empty ones left out (RFC 9110, section 5.6.1)."""
    return tuple(member for part in value.split(b",") if (member := part.strip(_SPACE)))


def protocols(named: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Of what Upgrade names (RFC 9110, section 7.8) that which may go on.

    Not what is no protocol, nor those that carry HTTP: they would be a way around us.
    """
    return tuple(
        name for name in named if _PROTOCOL.fullmatch(name) and name.lower().partition(b"/")[0] not in _NEVER
    )


def without(lines: list[bytes], nominated: list[bytes]) -> list[bytes]:
    """``lines`` less those that Connection names (RFC 9110, section 7.6.1).

    The list ends in an empty line, which stays, so that joining it by CRLF ends each line. Fields
    that we write ourselves are not among the lines: naming them removes nothing.
    """
    names = {name for name in nominated if name not in (b"close", b"keep-alive")}
    if not names:
        return lines
    return [line for line in lines if not line or line.partition(b":")[0].lower() not in names]


def has_stray(ahead: bytes) -> bool:
    """Whether a CR or LF stands alone in the beginning of a head, or a NUL is there.

    RFC 9112, section 2.2: a line ends in CRLF, and who sends bare LF would never come to an end.
    """
    ends = ahead.count(b"\r\n")
    return (
        ahead.count(b"\n") != ends or ahead.count(b"\r") - ahead.endswith(b"\r") != ends or b"\x00" in ahead
    )
