"""A dialect's fields: for each its kind, its rule, and what it is called everywhere else in quotad.

Checking and docs/dialects.md come from the same rows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["text", "number", "flag", "texts", "filters", "tags"]
Status = Literal["done", "different", "not done"]

ITEMS_AT_MOST = 100
"""Of a list in a request: the clouds' own bound for one call."""


class DialectError(Exception):
    """What is asked for is not done; ``code`` is the dialect's own word for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Codes:
    """A dialect's words for what can be wrong with a field."""

    missing: str = "MissingParameter"
    unknown: str = "UnknownParameter"
    kind: str = "InvalidParameter"
    range: str = "InvalidParameterValue.RangeExceeded"
    length: str = "InvalidParameterValue.LengthExceeded"
    option: str = "InvalidParameterValue.NotInOptions"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a request."""

    name: str
    kind: Kind = "text"
    canonical: str = ""
    """Its name in ``operations``; empty: it is no value of a record."""
    required: bool = False
    least: int | None = None
    most: int | None = None
    """Of a number; of a text or list: how long it may be."""
    also: int | None = None
    """A number outside the range that is taken all the same: -1 for unlimited."""
    options: tuple[str, ...] = ()
    code: str = ""
    """The error code of its own when the rule is broken."""
    default: int | str | None = None
    status: Status = "done"
    note: str = ""

    @property
    def rule(self) -> str:
        """In words."""
        parts: list[str] = [self.kind]
        if self.options:
            parts.append(" / ".join(self.options))
        elif self.kind == "number" and self.least is not None:
            also = "" if self.also is None else f"{self.also} or "
            parts.append(f"{also}{self.least} to {self.most}")
        elif self.most is not None:
            parts.append(f"{self.least or 0} to {self.most} long")
        if self.required:
            parts.append("required")
        if self.default is not None:
            parts.append(f"default {self.default}")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Shown:
    """One field of an answer."""

    name: str
    of: Callable[[Any], Any]
    status: Status = "done"
    note: str = ""


def shape(rows: Sequence[Shown], subject: Any) -> dict[str, Any]:
    """An answer's object."""
    return {row.name: row.of(subject) for row in rows}


def through(take: Callable[[Any], Any], rows: Sequence[Shown]) -> tuple[Shown, ...]:
    """The same fields of an object that has the subject within it."""
    return tuple(Shown(row.name, _after(take, row.of), row.status, row.note) for row in rows)


def _after(take: Callable[[Any], Any], of: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda subject: of(take(subject))


def read(
    fields: Sequence[Field], given: Mapping[str, Any], codes: Codes, *, as_text: bool = False
) -> dict[str, Any]:
    """The values by their names on the wire, defaults in; null is as good as absent. Raises DialectError.

    ``as_text``: numbers come as digits, since the form has nothing but text.
    """
    known = {field.name: field for field in fields}
    for name in given:
        if name not in known:
            raise DialectError(codes.unknown, f"The parameter `{_short(name)}` is not known.")
    values: dict[str, Any] = {}
    for field in fields:
        value = given.get(field.name)
        if value is None:
            if field.required:
                raise DialectError(codes.missing, f"The request is missing the parameter `{field.name}`.")
            if field.default is not None:
                values[field.name] = field.default
            continue
        if as_text and field.kind == "number":
            value = _number(value)
        _check(field, value, codes)
        values[field.name] = value
    return values


def canonical(fields: Sequence[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a record, under their canonical names."""
    return {
        field.canonical: values[field.name] for field in fields if field.canonical and field.name in values
    }


def _number(value: Any) -> Any:
    digits = value.removeprefix("-") if isinstance(value, str) else ""
    return int(value) if digits.isascii() and digits.isdigit() and len(digits) <= 16 else value


def _check(field: Field, value: Any, codes: Codes) -> None:
    if field.status == "not done" and value not in ("", [], {}):
        raise DialectError(codes.kind, f"`{field.name}` is nothing that is kept here: {field.note}")
    match field.kind:
        case "number":
            _check_number(field, value, codes)
        case "text":
            _check_text(field, value, codes)
        case "flag":
            if not isinstance(value, bool):
                raise DialectError(codes.kind, f"`{field.name}` must be true or false.")
        case "texts":
            _check_list(field, value, codes)
            for each in value:
                _check_text(Field(field.name, options=field.options, code=field.code), each, codes)
        case _:
            _check_list(field, value, codes)


def _check_number(field: Field, value: Any, codes: Codes) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise DialectError(codes.kind, f"`{field.name}` must be a whole number.")
    if value == field.also or field.least is None or field.most is None:
        return
    if not field.least <= value <= field.most:
        raise DialectError(field.code or codes.range, f"`{field.name}` must be {field.rule}.")


def _check_text(field: Field, value: Any, codes: Codes) -> None:
    if not isinstance(value, str):
        raise DialectError(codes.kind, f"`{field.name}` must be text.")
    if field.options and value not in field.options:
        raise DialectError(
            field.code or codes.option, f"`{field.name}` must be one of {', '.join(field.options)}."
        )
    if field.most is not None and not (field.least or 0) <= len(value) <= field.most:
        raise DialectError(field.code or codes.length, f"`{field.name}` must be {field.rule}.")
    if field.required and not value:
        raise DialectError(codes.missing, f"The parameter `{field.name}` is empty.")


def _check_list(field: Field, value: Any, codes: Codes) -> None:
    if not isinstance(value, list):
        raise DialectError(codes.kind, f"`{field.name}` must be a list.")
    if len(value) > (field.most or ITEMS_AT_MOST):
        raise DialectError(
            "InvalidParameterValue.LimitExceeded",
            f"`{field.name}` has more than {field.most or ITEMS_AT_MOST}.",
        )
    if field.required and not value:
        raise DialectError(codes.missing, f"The parameter `{field.name}` is empty.")


def _short(name: str) -> str:
    return name if len(name) <= 40 and name.isascii() and name.isprintable() else "(not shown)"
