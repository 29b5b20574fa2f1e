"""Between the words of ``core.quota`` and the bytes that the scripts take and answer (lua/README.md).

Requests travel as little-endian doubles, which hold every whole number below 2**53; answers as
64-bit integers, since turning 27 doubles back into ints costs more than the rest of the decoding.
A reply is whatever the server sent: it is taken as ``Any``, since compiled code checks types on entry.
"""

from struct import Struct, error
from typing import Any, Final

from librt.strings import BytesWriter, write_f64_le

from quotad.core.quota import Answer, Call, Memory, Replay, Reset, Terms, TopUp, Usage, Window
from quotad.core.written import NATIVE
from quotad.errors import StoreError

_BATCH = Struct("<2d")
_TERMS = Struct("<15d")
_CALL = Struct("<15d")
_CALL_WITH_MEMORY = Struct(f"<{15 + len(Memory._fields)}d")
_ADJUSTMENT = Struct("<6d")
_REPLAY = Struct("<3d")
_ANSWER = Struct(f"<{len(Answer._fields)}q")
_USAGE = Struct(f"<{len(Usage._fields)}q")

CALL_BYTES = _CALL.size
"""Of one packed Call without Memory."""

_pack_call: Final = _CALL.pack
_unpack_answer: Final = _ANSWER.unpack
_new_tuple: Final = tuple.__new__


def pack_batch(hold_us: int, plan_count: int) -> bytes:
    """What every Call of one script call shares: the hold time and how many Terms follow."""
    return _BATCH.pack(hold_us, plan_count)


def pack_terms(terms: Terms) -> bytes:
    """A plan's Terms. Worth keeping by the identity of ``terms``: they change at most daily."""
    limits, windows, conditional, release, lease_us = terms
    return _TERMS.pack(*limits, *windows, conditional, release, lease_us)


def pack_call(plan_index: int, call: Call) -> bytes:
    """One Call; ``plan_index`` is the place of its Terms in the script call, from 1."""
    _, _, cost, generation, number, day, previous, heard, version, ahead, spent, returned, memory = call
    day_end_us, closed, given_back = day
    previous_end_us, previous_closed, previous_given_back = previous
    if memory is None:
        if NATIVE:
            return written_call(plan_index, call)
        # Spelt out: to unfold tuples into arguments costs as much as to pack them.
        # fmt: off
        return _pack_call(
            plan_index, cost, ahead, generation, number, heard, version, day_end_us, closed, given_back,
            previous_end_us, previous_closed, previous_given_back, spent, returned,
        )
        # fmt: on
    return _CALL_WITH_MEMORY.pack(
        plan_index,
        cost,
        ahead,
        generation,
        number,
        heard,
        version,
        *day,
        *previous,
        spent,
        returned,
        *memory,
    )


def written_call(plan_index: int, call: Call) -> bytes:
    """The same of a Call without Memory; compiled, it makes no object of a number."""
    _, _, cost, generation, number, day, previous, heard, version, ahead, spent, returned, _ = call
    writer = BytesWriter()
    write_f64_le(writer, float(plan_index))
    write_f64_le(writer, float(cost))
    write_f64_le(writer, float(ahead))
    write_f64_le(writer, float(generation))
    write_f64_le(writer, float(number))
    write_f64_le(writer, float(heard))
    write_f64_le(writer, float(version))
    day_end_us, closed, given_back = day
    write_f64_le(writer, float(day_end_us))
    write_f64_le(writer, float(closed))
    write_f64_le(writer, float(given_back))
    day_end_us, closed, given_back = previous
    write_f64_le(writer, float(day_end_us))
    write_f64_le(writer, float(closed))
    write_f64_le(writer, float(given_back))
    write_f64_le(writer, float(spent))
    write_f64_le(writer, float(returned))
    return writer.getvalue()


def pack_adjustment(plan_index: int, change: TopUp | Reset) -> bytes:
    """A top-up (kind 1) or a reset (kind 2) of one Subject."""
    if isinstance(change, TopUp):
        return _ADJUSTMENT.pack(plan_index, 1, change.version, change.window, change.amount, change.until_us)
    windows = sum(1 << (Window(window) - 1) for window in change.windows)
    return _ADJUSTMENT.pack(plan_index, 2, change.version, windows, 0, 0)


def pack_replay(plan_index: int, record: Replay) -> bytes:
    """What a journal says of one Subject and day."""
    return _REPLAY.pack(plan_index, *record)


def unpack_answer(reply: Any) -> Answer:
    """One Subject's reply. Raises StoreError(``reply``) when it is not one; the call may have run."""
    try:
        # What Answer._make does, without its call in Python.
        return _new_tuple(Answer, _unpack_answer(reply))
    except (error, TypeError) as problem:
        raise StoreError("reply", "the store's answer cannot be read", executed=None) from problem


def unpack_usage(reply: Any) -> Usage:
    """One Subject's reply of ``usage.lua``. Raises StoreError(``reply``) when it is not one."""
    try:
        return Usage._make(_USAGE.unpack(reply))
    except (error, TypeError) as problem:
        raise StoreError("reply", "the store's usage cannot be read", executed=True) from problem
