"""What a Sidecar knows and an Account has forgotten; that the Lua does the same is shown in tests/lua."""

import pytest

from quotad.core.account import TOKEN_U, Account, Moment
from quotad.core.ledger import Entry, Share
from quotad.core.mending import adopt_previous, heal, is_lost, knows_more, running_windows
from quotad.core.plans import Subject, UsagePlan
from quotad.core.quota import Call, DayNumbers, Limits, Memory, Terms, Windows

SUBJECT = Subject(UsagePlan("usagePlan-aaaaaaaa", "plan"), "service-bbbbbbbb", "release")
LIMITS = Limits(0, 1, 10, -1, -1, -1)
TERMS = Terms(LIMITS, Windows(10, 20, 30, 0, 100, 200), conditional=True, release_on_crash=False, lease_us=4)
AT = Moment(now_us=15, hold_us=8)


def call(**said: object) -> Call:
    made = Call(SUBJECT, TERMS, 0, 7, 3, DayNumbers(20), DayNumbers(), heard=2, version=5, memory=Memory())
    return made._replace(**said)  # type: ignore[arg-type]


def account(version: int = 5) -> Account:
    made = Account(generation=7, version=version, tokens_u=3 * TOKEN_U)
    assert made.roll(TERMS.windows, AT)
    return made


@pytest.mark.parametrize(
    ("said", "number", "knows"),
    [
        ({}, 2, False),
        ({"version": 6}, 2, True),
        ({}, 1, True),
        ({}, None, True),
        ({"generation": 0}, None, False),
        ({"generation": 0, "version": 6}, None, True),
    ],
)
def test_signs_of_a_loss(said: dict[str, int], number: int | None, knows: bool) -> None:
    """The Subject, or the caller's Entry, is older than what was heard, or gone."""
    entry = None if number is None else Entry(7, number=number)
    assert knows_more(account(), entry, call(**said)) is knows


@pytest.mark.parametrize(
    ("seen_us", "birth", "healing_us", "version", "lost"),
    [(7, 0, 0, 5, False), (8, 0, 0, 5, True), (7, 8, 0, 5, True), (7, 0, 16, 5, True), (7, 0, 0, 4, True)],
)
def test_a_missing_entry_was_lost_or_ended(
    seen_us: int, birth: int, healing_us: int, version: int, lost: bool
) -> None:
    """Ended, when its Sidecar was silent for the hold time and nothing speaks for a loss."""
    known = account(version)
    known.birth, known.healing_us = birth, healing_us
    assert is_lost(known, None, call(memory=Memory(seen_us=seen_us)), AT) is lost


def test_the_running_day_is_the_remembered_one_while_it_lasts() -> None:
    """Its month's end comes with it."""
    told = call(memory=Memory(month_end_us=90))
    assert running_windows(told, 19) == (20, 90)
    assert running_windows(told, 20) is None


@pytest.mark.parametrize(("today", "before", "adopted"), [(20, 9, 9), (12, 9, 12), (20, 0, 0), (25, 20, 0)])
def test_the_day_before_is_the_last_one_that_is_over(today: int, before: int, adopted: int) -> None:
    """Of the two that the Sidecar knows."""
    known = account()
    adopt_previous(known, call(day=DayNumbers(today), previous=DayNumbers(before)))
    assert known.previous_day_end_us == adopted


def test_the_larger_of_memory_and_entries_binds() -> None:
    """What was remembered makes room for what is restored."""
    known = account(version=0)
    first = known.entries[b"first"] = Entry(7, current=Share(20))
    memory = Memory(granted=4, at_once=4, day_used=9, month_end_us=100, month_used=9, total_used=9)
    heal(known, first, LIMITS, call(memory=memory), AT)
    assert (known.day.charged, known.healing_us, known.thaw_us, known.tokens_u) == (9, 23, 19, 0)
    second = known.entries[b"second"] = Entry(7, current=Share(20))
    heal(known, second, LIMITS, call(memory=memory._replace(granted=5, at_once=5)), AT)
    assert (known.day.charged, known.month.charged, known.total.charged, known.version) == (9, 9, 9, 5)
