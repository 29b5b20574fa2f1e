"""JSON as it is meant: one object, no name twice, no NaN, UTF-8."""

import json
from typing import Any

from quotad.controlplane.answers import RefusedError


def json_object(text: bytes) -> dict[str, Any]:
    """The body. Raises RefusedError."""
    try:
        members = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_once_each,
            parse_constant=_no_number,
            parse_float=_number,
        )
    except RecursionError:
        raise RefusedError(400, "The body is nested too deeply.") from None
    except ValueError as error:
        words = str(error) if isinstance(error, _NotStrictError) else "The body is not JSON in UTF-8."
        raise RefusedError(400, words) from None
    if not isinstance(members, dict):
        raise RefusedError(400, "The body is not a JSON object.")
    if not is_text(json.dumps(members, ensure_ascii=False)):
        raise RefusedError(400, "The body has half a character (a lone surrogate).")
    return members


def is_text(text: str) -> bool:
    """Whether it can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class _NotStrictError(ValueError):
    """Python's parser would take it."""


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _NotStrictError("A name stands twice in one object of the body.")
    return members


def _number(text: str) -> int | float:
    """To JSON 2.0 is as whole as 2."""
    number = float(text)
    return int(number) if number.is_integer() else number


def _no_number(_: str) -> None:
    raise _NotStrictError("NaN and Infinity are not JSON.")
