"""Units of a window, of a Sidecar's day, of a Lease."""

import pytest

from quotad.core.ledger import Entry, Lease, Ledger, Share


@pytest.mark.parametrize(
    ("limit", "left", "is_full", "is_used_up"),
    [
        (-1, 9, False, False),
        (0, 0, True, True),
        (5, 0, True, True),
        (7, 0, True, False),
        (10, 3, False, False),
    ],
)
def test_a_ledger_against_a_limit(limit: int, left: int, is_full: bool, is_used_up: bool) -> None:
    """Five charged and two held: what is left, whether it is full, and whether for good."""
    ledger = Ledger(charged=5, open=2, granted=7)
    assert ledger.left(limit, 9) == left
    assert ledger.is_full(limit) is is_full
    assert ledger.is_used_up(limit, leased=0) is is_used_up


def test_what_is_only_leased_is_not_used_up() -> None:
    """Three of five charged units may come back."""
    ledger = Ledger(charged=5, granted=5)
    assert not ledger.is_used_up(5, leased=3)
    assert ledger.is_used_up(2, leased=3)


def test_use_is_never_below_zero() -> None:
    """Units that a reset forgave may be given back after it: nothing is granted twice for them."""
    ledger = Ledger(charged=2, open=1, granted=9, given_back=6)
    ledger.move(charged=-5, given_back=5)
    assert ledger == Ledger(charged=0, open=1, granted=9, given_back=8)


def test_new_units_are_granted_units() -> None:
    """Granted is always the sum of the other three."""
    ledger = Ledger()
    ledger.add(charged=3, open=2, given_back=1)
    assert ledger == Ledger(3, 2, 6, 1)
    assert ledger.used == 5


def test_a_share_tells_holds_from_use() -> None:
    """Open are those neither charged at once nor closed; used are those not given back."""
    share = Share(10, granted=9, at_once=3, closed=4, given_back=5)
    assert (share.open, share.charged) == (2, 2)


def test_an_entry_finds_its_days_and_says_when_nothing_is_left_of_it() -> None:
    """A day it does not keep is an empty one; Holds and Leases keep it."""
    entry = Entry(1, current=Share(20, granted=2), previous=Share(10, granted=1, at_once=1))
    assert entry.share(10) is entry.previous
    assert entry.share(30) == Share(30)
    assert (entry.current.open, entry.is_empty) == (2, False)
    entry.current.closed = 2
    assert (entry.current.open, entry.is_empty) == (0, True)
    entry.lease = Lease(ahead=3, spent=1, returned=1)
    assert (entry.lease.left, entry.is_empty) == (1, False)
