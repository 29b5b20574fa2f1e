"""What an Api of a service may be for: the methods, and what may stand in a path."""

import re

METHODS = ("ANY", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
APIS_AT_MOST = 1_000
"""Of one service: they lie in one record."""
PATH_LENGTH = 200
SEGMENTS_AT_MOST = 20

PATH_RULE = (
    f"must be 1 to {PATH_LENGTH} characters that begin with / and have at most {SEGMENTS_AT_MOST} segments:"
    " letters, digits and -._~!$&'()+,=:@, or a {name} for any one segment; the last may be *"
)

_LITERAL = re.compile(r"[A-Za-z0-9._~!$&'()+,=:@-]+")
_NAMED = re.compile(r"\{[A-Za-z][A-Za-z0-9_-]{0,49}\}")
ONE = "{}"
"""Of a pattern: any one segment."""
REST = "*"
"""Of a pattern: whatever follows, also nothing."""


def pattern_of(path: str) -> tuple[str, ...]:
    """An Api's path by segment, each ``{name}`` as ``{}``; a last slash says nothing. Raises ValueError."""
    if not path.startswith("/") or len(path) > PATH_LENGTH:
        raise ValueError(PATH_RULE)
    parts = path[1:].removesuffix("/").split("/") if path != "/" else []
    if len(parts) > SEGMENTS_AT_MOST:
        raise ValueError(PATH_RULE)
    return tuple(_segment(part, last=at == len(parts) - 1) for at, part in enumerate(parts))


def _segment(part: str, *, last: bool) -> str:
    if part == REST and last:
        return REST
    if _NAMED.fullmatch(part):
        return ONE
    if part in (".", "..") or not _LITERAL.fullmatch(part):
        raise ValueError(PATH_RULE)
    return part
