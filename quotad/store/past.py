"""Between the words of ``core.history`` and the bytes that ``history``, ``attribute`` and ``attributed`` use.

A reply is whatever the server sent: what cannot be one is a StoreError(``reply``).
"""

from collections.abc import Mapping
from struct import Struct, error, iter_unpack

from quotad.core.history import History, Portion
from quotad.errors import StoreError

_PRESENT = Struct("<7q")
_PORTION = Struct("<2d")
_SHARE = Struct("<dB")
_DAY = Struct("<d")


def unpack_history(item: object) -> History:
    """One Subject's item of ``history``'s reply. Raises StoreError(``reply``)."""
    try:
        present, stretches = _parts(item)
        now_us, *running = _PRESENT.unpack(present)
        rows = {kind: _rows(stretches, kind) for kind in (b"d", b"h", b"r")}
    except (error, TypeError, ValueError, IndexError, OverflowError):
        raise unreadable() from None
    days, hours = rows[b"d"], rows[b"h"]
    day_end, used, previous_end, previous_used, hour_end, hour_used = running
    # What is going on is noted too when a Sidecar leaves: the aggregate knows better.
    for kept, end_us, units in (
        (days, previous_end, previous_used),
        (days, day_end, used),
        (hours, hour_end, hour_used),
    ):
        if end_us:
            kept[end_us] = units
    for end_us, units in rows[b"r"].items():
        days[end_us] = days.get(end_us, 0) + units
    return History(now_us, days, hours)


def pack_portion(portion: Portion) -> bytes:
    """What ``attribute`` takes of one Subject."""
    packed = [_PORTION.pack(portion.day_end_us, portion.number)]
    for secret_id, units in portion.units.items():
        name = secret_id.encode("ascii")
        packed += [_SHARE.pack(units, len(name)), name]
    return b"".join(packed)


def pack_days(day_ends_us: list[int]) -> bytes:
    """What ``attributed`` takes of one Subject."""
    return b"".join(map(_DAY.pack, day_ends_us))


def unpack_shares(item: object, secret_id: str) -> list[Mapping[str, int]]:
    """One Subject's item of ``attributed``'s reply: per day SecretId to units. Raises StoreError(``reply``).

    ``secret_id``: the only one that was asked for, or empty.
    """
    if not isinstance(item, list):
        raise unreadable()
    try:
        if secret_id:
            return [{} if units is None else {secret_id: int(units)} for units in item]
        return [_shares(day) for day in item]
    except (TypeError, ValueError, AttributeError):
        raise unreadable() from None


def unreadable() -> StoreError:
    """The store's answer is none."""
    return StoreError("reply", "the store's history cannot be read", executed=True)


def _parts(item: object) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """The present, and name and value of each stretch."""
    if not isinstance(item, list) or len(item) % 2 == 0 or not all(isinstance(each, bytes) for each in item):
        raise ValueError("not a history")
    return item[0], list(zip(item[1::2], item[2::2], strict=True))


def _rows(stretches: list[tuple[bytes, bytes]], kind: bytes) -> dict[int, int]:
    """Ends and units of one kind, of all its stretches."""
    found: dict[int, int] = {}
    for name, packed in stretches:
        if name[:1] == kind:
            for end_us, units in iter_unpack("<2d", packed):
                found[int(end_us)] = found.get(int(end_us), 0) + int(units)
    return found


def _shares(day: list[bytes]) -> dict[str, int]:
    return {
        secret_id.decode("ascii"): int(units) for secret_id, units in zip(day[::2], day[1::2], strict=True)
    }
