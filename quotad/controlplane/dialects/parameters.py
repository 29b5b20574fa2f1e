"""Parameters as the clouds' clients send them: JSON, or names and values in a query or form."""

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

from quotad.controlplane.dialects.fields import DialectError

PARAMETERS_AT_MOST = 1_000
_DEPTH_AT_MOST = 4
_BAD = "InvalidParameter"


def pairs_of(text: str) -> list[tuple[str, str]]:
    """Decoded names and values in their order. Raises DialectError, also when a name comes twice."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=PARAMETERS_AT_MOST, errors="strict")
    except ValueError:
        raise DialectError(_BAD, f"These are not up to {PARAMETERS_AT_MOST} parameters in UTF-8.") from None
    if len({name for name, _ in pairs}) < len(pairs):
        raise DialectError(_BAD, "A parameter is given twice.")
    return pairs


def nested(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """``Filters.0.Values.1=a`` as lists and objects. Raises DialectError."""
    tree: dict[str, Any] = {}
    for name, value in pairs:
        *branches, leaf = name.split(".")
        if len(branches) >= _DEPTH_AT_MOST:
            raise DialectError(_BAD, "A parameter's name has too many parts.")
        here = tree
        for branch in branches:
            here = here.setdefault(branch, {})
            if not isinstance(here, dict):
                raise DialectError(_BAD, "A parameter is both a value and a list.")
        if leaf in here:
            raise DialectError(_BAD, "A parameter is both a value and a list.")
        here[leaf] = value
    return {name: _listed(value) for name, value in tree.items()}


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if not all(name.isascii() and name.isdigit() and len(name) <= 4 for name in value):
        return {name: _listed(each) for name, each in value.items()}
    return [_listed(value[name]) for name in sorted(value, key=int)]


def json_object(body: bytes) -> dict[str, Any]:
    """Raises DialectError unless it is one object in UTF-8, with each name once at each place."""
    try:
        given = json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_refuse)
        # An escape may name half of a surrogate pair, which no store and no answer can carry.
        json.dumps(given, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise DialectError(_BAD, "The body is no JSON object with each name once.") from None
    if not isinstance(given, dict):
        raise DialectError(_BAD, "The body is no JSON object.")
    return given


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name stands twice")
    return made


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")
