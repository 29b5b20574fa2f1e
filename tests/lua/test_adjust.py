"""Top-ups and resets: what an admin changes in running counters, once."""

import pytest

from quotad.core.quota import DayNumbers, Limit, Limits, Reset, TopUp, Window
from tests.support.sidecars import Sidecar, stored
from tests.support.twins import DAY_US, HOLD_US, START_US, Twins, limits, subject, terms

SECOND_US = 1_000_000
HUGE = 2**53 - 1
NOON_US = 12 * 3_600_000_000
ALL = frozenset(Window)
TEN = {Window.DAY: limits(day=10), Window.MONTH: limits(month=10), Window.TOTAL: limits(total=10)}
NAMES = {Window.DAY: Limit.DAY, Window.MONTH: Limit.MONTH, Window.TOTAL: Limit.TOTAL}


def ask(twins: Twins, given: Limits, cost: int = 99) -> int:
    return twins.ask(terms(given, at_us=twins.now_us, conditional=False), cost).granted


def adjust(twins: Twins, change: TopUp | Reset) -> None:
    answer = twins.adjust(change, terms(limits(), at_us=twins.now_us))
    assert answer is not None


@pytest.mark.parametrize("window", list(Window))
def test_a_top_up_raises_its_limit(twins: Twins, window: Window) -> None:
    """By its amount, for everyone from the next call on; the answer shows the raised limit."""
    assert ask(twins, TEN[window]) == 10
    adjust(twins, TopUp(1, window, 5, 0))
    answer = twins.ask(terms(TEN[window], conditional=False), 99)
    shown = (answer.day_limit, answer.month_limit, answer.total_limit)
    assert (answer.granted, answer.refused_by, shown[window - 1]) == (5, NAMES[window], 15)
    assert twins.ask(terms(TEN[window]), 1, sidecar=2).granted == 0


def test_top_ups_add_up_each_in_its_window(twins: Twins) -> None:
    """Several may be in force."""
    for version, window, amount in [(1, Window.DAY, 5), (2, Window.DAY, 2), (3, Window.MONTH, 9)]:
        adjust(twins, TopUp(version, window, amount, 0))
    answer = twins.ask(terms(limits(day=10, month=12, total=30)), 99)
    assert (answer.day_limit, answer.month_limit, answer.total_limit) == (17, 21, 30)
    assert answer.granted == 17


@pytest.mark.parametrize("window", list(Window))
def test_a_top_up_ends_at_its_time(twins: Twins, window: Window) -> None:
    """Not a microsecond before; what was granted through it stays used."""
    adjust(twins, TopUp(1, window, 5, twins.now_us + SECOND_US))
    twins.pass_time(SECOND_US - 1)
    assert ask(twins, TEN[window], 12) == 12
    twins.pass_time(1)
    answer = twins.ask(terms(TEN[window]), 1)
    assert (answer.granted, answer.refused_by) == (0, NAMES[window])
    assert (answer.total_charged, answer.total_limit) == (12, 10 if window is Window.TOTAL else -1)
    assert stored(twins)["topped"] == 0


@pytest.mark.parametrize(("window", "days"), [(Window.DAY, 1), (Window.MONTH, 30), (Window.TOTAL, 300)])
def test_a_top_up_may_end_with_the_running_window(twins: Twins, window: Window, days: int) -> None:
    """Of the day or the month; the total's never ends."""
    asked = limits(day=10, month=10, total=10)
    adjust(twins, TopUp(1, window, 5, -1))
    end_us = {Window.DAY: START_US + NOON_US, Window.MONTH: terms(asked).windows.month_end_us}
    if window in end_us:
        twins.at(end_us[window] - 1)
        answer = twins.ask(terms(asked, at_us=twins.now_us), 0)
        assert (answer.day_limit, answer.month_limit, answer.total_limit)[window - 1] == 15
    twins.at(START_US + days * DAY_US)
    answer = twins.ask(terms(asked, at_us=twins.now_us), 0)
    raised = 15 if window is Window.TOTAL else 10
    assert (answer.day_limit, answer.month_limit, answer.total_limit)[window - 1] == raised


def test_an_unlimited_quota_stays_unlimited_and_zero_becomes_the_amount(twins: Twins) -> None:
    """-1 is no number to add to."""
    for window in Window:
        adjust(twins, TopUp(int(window), window, 5, 0))
    answer = twins.ask(terms(limits(month=0)), 9)
    assert (answer.granted, answer.day_limit, answer.month_limit, answer.total_limit) == (5, -1, 5, -1)


def test_a_raised_limit_stays_a_whole_number(twins: Twins) -> None:
    """It is cut at the largest one."""
    adjust(twins, TopUp(1, Window.DAY, 2**53 - 1, 0))
    assert twins.ask(terms(limits(day=2**53 - 5)), 1).day_limit == 2**53 - 1


def test_a_top_up_twice_is_once(twins: Twins) -> None:
    """It is told by its version, also when it is over."""
    change = TopUp(7, Window.DAY, 5, -1)
    adjust(twins, change)
    before = twins.check(subject())
    adjust(twins, change)
    assert twins.check(subject()) == before
    twins.pass_time(DAY_US)
    adjust(twins, TopUp(8, Window.MONTH, 1, 0))
    adjust(twins, change)
    answer = twins.ask(terms(limits(day=10, month=30), at_us=twins.now_us), 99)
    assert (answer.granted, answer.month_limit) == (10, 31)


def test_top_ups_that_are_long_over_are_forgotten(twins: Twins) -> None:
    """State does not grow with every one that ever was."""
    for version in range(30):
        adjust(twins, TopUp(version, Window.DAY, 5, -1))
        twins.pass_time(DAY_US)
    assert len(twins.reference.adjusted[subject().tag][0].top_ups) == 9


@pytest.mark.parametrize("window", list(Window))
def test_a_reset_sets_use_to_zero_in_its_windows(twins: Twins, window: Window) -> None:
    """And in no other."""
    assert ask(twins, TEN[window]) == 10
    adjust(twins, Reset(1, frozenset({window})))
    used = twins.usage(subject())
    charged = [used.day_charged, used.month_charged, used.total_charged]
    assert charged == [0 if place + 1 == window else 10 for place in range(3)]
    assert ask(twins, TEN[window]) == 10


def test_a_reset_of_all_windows(twins: Twins) -> None:
    """All three at once."""
    given = limits(day=10, month=10, total=10)
    ask(twins, given)
    adjust(twins, Reset(1, ALL))
    assert twins.usage(subject()).total_charged == 0
    assert ask(twins, given) == 10


def test_a_reset_twice_is_once(twins: Twins) -> None:
    """A version that is not above the last changes nothing."""
    ask(twins, TEN[Window.DAY])
    adjust(twins, Reset(5, ALL))
    assert ask(twins, TEN[Window.DAY], 4) == 4
    before = twins.check(subject())
    for version in (5, 4):
        adjust(twins, Reset(version, ALL))
        assert twins.check(subject()) == before
    adjust(twins, Reset(6, ALL))
    assert twins.usage(subject()).day_charged == 0


def test_holds_leases_and_tokens_stay_over_a_reset(twins: Twins) -> None:
    """Only what was settled is forgiven."""
    asked = terms(limits(rate=1, burst=40, day=40), lease_us=HOLD_US)
    one = Sidecar(twins, 1, asked)
    one.ask(8)
    one.close(5, counted=4)
    one.ask(2, ahead=6)
    before = stored(twins)
    twins.adjust(Reset(1, ALL), asked)
    after = stored(twins)
    for name in ("tokens_u", "leased", "day.open", "month.open", "total.open", "entries"):
        assert after[name] == before[name], name
    assert (before["day.charged"], after["day.charged"], after["total.charged"]) == (10, 6, 6)
    one.give_back(6)
    assert one.ask(0).day_charged == 0


def test_what_was_used_before_a_reset_may_go_back_after_it_and_grants_nothing(twins: Twins) -> None:
    """Use never falls below zero."""
    charged = twins.ask(terms(limits(day=10), conditional=False), 8)
    adjust(twins, Reset(1, ALL))
    day = DayNumbers(charged.day_end_us, 0, 5)
    answer = twins.ask(terms(limits(day=10), conditional=False), 99, generation=charged.generation, day=day)
    assert (answer.granted, answer.day_charged, answer.month_charged, answer.total_charged) == (
        10,
        10,
        10,
        10,
    )


def test_holds_from_before_a_reset_settle_after_it(twins: Twins) -> None:
    """They are use of the window in which they were granted: the present one."""
    one = Sidecar(twins, 1, terms(limits(day=10)))
    one.ask(6)
    adjust(twins, Reset(1, ALL))
    one.close(6, counted=2)
    answer = one.ask(0)
    assert (answer.day_charged, answer.day_open, answer.total_charged) == (2, 0, 2)


def test_the_previous_day_is_not_reset(twins: Twins) -> None:
    """It is over: only its part of the month and the total is forgiven."""
    twins.at(START_US + NOON_US - 1)
    ask(twins, limits())
    twins.pass_time(1)
    ask(twins, limits(), 1)
    adjust(twins, Reset(1, ALL))
    state = stored(twins)
    assert (state["previous.charged"], state["month.charged"], state["total.charged"]) == (99, 0, 0)


def test_history_keeps_true_use_over_a_reset(twins: Twins) -> None:
    """What was forgiven adds to the day's row; the hours do not notice."""
    ask(twins, limits(), 7)
    adjust(twins, Reset(1, ALL))
    ask(twins, limits(), 2)
    adjust(twins, Reset(2, frozenset({Window.DAY})))
    ask(twins, limits(), 3)
    twins.pass_time(NOON_US)
    ask(twins, limits(), 1)
    day_end_us, hour_end_us = START_US + NOON_US, START_US + 3_600_000_000
    assert twins.past(subject()) == {("r", day_end_us): 9, ("d", day_end_us): 3, ("h", hour_end_us): 12}


def test_a_subject_never_seen_may_be_topped_up(twins: Twins) -> None:
    """Its windows open with it."""
    adjust(twins, TopUp(1, Window.DAY, 5, -1))
    assert ask(twins, TEN[Window.DAY]) == 15
    assert stored(twins)["entries"].keys() == {b"side0001"}


def test_windows_that_do_not_hold_the_present_are_an_error(twins: Twins) -> None:
    """Nothing is changed: ask again with others."""
    strange = terms(limits(), at_us=START_US - 40 * DAY_US)
    assert twins.adjust(TopUp(1, Window.DAY, 5, -1), strange) is None
    assert not twins.client.exists(*twins.keys(subject()))


def test_a_plan_of_an_older_version_does_not_change_the_limits(twins: Twins) -> None:
    """An admin's process may be behind: the highest version decides, and its total keeps its key."""
    ask(twins, limits(day=3, total=50, version=4))
    adjust(twins, Reset(1, ALL))
    assert twins.ask(terms(limits()), 99).granted == 3
    assert twins.expiry_ms(twins.keys(subject()).total) == -1


def test_a_top_up_raises_a_soft_quota_too(twins: Twins) -> None:
    """By its amount, as a number of its kind; whole to the end."""
    soft = limits(day=-2 - 10, total=-HUGE)
    assert ask(twins, soft) == 99
    adjust(twins, TopUp(1, Window.DAY, 5, 0))
    adjust(twins, TopUp(2, Window.TOTAL, 5, 0))
    answer = twins.ask(terms(soft, conditional=False), 99)
    assert (answer.granted, answer.day_limit, answer.total_limit) == (99, -2 - 15, -HUGE)
