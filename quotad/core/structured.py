"""Structured Field Dictionaries (RFC 9651): text in, plain values out, and back. Strict, pure functions.

Stricter than section 4.2 in two points, where readers differ: a key or parameter that is given twice is
refused (the RFC lets the last one win), and so is base64 without its padding.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from decimal import Decimal
from typing import NamedTuple


class Token(NamedTuple):
    """A word without quotes (section 3.3.4)."""

    text: str


class Date(NamedTuple):
    """Seconds since the epoch (section 3.3.7)."""

    seconds: int


class DisplayString(NamedTuple):
    """Text of any characters (section 3.3.8)."""

    text: str


BareItem = bool | int | Decimal | str | bytes | Token | Date | DisplayString
Parameters = dict[str, BareItem]


class Item(NamedTuple):
    """A value with its parameters (section 3.3)."""

    value: BareItem
    parameters: Parameters


class InnerList(NamedTuple):
    """Items in parentheses, with parameters of the whole (section 3.1.1)."""

    items: tuple[Item, ...]
    parameters: Parameters


Member = Item | InnerList
Dictionary = dict[str, Member]

_KEY = re.compile(r"[a-z*][a-z0-9_\-.*]*")
_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?")
_STRING = re.compile(r'"((?:[ !\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_ESCAPE = re.compile(r'\\(["\\])')
_TOKEN = re.compile(r"[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*")
_BYTES = re.compile(r":([A-Za-z0-9+/=]*):")
_DISPLAY = re.compile(r'%"((?:[ !\x23\x24\x26-\x7e]|%[0-9a-f]{2})*)"')
_PERCENT = re.compile(rb"%([0-9a-f]{2})")
_OWS = re.compile(r"[ \t]*")
_SP = re.compile(r" *")

_INTEGER_DIGITS = 15
_DECIMAL_DIGITS = 12
_FRACTION_DIGITS = 3


class _Reader:
    """A place in a text. Its methods raise ValueError."""

    __slots__ = ("at", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def take(self, pattern: re.Pattern[str]) -> re.Match[str]:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise ValueError(f"unexpected at {self.at}")
        self.at = match.end()
        return match

    def next_is(self, character: str) -> bool:
        """Step over ``character`` if it comes next."""
        if self.text.startswith(character, self.at):
            self.at += 1
            return True
        return False

    def is_over(self) -> bool:
        return self.at == len(self.text)


def parse_dictionary(text: str) -> Dictionary:
    """Section 4.2.2; the lines of one field are to be joined by commas first. Raises ValueError."""
    reader = _Reader(text.strip(" "))
    members: Dictionary = {}
    while not reader.is_over():
        key = reader.take(_KEY)[0]
        if key in members:
            raise ValueError(f"{key} is given twice")
        members[key] = _member(reader) if reader.next_is("=") else Item(True, _parameters(reader))
        reader.take(_OWS)
        if reader.is_over():
            break
        if not reader.next_is(","):
            raise ValueError(f"unexpected at {reader.at}")
        reader.take(_OWS)
        if reader.is_over():
            raise ValueError("a comma at the end")
    return members


def _member(reader: _Reader) -> Member:
    if reader.next_is("("):
        return _inner_list(reader)
    return Item(_bare_item(reader), _parameters(reader))


def _inner_list(reader: _Reader) -> InnerList:
    """Section 4.2.1.2, after its opening parenthesis."""
    items: list[Item] = []
    while True:
        spaces = reader.take(_SP)[0]
        if reader.next_is(")"):
            return InnerList(tuple(items), _parameters(reader))
        if items and not spaces:
            raise ValueError(f"unexpected at {reader.at}")
        items.append(Item(_bare_item(reader), _parameters(reader)))


def _parameters(reader: _Reader) -> Parameters:
    """Section 4.2.3.2."""
    found: Parameters = {}
    while reader.next_is(";"):
        reader.take(_SP)
        key = reader.take(_KEY)[0]
        if key in found:
            raise ValueError(f"{key} is given twice")
        found[key] = _bare_item(reader) if reader.next_is("=") else True
    return found


def _bare_item(reader: _Reader) -> BareItem:
    """Section 4.2.3.1."""
    first = reader.text[reader.at : reader.at + 1]
    if first == '"':
        return _ESCAPE.sub(r"\1", reader.take(_STRING)[1])
    if first == ":":
        return _byte_sequence(reader)
    if first == "-" or first.isdigit():
        return _number(reader)
    if first == "?":
        reader.at += 1
        if reader.next_is("1"):
            return True
        if reader.next_is("0"):
            return False
        raise ValueError("no boolean")
    if first == "@":
        reader.at += 1
        seconds = _number(reader)
        if isinstance(seconds, int):
            return Date(seconds)
        raise ValueError("no date")
    if first == "%":
        octets = reader.take(_DISPLAY)[1].encode("ascii")
        return DisplayString(_PERCENT.sub(lambda match: bytes.fromhex(match[1].decode()), octets).decode())
    return Token(reader.take(_TOKEN)[0])


def _byte_sequence(reader: _Reader) -> bytes:
    try:
        return b64decode(reader.take(_BYTES)[1], validate=True)
    except Base64Error:
        raise ValueError("no base64") from None


def _number(reader: _Reader) -> int | Decimal:
    """Section 4.2.4."""
    match = reader.take(_NUMBER)
    sign, whole, fraction = match.groups()
    if fraction is None:
        if len(whole) > _INTEGER_DIGITS:
            raise ValueError("too long a number")
        return int(sign + whole)
    if len(whole) > _DECIMAL_DIGITS or len(fraction) > _FRACTION_DIGITS:
        raise ValueError("too long a number")
    return Decimal(match[0])


def serialize_dictionary(members: Dictionary) -> str:
    """Section 4.1.2."""
    return ", ".join(
        key
        + (serialize_parameters(member.parameters) if _is_true(member) else "=" + serialize_member(member))
        for key, member in members.items()
    )


def serialize_member(member: Member) -> str:
    """Sections 4.1.1.1 and 4.1.3."""
    if isinstance(member, InnerList):
        inner = " ".join(map(serialize_member, member.items))
        return f"({inner}){serialize_parameters(member.parameters)}"
    return _serialize_bare(member.value) + serialize_parameters(member.parameters)


def serialize_parameters(parameters: Parameters) -> str:
    """Section 4.1.1.2."""
    return "".join(
        f";{key}" if value is True else f";{key}={_serialize_bare(value)}"
        for key, value in parameters.items()
    )


def _is_true(member: Member) -> bool:
    return isinstance(member, Item) and member.value is True


def _serialize_bare(value: BareItem) -> str:
    """Section 4.1.3.1; of values that ``parse_dictionary`` may answer."""
    if isinstance(value, bool):
        return "?1" if value else "?0"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, bytes):
        return f":{b64encode(value).decode('ascii')}:"
    if isinstance(value, Token):
        return value.text
    if isinstance(value, Date):
        return f"@{value.seconds}"
    if isinstance(value, DisplayString):
        return _serialize_display(value.text)
    return _serialize_decimal(value)


def _serialize_decimal(value: Decimal) -> str:
    """Section 4.1.5: at least one digit after the point, none that says nothing."""
    whole, _, fraction = f"{value:f}".partition(".")
    return f"{whole}.{fraction.rstrip('0') or '0'}"


def _serialize_display(text: str) -> str:
    shown = "".join(
        chr(octet) if 0x20 <= octet <= 0x7E and octet not in (0x22, 0x25) else f"%{octet:02x}"
        for octet in text.encode()
    )
    return f'%"{shown}"'
