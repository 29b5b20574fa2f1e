import pytest

from quotad.core.account import TOKEN_U, Account, Crash, Moment
from quotad.core.ledger import Entry, Ledger, Share
from quotad.core.plans import Subject, UsagePlan
from quotad.core.quota import Call, DayNumbers, Limit, Limits, Terms, TopUp, Window, Windows

WINDOWS = Windows(0, 10, 20, 0, 100, 200)
SUBJECT = Subject(UsagePlan("usagePlan-aaaaaaaa", "plan"), "service-bbbbbbbb", "release")
FREE = Limits(0, -1, -1, -1, -1, -1)
RATED = FREE._replace(rate_rps=1, burst=10)


def opened() -> Account:
    account = Account(generation=1)
    assert account.roll(WINDOWS, Moment(3, 5))
    return account


def test_a_unit_belongs_to_its_day_and_through_it_to_month_and_total() -> None:
    """Closing a Hold moves it in each of them."""
    account = opened()
    entry = Entry(1, current=Share(10))
    assert account.grant(entry, FREE, 4, conditional=True) == 4
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
    account.grant(account.entries[b"gone"], FREE, 4, conditional=True)
    account.earliest_us = 5
    account.reclaim(b"here", Moment(5, 8), lease_us=0, crash=crash)
    assert account.total == total
    assert not account.entries


def test_windows_that_do_not_fit_open_nothing() -> None:
    """The Account stays as it was."""
    account = opened()
    assert not account.roll(Windows(20, 30, 40, 0, 100, 200), Moment(15, 5))
    assert (account.day_end_us, account.month_end_us) == (10, 100)


def leased(units: int) -> tuple[Account, Entry]:
    account = opened()
    account.tokens_u = 10 * TOKEN_U
    entry = account.entries[b"here"] = Entry(1, current=Share(10))
    assert account.lease(entry, RATED, units, lease_us=4, now_us=3) == units
    return account, entry


def said(spent: int, returned: int) -> Call:
    terms = Terms(RATED, WINDOWS, conditional=True, release_on_crash=False)
    return Call(SUBJECT, terms, 0, 1, 1, DayNumbers(10), DayNumbers(), spent=spent, returned=returned)


def test_units_ahead_are_charged_and_keep_their_place_in_the_bucket() -> None:
    """Bucket and Leases together are the burst; a spent unit leaves room, a returned one its token."""
    account, entry = leased(5)
    assert (account.day.charged, account.leased, account.capacity_u(RATED)) == (5, 5, 5 * TOKEN_U)
    account.record_lease(entry, RATED, said(spent=2, returned=1), now_us=4)
    assert (account.leased, account.tokens_u, account.capacity_u(RATED)) == (2, 6 * TOKEN_U, 8 * TOKEN_U)
    assert account.day.charged == 5


def test_a_lease_that_ended_frees_no_token() -> None:
    """What is said of it later frees no token."""
    account, entry = leased(5)
    account.record_lease(entry, RATED, said(spent=0, returned=5), now_us=7)
    assert (account.leased, account.tokens_u, entry.lease.ended) == (0, 5 * TOKEN_U, 5)


def test_half_of_what_is_left_is_shared_by_all_sidecars() -> None:
    """Units ahead shrink with the quota, down to none; who has its share gets no more."""
    account = opened()
    here, there = (
        account.entries.setdefault(name, Entry(1, current=Share(10))) for name in (b"here", b"there")
    )
    ten = FREE._replace(day=10)
    granted = [account.lease(each, ten, 9, lease_us=4, now_us=3) for each in (here, here, there, there)]
    assert granted == [2, 0, 2, 0]
    for each in (here, there):
        each.lease.spent = 2
    granted = [account.lease(here, ten, 9, lease_us=4, now_us=3) for _ in range(2)]
    assert granted == [1, 0]


def test_only_leases_in_the_way_are_worth_asking_again() -> None:
    """A refusal tells what was spent from what is only leased."""
    account, entry = leased(5)
    five = FREE._replace(day=5)
    assert account.refusal(five, now_us=3) == (Limit.DAY, 1, 1_000_000)
    account.record_lease(entry, RATED, said(spent=5, returned=0), now_us=4)
    assert account.refusal(five, now_us=4) == (Limit.DAY, 0, 6)


def test_top_ups_are_looked_at_as_long_as_one_is_in_force() -> None:
    """Once all are over the limits are the plan's, without a look."""
    account = opened()
    account.adjusted.top_ups, account.topped = [TopUp(1, Window.DAY, 5, 8)], True
    ten = FREE._replace(day=10)
    assert account.bounds(ten, 7) == ten._replace(day=15)
    account.drop_top_ups(7)
    assert account.bounds(ten, 7) != ten
    account.drop_top_ups(8)
    assert account.bounds(ten, 7) is ten


def test_what_is_open_two_days_later_stays_charged() -> None:
    """When a day is dropped its Holds are use, in the month that it lay in and in the total."""
    account = opened()
    account.grant(Entry(1, current=Share(10)), FREE, 4, conditional=True)
    for now_us in (10, 20):
        assert account.roll(Windows(now_us, now_us + 10, now_us + 20, 0, 100, 200), Moment(now_us, 5))
    assert account.month == account.total == Ledger(charged=4, granted=4)
    assert account.noted == [("d", 10, 4), ("d", 10, 4)]
