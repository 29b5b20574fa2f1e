"""Which route a request belongs to: host and path prefix, on one normal form of the path.

A path goes on byte for byte as it was sent, so a backend may read it in its own way. Where ways of
reading it would lead to different routes, the request is refused instead of decided.
"""

import re
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

# Escaped unreserved characters, slashes or dots; backslashes; empty and dot segments.
_ODD = re.compile(rb"%(?:2[DEFdef]|3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[CFcf]|7[Ee])|\\|//|/\.")
_UNRESERVED = re.compile(rb"%(?:2[DEde]|3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[Ff]|7[Ee])")
_ESCAPED = re.compile(rb"%[0-9A-Fa-f]{2}")


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
        if _ODD.search(path) and any(_match(table, reading) is not found for reading in _readings(path)):
            raise AmbiguousPathError
        return found


def _match(table: tuple[tuple[bytes, R], ...], path: bytes) -> R | None:
    for prefix, route in table:
        if path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in (b"/", b""):
            return route
        if not prefix:
            return route
    return None


def _readings(path: bytes) -> tuple[bytes, bytes, bytes]:
    """What a backend may make of a path.

    Only segments resolved; escapes decoded where nothing changes by it (RFC 3986, section 6.2.2.2);
    everything decoded.
    """
    careful = _UNRESERVED.sub(_decoded, path)
    return _resolved(path), _resolved(careful), _resolved(_ESCAPED.sub(_decoded, path).replace(b"\\", b"/"))


def _decoded(escape: re.Match[bytes]) -> bytes:
    return bytes((int(escape[0][1:], 16),))


def _resolved(path: bytes) -> bytes:
    """``path`` without empty and dot segments (RFC 3986, section 5.2.4).

    Raises AmbiguousPathError for one that climbs above its root.
    """
    kept: list[bytes] = []
    for segment in path.split(b"/"):
        if segment == b"..":
            if not kept:
                raise AmbiguousPathError
            kept.pop()
        elif segment not in (b"", b"."):
            kept.append(segment)
    return b"/" + b"/".join(kept)


def strip_prefix(target: bytes, prefix: str) -> bytes:
    """``target`` less a path prefix that it begins with; an empty path becomes ``/``."""
    rest = target[len(prefix.rstrip("/")) :]
    return rest if rest.startswith((b"/", b"*")) else b"/" + rest
