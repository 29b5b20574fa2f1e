import pytest

from quotad.core.account import Account, Crash, Entry, Ledger, Share
from quotad.core.quota import DayNumbers, Limits, Windows

WINDOWS = Windows(0, 10, 20, 0, 100, 200)


def opened() -> Account:
    account = Account(generation=1)
    assert account.roll(WINDOWS, hold_us=5, now_us=3)
    return account


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
    assert ledger.is_used_up(limit) is is_used_up


def test_a_unit_belongs_to_its_day_and_through_it_to_month_and_total() -> None:
    """Closing a Hold moves it in each of them."""
    account = opened()
    entry = Entry(1, current=Share(10))
    assert account.grant(entry, Limits(0, -1, -1, -1, -1, -1), 4, conditional=True) == 4
    account.record(entry, DayNumbers(10, closed=3, given_back=1))
    for ledger in (account.day, account.month, account.total):
        assert ledger == Ledger(charged=2, open=1, granted=4, given_back=1)


def test_a_day_nobody_keeps_belongs_to_nothing() -> None:
    """Numbers for it change nothing."""
    account = opened()
    account.record(Entry(1), DayNumbers(99, 5, 5))
    assert account.total == Ledger()


@pytest.mark.parametrize(
    ("crash", "total"),
    [(Crash.CHARGE, Ledger(4, 0, 4, 0)), (Crash.RELEASE, Ledger(0, 0, 4, 4))],
)
def test_a_silent_sidecars_holds_end_by_the_plans_rule(crash: Crash, total: Ledger) -> None:
    """Charged, or given back; its Entry is gone."""
    account = opened()
    account.entries[b"gone"] = Entry(1, expires_us=5, current=Share(10))
    account.grant(account.entries[b"gone"], Limits(0, -1, -1, -1, -1, -1), 4, conditional=True)
    account.earliest_us = 5
    account.reclaim(b"here", hold_us=8, crash=crash, now_us=5)
    assert account.total == total
    assert not account.entries


def test_windows_that_do_not_fit_open_nothing() -> None:
    """The Account stays as it was."""
    account = opened()
    assert not account.roll(Windows(20, 30, 40, 0, 100, 200), hold_us=5, now_us=15)
    assert (account.day_end_us, account.month_end_us) == (10, 100)
