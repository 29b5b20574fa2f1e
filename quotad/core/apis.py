"""Which Api of a service a request is for: its method, and the path as the backend is asked for it.

A path is seen in the normal form that routes see (``core.routing``). Where ways of reading it would lead
to different Apis, the request is refused: one of them might be cheaper than what the backend does.
"""

from collections.abc import Iterable

from quotad.core.api_paths import ONE, REST, pattern_of
from quotad.core.plans import Api
from quotad.core.routing import ODD, ODD_BYTES, AmbiguousPathError, plain, readings, resolved, segments

_ANY = b""


class _Node:
    """What may come after the segments so far."""

    __slots__ = ("here", "literals", "one", "rest")

    def __init__(self) -> None:
        self.literals: dict[bytes, _Node] = {}
        self.one: _Node | None = None
        self.here: dict[bytes, str] = {}
        """Method to Api of a path that ends here; the empty one stands for ``ANY``."""
        self.rest: dict[bytes, str] = {}
        """The same of one that ends in ``*``."""


class ApiMatcher:
    """Finds Apis. Made once of all that a service has; costs what a path has segments."""

    __slots__ = ("_exact", "_root", "ids")

    def __init__(self, apis: Iterable[Api]) -> None:
        """Their paths are right. Raises ValueError."""
        self._root = _Node()
        self._exact: dict[bytes, dict[bytes, str]] = {}
        self.ids: tuple[str, ...] = ()
        """Of all Apis."""
        for api in apis:
            self._add(api, pattern_of(api.path))
            self.ids = (*self.ids, api.api_id)

    def find(self, method: bytes, path: bytes) -> str:
        """The id of the Api that a request is for, empty without one. Raises AmbiguousPathError."""
        methods = self._exact.get(path)
        if methods is not None:
            # It stands in a pattern, so there is nothing in it to be read in another way.
            found = _of_method(methods, method)
            if found:
                return found
        if ODD.search(path):
            return self._checked(method, path)
        return self._match(method, plain(path))

    def _add(self, api: Api, pattern: tuple[str, ...]) -> None:
        node, method = self._root, _ANY if api.method == "ANY" else api.method.encode()
        for part in pattern:
            if part == REST:
                node.rest.setdefault(method, api.api_id)
                return
            if part == ONE:
                node.one = node = node.one or _Node()
            else:
                node = node.literals.setdefault(part.encode(), _Node())
        node.here.setdefault(method, api.api_id)
        if ONE not in pattern:
            self._exact["/".join(("", *pattern)).encode() or b"/"] = node.here

    def _checked(self, method: bytes, path: bytes) -> str:
        if len(path) > ODD_BYTES:
            raise AmbiguousPathError
        found = self._match(method, plain(path))
        for reading in set(readings(path)):
            if self._match(method, plain(reading)) != found:
                raise AmbiguousPathError
            for kept in (reading.split(b"/")[1:], segments(reading)):
                if self._match(method, plain(resolved(kept, 0))) != found:
                    raise AmbiguousPathError
        return found

    def _match(self, method: bytes, path: bytes) -> str:
        parts = path.split(b"/")
        if parts[0]:
            return ""
        if not parts[-1]:
            parts.pop()
        return _walk(self._root, parts, 1, method)


def _walk(node: _Node, parts: list[bytes], at: int, method: bytes) -> str:
    """The most special one below; no node is looked at twice."""
    if at >= len(parts):
        found = _of_method(node.here, method)
        return found or _of_method(node.rest, method)
    below = node.literals.get(parts[at])
    found = "" if below is None else _walk(below, parts, at + 1, method)
    if not found and node.one is not None and parts[at]:
        found = _walk(node.one, parts, at + 1, method)
    return found or _of_method(node.rest, method)


def _of_method(methods: dict[bytes, str], method: bytes) -> str:
    if not methods:
        return ""
    found = methods.get(method)
    if found is None and method == b"HEAD":
        found = methods.get(b"GET")
    return found or methods.get(_ANY, "")
