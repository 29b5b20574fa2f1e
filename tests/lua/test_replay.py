"""Replay: what was admitted without the store is counted once, whatever the limit."""

import pytest

from quotad.core.quota import Limits, Replay, Terms, Usage
from tests.support.sidecars import stored
from tests.support.twins import DAY_US, START_US, Twins, limits, subject, terms

NOON_US = 12 * 3_600_000_000
TODAY_US = START_US + NOON_US


def replay(
    twins: Twins, day_end_us: int, total: int, owner: bytes = b"process1", given: Limits | None = None
) -> Usage:
    asked = terms(given or limits(), at_us=twins.now_us)
    answer = twins.replay(Replay(day_end_us, total), asked, owner)
    assert answer is not None
    return answer


def charged(usage: Usage) -> tuple[int, int, int]:
    return usage.day_charged, usage.month_charged, usage.total_charged


def opened(twins: Twins, asked: Terms | None = None) -> None:
    twins.ask(asked or terms(limits(), at_us=twins.now_us, conditional=False), 1)


def test_the_running_day_takes_it_whole(twins: Twins) -> None:
    """In day, month and total."""
    opened(twins)
    assert charged(replay(twins, TODAY_US, 5)) == (6, 6, 6)


def test_the_previous_day_takes_it_in_month_and_total(twins: Twins) -> None:
    """The day that runs does not change."""
    opened(twins)
    twins.at(TODAY_US)
    opened(twins)
    assert charged(replay(twins, TODAY_US, 5)) == (1, 7, 7)
    assert stored(twins)["previous.charged"] == 6


def test_an_older_day_goes_to_history_and_to_a_month_that_still_runs(twins: Twins) -> None:
    """No counter of that day is kept any more."""
    for _ in range(3):
        opened(twins)
        twins.pass_time(DAY_US)
    opened(twins)
    assert charged(replay(twins, TODAY_US, 5)) == (1, 9, 9)
    assert twins.past(subject())["r", TODAY_US] == 5


def test_a_day_of_another_month_goes_to_history_and_total(twins: Twins) -> None:
    """That month is over."""
    opened(twins)
    twins.pass_time(60 * DAY_US)
    opened(twins)
    assert charged(replay(twins, TODAY_US + 2 * DAY_US, 5)) == (1, 1, 7)
    assert twins.past(subject())["r", TODAY_US + 2 * DAY_US] == 5


def test_the_first_instant_of_a_month_is_its_own(twins: Twins) -> None:
    """The day that ended when the month began lies in the month before."""
    twins.at(terms(limits()).windows.month_end_us + 5 * DAY_US)
    opened(twins)
    month_start_us = terms(limits(), at_us=twins.now_us).windows.month_start_us
    assert charged(replay(twins, month_start_us, 5)) == (1, 1, 6)
    assert charged(replay(twins, month_start_us + DAY_US, 3)) == (1, 4, 9)


def test_twice_is_once_and_only_the_growth_counts(twins: Twins) -> None:
    """Totals are absolute; a smaller one changes nothing."""
    opened(twins)
    assert charged(replay(twins, TODAY_US, 5)) == (6, 6, 6)
    before = twins.check(subject())
    for total in (5, 3, 0):
        assert charged(replay(twins, TODAY_US, total)) == (6, 6, 6)
        assert twins.check(subject()) == before
    assert charged(replay(twins, TODAY_US, 8)) == (9, 9, 9)


def test_each_process_and_each_day_has_a_mark_of_its_own(twins: Twins) -> None:
    """What one counted hides nothing of another."""
    opened(twins)
    replay(twins, TODAY_US, 5)
    assert charged(replay(twins, TODAY_US, 4, b"process2")) == (10, 10, 10)
    twins.at(TODAY_US)
    opened(twins)
    assert charged(replay(twins, TODAY_US + DAY_US, 5)) == (6, 16, 16)
    assert len(twins.client.hkeys(twins.keys(subject()).total[:-1] + b"j")) == 3


def test_marks_live_as_long_as_the_history(twins: Twins) -> None:
    """And are renewed with each."""
    opened(twins)
    replay(twins, TODAY_US, 5)
    key = twins.keys(subject()).total[:-1] + b"j"
    assert twins.expiry_ms(key) == (START_US + 400 * DAY_US) // 1000


@pytest.mark.parametrize("conditional", [True, False])
def test_it_is_never_refused(twins: Twins, conditional: bool) -> None:
    """It was admitted: use may exceed the limit, and says so; nothing more is granted."""
    asked = terms(limits(day=3, total=3), conditional=conditional)
    twins.ask(asked, 3)
    used = replay(twins, TODAY_US, 5, given=limits(day=3, total=3))
    assert used.day_charged + used.day_open == 8
    answer = twins.ask(asked)
    assert (answer.granted, answer.held_only) == (0, 0)


def test_it_takes_no_token(twins: Twins) -> None:
    """The rate of that time is over."""
    asked = terms(limits(rate=1, burst=9))
    before = twins.ask(asked, 1).tokens
    replay(twins, TODAY_US, 5, given=limits(rate=1, burst=9))
    assert twins.ask(asked, 0).tokens == before


def test_a_subject_without_state_gets_one(twins: Twins) -> None:
    """The outage may have been the store's first day."""
    assert charged(replay(twins, TODAY_US, 5)) == (5, 5, 5)
    assert twins.ask(terms(limits(day=6)), 9).granted == 1


def test_what_is_known_creates_nothing(twins: Twins) -> None:
    """A replay of nothing leaves no key."""
    assert charged(replay(twins, TODAY_US, 0)) == (0, 0, 0)
    assert not twins.client.exists(*twins.keys(subject()))


def test_windows_that_do_not_hold_the_present_are_an_error(twins: Twins) -> None:
    """Nothing is counted, so the next replay counts it."""
    strange = terms(limits(), at_us=START_US - 40 * DAY_US)
    assert twins.replay(Replay(TODAY_US, 5), strange) is None
    assert charged(replay(twins, TODAY_US, 5, b"side0009")) == (5, 5, 5)


def test_the_hour_shows_it(twins: Twins) -> None:
    """It is use of the hour in which it was told."""
    opened(twins)
    replay(twins, TODAY_US, 5)
    twins.pass_time(3_600_000_000)
    opened(twins)
    assert twins.past(subject()) == {("h", START_US + 3_600_000_000): 6}
