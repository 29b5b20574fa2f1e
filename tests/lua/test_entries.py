"""Entries: settles that count once, whatever is lost, repeated, late or reclaimed."""

import pytest

from quotad.core.quota import Answer, AnswerStatus, Call, DayNumbers
from tests.support.twins import HOLD_US, NO_DAY, START_US, Twins, limits, subject, terms

PLAN = limits(day=10)
NOON_US = 12 * 3_600_000_000


def settled(answer: Answer, closed: int, given_back: int) -> DayNumbers:
    return DayNumbers(answer.day_end_us, closed, given_back)


def test_a_hold_is_settled_as_use_or_given_back(twins: Twins) -> None:
    """Of five Holds three count and two go back."""
    held = twins.ask(terms(PLAN), 5)
    answer = twins.ask(terms(PLAN), 0, generation=held.generation, day=settled(held, 5, 2))
    assert (answer.day_charged, answer.day_open) == (3, 0)
    assert twins.ask(terms(PLAN), 9, generation=held.generation).granted == 7


def test_a_settle_repeated_or_reordered_counts_once(twins: Twins) -> None:
    """The same or smaller numbers change nothing more."""
    held = twins.ask(terms(PLAN), 5)
    for closed, given_back in [(4, 1), (4, 1), (2, 0), (0, 0), (4, 1)]:
        answer = twins.ask(terms(PLAN), 0, generation=held.generation, day=settled(held, closed, given_back))
        assert (answer.day_charged, answer.day_open) == (3, 1)


def test_numbers_above_what_was_granted_are_cut(twins: Twins) -> None:
    """A Sidecar cannot close or return more than it got; nothing goes below zero."""
    twins.ask(terms(PLAN), 4, sidecar=2)
    held = twins.ask(terms(PLAN), 2)
    answer = twins.ask(terms(PLAN), 0, generation=held.generation, day=settled(held, 50, 70))
    assert (answer.day_charged, answer.day_open) == (0, 4)


def test_a_unit_charged_at_once_may_be_given_back(twins: Twins) -> None:
    """An unconditional grant that came too late for its request is returned, once."""
    asked = terms(PLAN, conditional=False)
    charged = twins.ask(asked, 4)
    for _ in range(2):
        answer = twins.ask(asked, 0, generation=charged.generation, day=settled(charged, 0, 3))
        assert (answer.day_charged, answer.day_open, answer.total_charged) == (1, 0, 1)


def test_a_plan_may_get_and_lose_its_condition(twins: Twins) -> None:
    """Units charged at grant and Holds of one Entry are told apart whatever the plan says now."""
    first = twins.ask(terms(PLAN, conditional=False), 2)
    twins.ask(terms(PLAN), 3, generation=first.generation)
    answer = twins.ask(
        terms(PLAN, conditional=False), 1, generation=first.generation, day=settled(first, 3, 2)
    )
    assert (answer.entry_granted, answer.entry_at_once) == (6, 3)
    assert (answer.day_charged, answer.day_open) == (4, 0)


def test_a_call_number_not_above_the_last_changes_nothing(twins: Twins) -> None:
    """A repeated call, or one that arrives seconds late, is answered as stale."""
    asked = terms(PLAN)
    first = Call(subject(), asked, 3, 0, 5, NO_DAY, NO_DAY)
    answer = twins.submit([first])[0]
    before = twins.check(subject())
    for number in (5, 4, 1):
        late = Call(subject(), asked, 3, answer.generation, number, settled(answer, 3, 3), NO_DAY)
        stale = twins.submit([late])[0]
        assert (stale.status, stale.granted) == (AnswerStatus.NUMBER_STALE, 0)
        assert stale.entry_granted == 3
    assert twins.check(subject()) == before


def test_the_grant_of_a_lost_first_reply_is_seen(twins: Twins) -> None:
    """A Sidecar that never heard its generation keeps its Entry; the numbers show what was lost."""
    lost = twins.ask(terms(PLAN), 4)
    again = twins.ask(terms(PLAN), 2)
    assert (again.generation, again.granted, again.entry_granted) == (lost.generation, 2, 6)
    answer = twins.ask(terms(PLAN), 0, generation=again.generation, day=settled(again, 4, 4))
    assert (answer.day_charged, answer.day_open) == (0, 2)


@pytest.mark.parametrize(("release", "charged"), [(False, 4), (True, 0)])
def test_a_silent_sidecar_is_reclaimed(twins: Twins, release: bool, charged: int) -> None:
    """When its hold time has passed, another's call charges its Holds, or gives them back."""
    asked = terms(PLAN, release=release)
    twins.ask(asked, 4)
    twins.pass_time(HOLD_US - 1)
    assert twins.ask(asked, 1, sidecar=2).day_open == 5
    twins.pass_time(1)
    answer = twins.ask(asked, 1, sidecar=2)
    assert (answer.day_charged, answer.day_open) == (charged, 2)
    assert set(twins.client.hkeys(twins.keys(subject()).state)) == {b"a", b"side0002"}


def test_a_heartbeat_keeps_an_entry_alive(twins: Twins) -> None:
    """A settle call without news moves the end of the caller's own Entry."""
    asked = terms(PLAN)
    held = twins.ask(asked, 4)
    for number in range(100, 105):
        twins.pass_time(HOLD_US - 1)
        beat = Call(subject(), asked, 0, held.generation, number, NO_DAY, NO_DAY)
        twins.submit([beat], settle_only=True)
        assert twins.ask(asked, 0, sidecar=2).day_open == 4


def test_numbers_of_a_reclaimed_entry_are_void(twins: Twins) -> None:
    """A Sidecar that was only paused settles nothing that was settled for it, and gets a new Entry."""
    asked = terms(PLAN)
    held = twins.ask(asked, 4)
    twins.pass_time(HOLD_US)
    twins.ask(asked, 1, sidecar=2)
    back = twins.ask(asked, 1, generation=held.generation, day=settled(held, 4, 4))
    assert back.generation != held.generation
    assert (back.entry_granted, back.day_charged, back.day_open) == (1, 4, 2)


def test_the_reply_that_told_a_new_generation_may_be_lost(twins: Twins) -> None:
    """Old numbers stay void, and what the lost call was granted is still the Sidecar's to give back."""
    asked = terms(PLAN)
    held = twins.ask(asked, 4)
    twins.pass_time(HOLD_US)
    twins.ask(asked, 1, sidecar=2)
    lost = twins.ask(asked, 2, generation=held.generation, day=settled(held, 4, 4))
    again = twins.ask(asked, 1, generation=held.generation, day=settled(held, 4, 4))
    assert (again.generation, again.entry_granted, again.day_open) == (lost.generation, 3, 4)
    answer = twins.ask(asked, 0, generation=again.generation, day=settled(again, 3, 2))
    assert (answer.day_charged, answer.day_open) == (5, 1)


def test_a_generation_is_never_handed_out_twice(twins: Twins) -> None:
    """After the server lost the hash, numbers of a forgotten Entry do not close Holds of a new one."""
    asked = terms(PLAN)
    held = twins.ask(asked, 4)
    twins.pass_time(1)
    twins.lose(subject())
    fresh = twins.ask(asked, 3)
    assert fresh.generation > held.generation
    answer = twins.ask(asked, 0, generation=held.generation, day=settled(held, 4, 4))
    assert answer.day_open == 3


def test_holds_of_the_previous_day_are_reclaimed_there(twins: Twins) -> None:
    """A Sidecar that fell silent before midnight has its Holds charged in the old day."""
    twins.at(START_US + NOON_US - 1)
    twins.ask(terms(PLAN), 4)
    twins.pass_time(HOLD_US)
    answer = twins.ask(terms(PLAN, at_us=twins.now_us), 1, sidecar=2)
    assert (answer.day_charged, answer.day_open, answer.month_charged, answer.month_open) == (0, 1, 4, 1)


def test_a_sidecar_silent_since_midnight_is_reclaimed_in_both_days(twins: Twins) -> None:
    """What it held of yesterday and of today is charged each in its day, and all in the month."""
    twins.at(START_US + NOON_US - 1)
    held = twins.ask(terms(PLAN), 4)
    twins.pass_time(1)
    today = terms(PLAN, at_us=twins.now_us)
    twins.ask(today, 1, generation=held.generation)
    twins.pass_time(HOLD_US)
    answer = twins.ask(today, 1, sidecar=2)
    assert (answer.day_charged, answer.day_open, answer.month_charged, answer.month_open) == (1, 1, 5, 1)


def test_entries_are_looked_through_at_most_four_times_per_hold_time(twins: Twins) -> None:
    """A hundred Sidecars that end one after another do not make every call scan them all."""
    asked = terms(limits())
    for sidecar in range(10, 40):
        twins.pass_time(10_000)
        twins.ask(asked, 1, sidecar=sidecar)
    twins.pass_time(HOLD_US - 300_000)
    looked = set()
    for _ in range(30):
        twins.pass_time(10_000)
        twins.ask(asked, 0)
        state = twins.check(subject())
        assert state is not None
        looked.add(state["earliest_us"])
    assert len(looked) <= 3


def test_a_settle_creates_no_key(twins: Twins) -> None:
    """A settle for a Subject that is gone changes nothing and leaves no trace; who had an Entry is told."""
    call = Call(subject(), terms(PLAN), 7, 3, 1, DayNumbers(START_US + NOON_US, 5, 5), NO_DAY)
    for generation, status in [(3, AnswerStatus.STATE_LOST), (0, AnswerStatus.DECIDED)]:
        answer = twins.submit([call._replace(generation=generation)], settle_only=True)[0]
        assert (answer.status, answer.generation, answer.granted) == (status, 0, 0)
        assert not twins.client.exists(*twins.keys(subject()))


def test_a_settle_grants_nothing(twins: Twins) -> None:
    """The cost of a settle call is ignored."""
    held = twins.ask(terms(PLAN), 2)
    call = Call(subject(), terms(PLAN), 7, held.generation, 9, settled(held, 1, 0), NO_DAY)
    answer = twins.submit([call], settle_only=True)[0]
    assert (answer.granted, answer.day_charged, answer.day_open, answer.refused_by) == (0, 1, 1, 0)


@pytest.mark.parametrize(("release", "charged"), [(False, 5), (True, 2)])
def test_a_lost_hash_leaves_the_total(twins: Twins, release: bool, charged: int) -> None:
    """The total goes on; what was held in it is settled by onCrash, since nobody can settle it any more."""
    plan = limits(total=20)
    twins.ask(terms(plan, conditional=False), 2)
    twins.ask(terms(plan), 3, sidecar=2)
    twins.lose(subject())
    answer = twins.ask(terms(plan, release=release), 1)
    assert (answer.total_charged, answer.total_open, answer.day_charged) == (charged, 1, 0)


def test_a_hundred_gone_sidecars_are_removed_at_once(twins: Twins) -> None:
    """State is as large as the number of live Sidecars, not of all that ever were."""
    asked = terms(limits())
    for sidecar in range(100, 220):
        twins.ask(asked, 1, sidecar=sidecar)
    twins.pass_time(HOLD_US)
    assert twins.ask(asked, 0).day_charged == 120
    assert twins.client.hlen(twins.keys(subject()).state) == 2
