import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotad.core.plans import Subject, UsagePlan
from quotad.core.quota import Answer, Call, DayNumbers, Limits, Terms, Usage, Windows
from quotad.errors import StoreError
from quotad.store import codec

WHOLE = st.integers(-1, 2**53 - 1)
SUBJECT = Subject(UsagePlan("usagePlan-aaaaaaaa", "plan"), "service-bbbbbbbb", "release")
TERMS = Terms(Limits(1, 2, 3, 4, 5, 6), Windows(7, 8, 9, 10, 11, 12), True, release_on_crash=False)


def test_terms_are_fourteen_doubles_in_order() -> None:
    """Limits, window edges, then the two flags."""
    assert struct.unpack("<14d", codec.pack_terms(TERMS)) == (*range(1, 13), 1, 0)


@given(st.lists(WHOLE, min_size=9, max_size=9))
def test_a_call_keeps_every_whole_number(numbers: list[int]) -> None:
    """Doubles hold all numbers below 2**53 exactly."""
    cost, generation, number, *days = numbers
    call = Call(SUBJECT, TERMS, cost, generation, number, DayNumbers(*days[:3]), DayNumbers(*days[3:]))
    assert struct.unpack("<10d", codec.pack_call(3, call)) == (3, *numbers)


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
    assert codec.unpack_usage(struct.pack("<9q", *range(9))) == Usage(*range(9))


@pytest.mark.parametrize("reply", [b"", b"x" * 215, b"x" * 217, None, 7, ["x"], "text"])
def test_anything_else_is_a_store_error(reply: object) -> None:
    """A reply of the wrong kind or length raises StoreError and nothing else."""
    unpackers = (codec.unpack_answer, codec.unpack_usage)
    for unpack in unpackers:
        with pytest.raises(StoreError, match="cannot be read"):
            unpack(reply)
