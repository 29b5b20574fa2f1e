import struct

import pytest

from quotad.core.history import History, Portion
from quotad.core.plans import Subject, UsagePlan
from quotad.errors import StoreError
from quotad.store.past import pack_days, pack_portion, unpack_history, unpack_shares

SUBJECT = Subject(UsagePlan("usagePlan-aaaaaaaa", "past"), "service-aaaaaaaa", "release")


def present(*numbers: int) -> bytes:
    return struct.pack("<7q", *numbers)


def stretch(*pairs: tuple[int, int]) -> bytes:
    return b"".join(struct.pack("<dd", *pair) for pair in pairs)


def test_what_goes_on_is_part_of_the_history() -> None:
    """The running day, the one before and the running hour take the place of what was noted of them."""
    item = [
        present(99, 40, 7, 30, 6, 98, 5),
        *(b"d0", stretch((10, 1), (30, 2)), b"d1", stretch((40, 3)), b"h7", stretch((97, 4), (98, 1))),
    ]
    assert unpack_history(item) == History(99, {10: 1, 30: 6, 40: 7}, {97: 4, 98: 5})


def test_what_was_forgiven_was_used() -> None:
    """Units that a reset took from a day, and those told when it was over, are added to it."""
    item = [
        present(99, 40, 7, 0, 0, 0, 0),
        b"d0",
        stretch((10, 1)),
        b"r0",
        stretch((40, 5), (20, 2), (10, 3)),
    ]
    assert unpack_history(item).days == {10: 4, 20: 2, 40: 12}


def test_a_subject_that_was_never_used() -> None:
    """It has a time and nothing else."""
    assert unpack_history([present(5, 0, 0, 0, 0, 0, 0)]) == History(5, {}, {})


@pytest.mark.parametrize(
    "item",
    [
        None,
        [],
        b"x",
        [b"short"],
        [present(1, 2, 3, 4, 5, 6, 7), b"d0"],
        [present(1, 2, 3, 4, 5, 6, 7), b"d0", b"123"],
        [present(1, 2, 3, 4, 5, 6, 7), b"d0", 5],
        [present(1, 2, 3, 4, 5, 6, 7), b"d0", struct.pack("<dd", float("nan"), 1)],
        [present(1, 2, 3, 4, 5, 6, 7), b"d0", struct.pack("<dd", float("inf"), 1)],
    ],
)
def test_what_is_no_history_is_refused(item: object) -> None:
    """Whatever a server may answer instead is a StoreError."""
    with pytest.raises(StoreError):
        unpack_history(item)


def test_a_portion_is_packed() -> None:
    """The day and the number, then each Secret's units and its id with its length."""
    packed = pack_portion(Portion(SUBJECT, 2**52, 3, {"AKIDa": 4, "AKIDbb": 2**53 - 1}))
    assert packed == struct.pack("<dd", 2**52, 3) + (
        struct.pack("<dB", 4, 5) + b"AKIDa" + struct.pack("<dB", 2**53 - 1, 6) + b"AKIDbb"
    )
    assert pack_days([1, 2**52]) == struct.pack("<dd", 1, 2**52)


def test_shares_are_read() -> None:
    """Of all Secrets each day has a mapping; of one, its units where there are any."""
    assert unpack_shares([[b"AKIDa", b"7", b"AKIDb", b"8"], []], "") == [{"AKIDa": 7, "AKIDb": 8}, {}]
    assert unpack_shares([b"7", None], "AKIDa") == [{"AKIDa": 7}, {}]


@pytest.mark.parametrize(
    ("item", "secret_id"),
    [(b"x", ""), (5, "a"), ([[b"a"]], ""), ([[b"a", b"x"]], ""), ([7], ""), ([b"x"], "a"), ([[]], "a")],
)
def test_what_are_no_shares_is_refused(item: object, secret_id: str) -> None:
    """Whatever a server may answer instead is a StoreError."""
    with pytest.raises(StoreError):
        unpack_shares(item, secret_id)
