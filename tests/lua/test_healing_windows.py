"""Healing over the edges of days and months, and beside resets."""

import pytest

from quotad.core.quota import Reset, Window
from tests.support.sidecars import Sidecar, forget, stored, used
from tests.support.twins import START_US, Twins, limits, subject, terms

SECOND_US = 1_000_000
NOON_US = 12 * 3_600_000_000
FREE = limits()


def test_a_day_that_ended_meanwhile_is_restored_as_the_previous_one(twins: Twins) -> None:
    """Its use binds in month and total, its Holds settle there."""
    twins.at(START_US + NOON_US - SECOND_US)
    one = Sidecar(twins, 1, terms(FREE))
    one.ask(6)
    one.close(2, counted=2)
    one.tell()
    forget(twins)
    twins.pass_time(SECOND_US)
    one.asked = terms(FREE, at_us=twins.now_us)
    answer = one.ask(1)
    assert (used(answer), answer.previous_day_end_us) == ((1, 7, 7), twins.now_us)
    assert (stored(twins)["previous.charged"], stored(twins)["previous.open"]) == (2, 4)
    one.previous.closed = 6
    answer = one.ask(0)
    assert (answer.month_charged, answer.month_open, stored(twins)["previous.charged"]) == (6, 1, 6)


def test_a_replica_of_yesterday_gets_back_what_it_missed_of_yesterday(twins: Twins) -> None:
    """The day ended between the write that was lost and the call that heals."""
    twins.at(START_US + NOON_US - SECOND_US)
    one = Sidecar(twins, 1, terms(FREE))
    one.ask(1)
    twins.snapshot(subject())
    one.ask(5)
    twins.fail_over(subject())
    twins.pass_time(SECOND_US)
    one.asked = terms(FREE, at_us=twins.now_us)
    answer = one.ask(1)
    assert (used(answer), answer.month_open, answer.entry_previous_granted) == ((1, 7, 7), 7, 6)


def test_holds_of_the_previous_day_settle_after_healing(twins: Twins) -> None:
    """The store that knows no previous day learns of it from whoever held something there."""
    twins.at(START_US + NOON_US - SECOND_US)
    one, two = Sidecar(twins, 1, terms(FREE)), Sidecar(twins, 2, terms(FREE))
    one.ask(6)
    twins.pass_time(SECOND_US)
    for each in (one, two):
        each.asked = terms(FREE, at_us=twins.now_us)
    two.ask(1)
    one.ask(1)
    forget(twins)
    two.ask(0)
    assert used(one.ask(0)) == (2, 8, 8)
    one.previous.closed, one.previous.given_back = 6, 6
    answer = one.ask(0)
    assert used(answer) == (2, 2, 2)
    assert used(two.ask(0)) == (2, 2, 2)


def test_the_month_is_healed_beyond_the_days_that_entries_name(twins: Twins) -> None:
    """What was used on the days before is remembered by all."""
    one = Sidecar(twins, 1, terms(FREE, conditional=False))
    one.ask(5)
    for _ in range(3):
        twins.pass_time(2 * NOON_US)
        one.asked = terms(FREE, at_us=twins.now_us, conditional=False)
        one.ask(5)
    forget(twins)
    answer = one.ask(1)
    assert used(answer) == (6, 21, 21)
    assert answer.month_end_us == one.asked.windows.month_end_us


def test_a_window_that_ended_is_not_remembered(twins: Twins) -> None:
    """A new month begins at zero; only the total goes on."""
    one = Sidecar(twins, 1, terms(FREE, conditional=False))
    one.ask(5)
    forget(twins)
    twins.pass_time(40 * 2 * NOON_US)
    one.asked = terms(FREE, at_us=twins.now_us, conditional=False)
    assert used(one.ask(1)) == (1, 1, 6)


def test_a_remembered_window_ends_at_its_stored_end(twins: Twins) -> None:
    """A changed zone acts from the next day on, over a loss too."""
    one = Sidecar(twins, 1, terms(FREE))
    day_end_us = one.ask(1).day_end_us
    forget(twins)
    one.asked = terms(FREE, zone="Asia/Shanghai")
    assert one.ask(1).day_end_us == day_end_us


def test_a_reset_that_the_store_knows_is_not_undone(twins: Twins) -> None:
    """Who last heard before it brings back nothing of what it forgave."""
    one, two = Sidecar(twins, 1, terms(FREE, conditional=False)), Sidecar(twins, 2, terms(FREE))
    one.ask(9)
    two.ask(0)
    twins.pass_time(1)
    twins.adjust(Reset(1, frozenset(Window)), terms(FREE))
    twins.snapshot(subject())
    two.ask(0)
    two.ask(1)
    twins.fail_over(subject())
    two.ask(0)
    assert used(one.ask(0)) == (1, 1, 1)


@pytest.mark.parametrize("window", list(Window))
def test_a_reset_while_a_subject_heals_is_not_undone(twins: Twins, window: Window) -> None:
    """What was remembered before it binds no more in its window, and goes on to bind in the others."""
    one, two = (Sidecar(twins, number, terms(FREE, conditional=False)) for number in (1, 2))
    one.ask(4)
    two.ask(5)
    forget(twins)
    two.ask(0)
    twins.pass_time(1)
    twins.adjust(Reset(1, frozenset({window})), terms(FREE))
    after = used(two.ask(0))
    assert after == tuple(0 if place + 1 == window else 9 for place in range(3))
    healed = used(one.ask(0))
    assert healed[window - 1] <= 4
    assert all(healed[place] == 9 for place in range(3) if place + 1 != window)


@pytest.mark.parametrize("edge", ["day", "month"])
def test_what_was_remembered_of_a_window_ends_with_it(twins: Twins, edge: str) -> None:
    """A Subject may heal over midnight, and lose again: no unit of the new window is hidden."""
    first = terms(FREE, conditional=False)
    edge_us = first.windows.day_end_us if edge == "day" else first.windows.month_end_us
    twins.at(edge_us - SECOND_US)
    sidecars = [
        Sidecar(twins, number, terms(FREE, at_us=twins.now_us, conditional=False)) for number in (1, 2)
    ]
    one, dead = sidecars
    one.ask(20)
    forget(twins)
    one.ask(0)
    twins.at(edge_us)
    for each in sidecars:
        each.asked = terms(FREE, at_us=edge_us, conditional=False)
    one.ask(3)
    twins.snapshot(subject())
    dead.ask(6)
    one.ask(1)
    twins.fail_over(subject())
    answer = one.ask(0)
    assert answer.day_charged >= 10
    assert answer.month_charged >= (10 if edge == "month" else 30)
