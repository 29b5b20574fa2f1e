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

_PLAIN = "A-Za-z0-9_~!$&'()+,=:@-"
# Any but "." and "..", without looking ahead: what makes requests of a description cannot.
_LITERAL = rf"(?:[{_PLAIN}][.{_PLAIN}]*|\.[{_PLAIN}][.{_PLAIN}]*|\.\.[.{_PLAIN}]+)"
_SEGMENT = rf"(?:{_LITERAL}|\{{[A-Za-z][A-Za-z0-9_-]{{0,49}}\}})"
PATH_PATTERN = rf"/|(?:/{_SEGMENT}){{0,{SEGMENTS_AT_MOST - 1}}}/(?:{_SEGMENT}|\*)/?"
"""What a whole path matches."""
_PATH = re.compile(PATH_PATTERN)

ONE = "{}"
"""Of a pattern: any one segment."""
REST = "*"
"""Of a pattern: whatever follows, also nothing."""


def pattern_of(path: str) -> tuple[str, ...]:
    """An Api's path by segment, each ``{name}`` as ``{}``; a last slash says nothing. Raises ValueError."""
    if len(path) > PATH_LENGTH or _PATH.fullmatch(path) is None:
        raise ValueError(PATH_RULE)
    parts = path[1:].removesuffix("/").split("/") if path != "/" else []
    return tuple(ONE if part.startswith("{") else part for part in parts)
