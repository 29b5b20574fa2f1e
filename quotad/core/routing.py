"""Which route a request belongs to: host and path prefix, on one normal form of the path.

A path goes on byte for byte as it was sent, so a backend may read it in its own way. Where ways of
reading it would lead to different routes, the request is refused instead of decided.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Generic, Protocol, TypeVar

# What peers have read in more than one way: escapes of unreserved characters, controls, slashes, dots,
# percent signs, semicolons, `?` and `#`; `%u` escapes and overlong UTF-8; backslashes; parameters of
# segments; empty and dot segments.
ODD = re.compile(
    rb"%(?:0|1|2[35DEFdef]|3[0-9BFbf]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[CFcf]|7[EFef]|[CcEe]0|[Uu])|[\\;]|//|/\."
)
_UNRESERVED = re.compile(rb"%(?:2[DEde]|3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[Ff]|7[Ee])")
_ESCAPED = re.compile(rb"%(?:[Uu]00)?([0-9A-Fa-f]{2})")
_OVERLONG = {b"\xc0\xaf": b"/", b"\xc0\xae": b".", b"\xe0\x80\xaf": b"/", b"\xe0\x80\xae": b"."}
_PARAMETERS = re.compile(rb";[^/]*")
_ENDS = re.compile(rb"[\x00?#]")

_DECODINGS = 3
"""How often a path may be decoded until nothing is left to decode."""

ODD_BYTES = 4096
"""Longest odd path: to read it in every way takes time, and nobody has said yet who asks."""


class AmbiguousPathError(Exception):
    """A path that can be read in more than one way, where a rule depends on it (400)."""


class Rule(Protocol):
    """What is read of a route."""

    @property
    def host(self) -> str:
        """Lower case, without port; empty matches every host."""

    @property
    def path_prefix(self) -> str:
        """Starts with ``/``; matches whole segments."""


R = TypeVar("R", bound=Rule)


class Router(Generic[R]):
    """Finds routes. The longest prefix of the request's own host wins, then that of any host."""

    __slots__ = ("_any", "_hosts")

    def __init__(self, routes: Sequence[R]) -> None:
        tables: dict[str, list[tuple[bytes, R]]] = {}
        for route in sorted(routes, key=lambda route: len(route.path_prefix), reverse=True):
            prefix = route.path_prefix.rstrip("/").encode()
            tables.setdefault(route.host, []).append((prefix, route))
        anywhere = tables.pop("", [])
        self._any = tuple(anywhere)
        self._hosts = {host: (*table, *anywhere) for host, table in tables.items()}

    def routes(self, host: str) -> tuple[R, ...]:
        """Every route that requests to this host may take, the longest prefix first."""
        return tuple(route for _, route in self._hosts.get(host, self._any))

    def find(self, host: str, target: bytes) -> R | None:
        """The route of an origin-form target (query and all), None without one.

        ``*`` (RFC 9112, section 3.2.4) is the server as a whole: the route of ``/``.
        Raises AmbiguousPathError.
        """
        table = self._hosts.get(host, self._any)
        if not table:
            return None
        if not table[0][0]:
            return table[0][1]
        path = target.partition(b"?")[0]
        found = _match(table, path)
        if ODD.search(path):
            _check(table, path, found)
        return found


def _match(table: tuple[tuple[bytes, R], ...], path: bytes) -> R | None:
    for prefix, route in table:
        if path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in (b"/", b""):
            return route
        if not prefix:
            return route
    return None


def _check(table: tuple[tuple[bytes, R], ...], path: bytes, found: R | None) -> None:
    """Refuse a path that some backend may read as one of another route.

    Nor may it leave the prefix of its route on the way and come back: a route may strip the prefix, and
    what is left would climb above the backend's root.
    """
    if len(path) > ODD_BYTES:
        raise AmbiguousPathError
    inside = 0 if found is None else len(segments(found.path_prefix.encode()))
    for reading in set(readings(path)):
        if _match(table, reading) is not found:
            raise AmbiguousPathError
        for kept in (reading.split(b"/")[1:], segments(reading)):
            if _match(table, resolved(kept, inside)) is not found:
                raise AmbiguousPathError


def readings(path: bytes) -> Iterator[bytes]:
    """What a backend may make of a path, its dot segments not yet resolved.

    As it is; escapes decoded where nothing changes by it (RFC 3986, section 6.2.2.2); everything
    decoded, once and until nothing is left; each of these with backslashes for slashes, without the
    parameters of segments (section 3.3), and cut where a decoded mark ends a path.
    """
    careful = _UNRESERVED.sub(_decoded, path)
    once = _ESCAPED.sub(_decoded, path)
    for reading in {path, careful, once, _all_decoded(once)}:
        slashed = reading.replace(b"\\", b"/")
        yield reading
        yield slashed
        yield _PARAMETERS.sub(b"", slashed)
        yield _ENDS.split(slashed, maxsplit=1)[0]


def _all_decoded(path: bytes) -> bytes:
    for _ in range(_DECODINGS):
        decoded = _ESCAPED.sub(_decoded, path)
        for overlong, meant in _OVERLONG.items():
            decoded = decoded.replace(overlong, meant)
        if decoded == path:
            return path
        path = decoded
    raise AmbiguousPathError


def plain(path: bytes) -> bytes:
    """A path with all escapes decoded that no one reads in another way."""
    return _ESCAPED.sub(_decoded_plain, path) if b"%" in path else path


def _decoded_plain(escape: re.Match[bytes]) -> bytes:
    return escape[0] if ODD.match(escape[0]) else _decoded(escape)


def _decoded(escape: re.Match[bytes]) -> bytes:
    return bytes.fromhex(escape[0][-2:].decode())


def segments(path: bytes) -> list[bytes]:
    """What stands between a path's slashes, empty ones left out."""
    return [segment for segment in path.split(b"/") if segment]


def resolved(parts: list[bytes], inside: int) -> bytes:
    """A path without dot segments (RFC 3986, section 5.2.4); some servers drop empty ones before.

    Raises AmbiguousPathError for one that leaves its first ``inside`` segments.
    """
    kept: list[bytes] = []
    for segment in parts:
        if segment == b"..":
            if len(kept) <= inside:
                raise AmbiguousPathError
            kept.pop()
        elif segment != b".":
            kept.append(segment)
    return b"/" + b"/".join(kept)


def strip_prefix(target: bytes, prefix: str) -> bytes:
    """``target`` less a path prefix that it begins with; an empty path becomes ``/``."""
    rest = target[len(prefix.rstrip("/")) :]
    return rest if rest.startswith((b"/", b"*")) else b"/" + rest
