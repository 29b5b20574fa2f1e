import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotad.core.plans import Subject, UsagePlan
from quotad.core.quota import (
    Answer,
    Call,
    DayNumbers,
    Limits,
    Memory,
    Replay,
    Reset,
    Terms,
    TopUp,
    Usage,
    Window,
    Windows,
)
from quotad.errors import StoreError
from quotad.store import codec

WHOLE = st.integers(-1, 2**53 - 1)
SUBJECT = Subject(UsagePlan("usagePlan-aaaaaaaa", "plan"), "service-bbbbbbbb", "release")
TERMS = Terms(
    Limits(1, 2, 3, 4, 5, 6), Windows(7, 8, 9, 10, 11, 12), True, release_on_crash=False, lease_us=15
)


def call_of(numbers: list[int], memory: Memory | None = None) -> Call:
    cost, ahead, generation, number, heard, version, *days = numbers
    spent, returned = days[6:]
    today, before = DayNumbers(*days[:3]), DayNumbers(*days[3:6])
    said = (heard, version, ahead, spent, returned, memory)
    return Call(SUBJECT, TERMS, cost, generation, number, today, before, *said)


def test_terms_are_fifteen_doubles_in_order() -> None:
    """Limits, window edges, the two flags, how long a Lease lasts."""
    assert struct.unpack("<15d", codec.pack_terms(TERMS)) == (*range(1, 13), 1, 0, 15)


@pytest.mark.parametrize("pack", [codec.pack_call, codec.written_call])
@given(numbers=st.lists(WHOLE, min_size=14, max_size=14))
def test_a_call_keeps_every_whole_number(pack: Callable[[int, Call], bytes], numbers: list[int]) -> None:
    """Doubles hold all numbers below 2**53 exactly, interpreted and compiled."""
    assert struct.unpack("<15d", pack(3, call_of(numbers))) == (3, *numbers)


@given(st.lists(WHOLE, min_size=24, max_size=24))
def test_what_a_sidecar_remembers_follows_its_call(numbers: list[int]) -> None:
    """Ten more, in the order of Memory."""
    call = call_of(numbers[:14], Memory(*numbers[14:]))
    assert struct.unpack("<25d", codec.pack_call(3, call)) == (3, *numbers)


def test_changes_and_records_are_doubles_in_order() -> None:
    """A top-up names its window, a reset a sum of windows; a record its day and total."""
    top_up = TopUp(version=7, window=Window.MONTH, amount=5, until_us=-1)
    assert struct.unpack("<6d", codec.pack_adjustment(1, top_up)) == (1, 1, 7, 2, 5, -1)
    reset = Reset(version=8, windows=frozenset({Window.DAY, Window.TOTAL}))
    assert struct.unpack("<6d", codec.pack_adjustment(2, reset)) == (2, 2, 8, 5, 0, 0)
    assert struct.unpack("<3d", codec.pack_replay(3, Replay(day_end_us=9, total=4))) == (3, 9, 4)


def test_a_batch_says_hold_time_and_how_many_terms_follow() -> None:
    """Two doubles."""
    assert struct.unpack("<2d", codec.pack_batch(60_000_000, 4)) == (60_000_000, 4)


@given(st.lists(WHOLE, min_size=len(Answer._fields), max_size=len(Answer._fields)))
def test_an_answer_is_ints_in_field_order(numbers: list[int]) -> None:
    """What the script packed is what the engine reads."""
    answer = codec.unpack_answer(struct.pack(f"<{len(numbers)}q", *numbers))
    assert list(answer) == numbers
    assert all(type(number) is int for number in answer)


def test_usage_is_ints_in_field_order() -> None:
    """Likewise."""
    assert codec.unpack_usage(struct.pack("<13q", *range(13))) == Usage(*range(13))


@pytest.mark.parametrize("reply", [b"", b"x" * 231, b"x" * 233, None, 7, ["x"], "text"])
def test_anything_else_is_a_store_error(reply: object) -> None:
    """A reply of the wrong kind or length raises StoreError and nothing else."""
    unpackers = (codec.unpack_answer, codec.unpack_usage)
    for unpack in unpackers:
        with pytest.raises(StoreError, match="cannot be read"):
            unpack(reply)
