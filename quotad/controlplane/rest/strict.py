"""Reads requests and guesses nothing: unknown and repeated names, odd types and odd headers are refused."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from quotad.config.section import Section
from quotad.controlplane.answers import RefusedError
from quotad.controlplane.refusal import OperationError, Reason, invalid
from quotad.controlplane.strict_json import is_text
from quotad.controlplane.values import parsed

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_WHOLE = re.compile(r"-?[0-9]{1,15}", re.ASCII)
_TAG = re.compile(r'"([\x21\x23-\x7e]*)"')
_MEDIA = ("*/*", "application/*", "application/json")


def query_of(model: type[Section], pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The query's values by the names of the model's fields, defaults too. Raises OperationError."""
    kinds = {str(each.alias): each.annotation for each in model.model_fields.values()}
    given: dict[str, Any] = {}
    for name, text in pairs:
        if name not in kinds:
            words = f"is no query parameter here; known are {', '.join(kinds)}"
            raise OperationError(Reason.UNKNOWN_FIELD, f"a name in the query {words}")
        if name in given:
            raise invalid(name, "is given more than once")
        given[name] = _value(kinds[name], text)
    return parsed(model, given).model_dump()


def _value(kind: object, text: str) -> object:
    if not is_text(text):
        raise RefusedError(400, "The query is not UTF-8.")
    if kind is int and _WHOLE.fullmatch(text):
        return int(text)
    if kind in (bool, bool | None) and text in ("true", "false"):
        return text == "true"
    return text


def no_nulls(members: Mapping[str, Any], properties: Mapping[str, Any]) -> None:
    """Null only where the published schema says so. Raises OperationError."""
    for name, value in members.items():
        if value is None and name in properties and not allows_null(properties[name]):
            raise invalid(name, "must not be null")


def allows_null(schema: Mapping[str, Any]) -> bool:
    """Whether a property may be null."""
    return any(branch.get("type") == "null" for branch in schema.get("anyOf", ()))


def idempotency_key(values: Sequence[str]) -> str:
    """The Idempotency-Key, or empty. Raises RefusedError."""
    if not values:
        return ""
    (key, *more) = values
    if more or not _KEY.fullmatch(key):
        raise RefusedError(400, "Idempotency-Key must be one, of 1 to 255 visible ASCII characters.")
    return key


def wanted_tag(values: Sequence[str], current: str) -> str:
    """If-Match: the tag that the record must have; empty: any.

    Of several the one that it has, if that is among them. Weak ones, and what is no ETag, match nothing
    (RFC 9110, 13.1.1).
    """
    text = ", ".join(values).strip()
    if text == "*":
        return ""
    tags = [match[1] for part in text.split(",") if (match := _TAG.fullmatch(part.strip()))]
    return current if current in tags else "-"


def check_accept(values: Sequence[str]) -> None:
    """Whether JSON may be answered. Raises RefusedError."""
    ranges = list(_ranges(values))
    if ranges and not any(media in _MEDIA and not refused for media, refused in ranges):
        raise RefusedError(406, "Answers are application/json.")


def asks_for(values: Sequence[str], media: str) -> bool:
    """Whether Accept names this form of an answer, which nobody gets unasked."""
    return (media, False) in _ranges(values)


def _ranges(values: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Media ranges of Accept (RFC 9110, 12.5.1), each with whether it is refused."""
    for each in filter(None, (part.strip() for part in ",".join(values).split(","))):
        media, *parameters = (part.strip().lower() for part in each.split(";"))
        yield media, any(re.fullmatch(r"q=0(\.0{0,3})?", part) for part in parameters)
