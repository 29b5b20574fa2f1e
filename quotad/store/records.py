"""What control records may look like, and how they are written: JSON, within sizes that every reply keeps.

No reply may exceed 16 MiB (wire.py): a page of the largest records has 12, the log with the largest
commit likewise.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from quotad.errors import StoreError

PAGE = {"service": 40, "plan": 40, "secret": 500, "credential": 500, "doomed": 500, "webhook": 500}
"""Every kind of record, and how many of them are asked for at a time."""
AUDIT_PAGE = 100
COMMIT_BYTES = 8 * 1024 * 1024
"""Of one commit, all in all."""

_PAGE_BYTES = 12 * 1024 * 1024
RECORD_BYTES = {kind: _PAGE_BYTES // count for kind, count in PAGE.items()}
AUDIT_BYTES = _PAGE_BYTES // AUDIT_PAGE

# To wire.py these in half a reply are the length of a reply that nobody would send.
_LIKE_A_LENGTH = re.compile(rb"[$*%~>|=](?=[0-9]{9})")
_RECORD_OR_NONE = frozenset((dict, type(None)))
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


def known_kind(kind: str) -> str:
    """The kind itself. Raises ValueError when there are no such records."""
    if kind not in PAGE:
        raise ValueError(f"there are no records of kind {kind!r}")
    return kind


def known_id(name: str) -> str:
    """The id itself. Raises ValueError when it could not stand in a log entry or a key."""
    if not _ID.fullmatch(name):
        raise ValueError(f"id {name!r} has characters outside A-Z a-z 0-9 _ . : -, or too many")
    return name


def pack(record: Mapping[str, Any], bytes_at_most: int) -> bytes:
    """A record as it is kept. Raises ValueError when it is too large, or is no text of UTF-8."""
    plain = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    # Outside of text JSON has none of these signs, so what they become means the same.
    packed = _LIKE_A_LENGTH.sub(lambda sign: b"\\u%04x" % ord(sign[0]), plain)
    if len(packed) > bytes_at_most:
        raise ValueError(f"a record of this kind has at most {bytes_at_most} bytes")
    return packed


def write_words(kind: str, name: str, record: Mapping[str, Any] | None) -> list[str | bytes]:
    """What ``commit.lua`` is told of one write; no record: it is deleted. Raises ValueError."""
    packed = b"" if record is None else pack(record, RECORD_BYTES[known_kind(kind)])
    return [known_kind(kind), known_id(name), packed]


def record_of(packed: object) -> dict[str, Any]:
    """A record as it was kept. Raises StoreError (``reply``)."""
    record = parsed(packed)
    if type(record) is not dict:
        raise unreadable()
    return record


def records_of(packed: Sequence[object]) -> list[dict[str, Any] | None]:
    """Several, None where there is none: 100,000 are read at a start. Raises StoreError (``reply``)."""
    loads = orjson.loads
    try:
        found = [None if each is None else loads(each) for each in packed]  # type: ignore[arg-type]
    except ValueError:
        raise unreadable() from None
    # One that says null is no record either.
    if not _RECORD_OR_NONE.issuperset(map(type, found)) or found.count(None) != packed.count(None):
        raise unreadable()
    return found


def audit_record(entry: object) -> tuple[str, dict[str, Any]]:
    """An entry of the audit log: its id, and what it says. Raises StoreError (``reply``)."""
    match entry:
        case [bytes(name), [b"record", packed]]:
            return text(name), record_of(packed)
        case _:
            raise unreadable()


def parsed(packed: object) -> object:
    """What JSON says; None when it is none."""
    try:
        # A third of the time that the standard library takes, and 100,000 are read at a start.
        parsed: object = orjson.loads(packed) if isinstance(packed, bytes) else None
    except ValueError:
        parsed = None
    return parsed


def text(item: object) -> str:
    """A name as it was kept. Raises StoreError (``reply``)."""
    if not isinstance(item, bytes):
        raise unreadable()
    return item.decode("utf-8", "replace")


def unreadable() -> StoreError:
    """The store answered something else than was asked."""
    return StoreError("reply", "the store's control records cannot be read", executed=None)


def other_format() -> StoreError:
    """Another version of quotad has changed the records to what this one does not know."""
    return StoreError("format", "the control records are of another quotad's format", executed=False)
