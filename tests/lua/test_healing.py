"""Healing: what Sidecars know and the store has forgotten binds again."""

import itertools
import random

import pytest

from quotad.core.quota import Answer, AnswerStatus, Limit, Memory, Reset, Terms, Window
from tests.support.sidecars import Sidecar
from tests.support.twins import HOLD_US, START_US, Twins, limits, subject, terms

SECOND_US = 1_000_000
NOON_US = 12 * 3_600_000_000
TTL_US = 10 * SECOND_US
FREE = limits()


def sidecar(twins: Twins, number: int = 1, asked: Terms | None = None) -> Sidecar:
    return Sidecar(twins, number, asked or terms(FREE))


def forget(twins: Twins) -> None:
    """The store is empty."""
    twins.lose(subject())
    twins.lose(subject(), total=True)


def stored(twins: Twins) -> dict[str, int]:
    state = twins.check(subject())
    assert state is not None
    return state


def used(answer: Answer) -> tuple[int, int, int]:
    """Of day, month and total."""
    return (
        answer.day_charged + answer.day_open,
        answer.month_charged + answer.month_open,
        answer.total_charged + answer.total_open,
    )


def test_an_empty_store_gets_back_what_its_sidecar_knows(twins: Twins) -> None:
    """Use, Holds and the Entry with its generation; the Holds settle as if nothing had happened."""
    one = sidecar(twins)
    one.ask(9)
    one.close(5, counted=3)
    one.tell()
    generation = one.generation
    forget(twins)
    answer = one.ask(2)
    assert (one.told, answer.generation) == (1, generation)
    assert (answer.day_charged, answer.day_open, answer.month_charged, answer.total_charged) == (3, 6, 3, 3)
    one.close(6, counted=6)
    assert used(one.ask(0)) == (9, 9, 9)


def test_numbers_of_the_healing_call_itself_count(twins: Twins) -> None:
    """Holds that ended while the store was away are settled with what is restored."""
    one = sidecar(twins)
    one.ask(9)
    forget(twins)
    one.close(9, counted=4)
    answer = one.ask(0)
    # Nine were in use when it was last heard: the larger binds.
    assert (answer.day_charged, answer.day_open) == (9, 0)
    assert used(one.ask(1)) == (10, 10, 10)


def test_a_limit_binds_over_a_loss(twins: Twins) -> None:
    """Of ten units a day ten are granted, however often the store forgets."""
    asked = terms(limits(day=10), conditional=False)
    sidecars = [sidecar(twins, number, asked) for number in (1, 2, 3)]
    granted = 0
    for turn in range(12):
        granted += sidecars[turn % 3].ask(1).granted
        if turn in (2, 5, 9):
            forget(twins)
            granted += sum(one.ask(0).granted for one in sidecars)
    assert granted == 10


def test_a_replica_that_lags_gets_back_what_it_missed(twins: Twins) -> None:
    """Only what grew since is added, in each window."""
    one = sidecar(twins)
    one.ask(5)
    one.close(2, counted=2)
    one.tell()
    twins.snapshot(subject())
    one.ask(4)
    one.close(3, counted=1)
    one.tell()
    twins.fail_over(subject())
    answer = one.ask(0)
    assert (one.told, answer.day_charged, answer.day_open) == (1, 3, 4)
    assert used(answer) == (7, 7, 7)


def test_a_replica_that_missed_nothing_is_believed(twins: Twins) -> None:
    """Nobody is asked, nothing is healed."""
    one = sidecar(twins)
    one.ask(5)
    twins.snapshot(subject())
    twins.fail_over(subject())
    assert (used(one.ask(1)), one.told, stored(twins)["healing_us"]) == ((6, 6, 6), 0, 0)


def test_a_fork_adds_up(twins: Twins) -> None:
    """Writes that the old primary took, and those that the new one took meanwhile, are both counted."""
    one, two, three = (sidecar(twins, number) for number in (1, 2, 3))
    for each in (one, two):
        each.ask(1)
    twins.snapshot(subject())
    one.ask(10)
    one.ask(10)
    twins.fail_over(subject())
    assert used(three.ask(5)) == (7, 7, 7)
    assert used(two.ask(3)) == (10, 10, 10)
    assert (two.told, three.told) == (0, 0)
    answer = one.ask(0)
    assert (one.told, used(answer)) == (1, (30, 30, 30))


def test_the_entry_alone_shows_a_fork(twins: Twins) -> None:
    """Also when the new primary has written more often than the old one had."""
    one, two = sidecar(twins), sidecar(twins, 2)
    one.ask(1)
    twins.snapshot(subject())
    one.ask(4)
    twins.fail_over(subject())
    for _ in range(20):
        two.ask(1)
    assert stored(twins)["version"] > (one.answer.version if one.answer else 0)
    assert used(one.ask(0)) == (25, 25, 25)


def test_a_missing_entry_is_restored_within_the_hold_time(twins: Twins) -> None:
    """Nobody can have ended it since it was heard: it was lost."""
    two = sidecar(twins, 2)
    two.ask(1)
    twins.snapshot(subject())
    one = sidecar(twins)
    generation = one.ask(4).generation
    twins.fail_over(subject())
    for _ in range(3):
        two.ask(0)
    twins.pass_time(HOLD_US - 1)
    two.ask(0)
    answer = one.ask(0)
    assert (answer.generation, answer.entry_granted, used(answer)) == (generation, 4, (5, 5, 5))


def test_a_missing_entry_is_void_after_the_hold_time(twins: Twins) -> None:
    """It was ended and what it held was settled: its numbers change nothing."""
    one, two = sidecar(twins), sidecar(twins, 2)
    generation = one.ask(4).generation
    twins.pass_time(HOLD_US)
    two.ask(0)
    one.close(4)
    answer = one.ask(0)
    assert one.told == 1
    assert (answer.generation != generation, answer.entry_granted) == (True, 0)
    assert (answer.day_charged, answer.day_open, stored(twins)["healing_us"]) == (4, 0, 0)


def test_while_a_subject_heals_every_missing_entry_is_restored(twins: Twins) -> None:
    """A Sidecar that was paused over the loss tells what it held, until the healing time is over."""
    sleepers, awake = [sidecar(twins, number) for number in (1, 2)], sidecar(twins, 3)
    awake.ask(1)
    twins.snapshot(subject())
    for sleeper in sleepers:
        sleeper.ask(4)
    twins.pass_time(HOLD_US - 1)
    awake.ask(1)
    twins.fail_over(subject())
    awake.ask(0)
    twins.pass_time(HOLD_US - 1)
    assert sleepers[0].ask(0).entry_granted == 4
    twins.pass_time(1)
    assert sleepers[1].ask(0).entry_granted == 0


def test_what_was_before_the_state_itself_cannot_have_been_ended_in_it(twins: Twins) -> None:
    """After an empty store a Sidecar gets its Entry back however long it slept."""
    sleeper, awake = sidecar(twins), sidecar(twins, 2)
    sleeper.ask(4)
    forget(twins)
    for _ in range(9):
        awake.ask(1)
        twins.pass_time(HOLD_US)
    assert (sleeper.ask(0).entry_granted, sleeper.told) == (4, 1)


def test_what_was_remembered_binds_until_entries_are_restored_and_is_not_added(twins: Twins) -> None:
    """The first to heal brings what all had in use; the others' Entries are part of that."""
    sidecars = [sidecar(twins, number, terms(FREE, conditional=False)) for number in (1, 2, 3)]
    for cost, one in zip((5, 7, 9), sidecars, strict=True):
        one.ask(cost)
    forget(twins)
    seen = [used(one.ask(0))[0] for one in reversed(sidecars)]
    assert seen == [21, 21, 21]
    assert stored(twins)["h"]["day.restored"] == 21  # type: ignore[index]


def test_who_remembers_more_raises_what_binds(twins: Twins) -> None:
    """An older memory lowers nothing, a newer one brings what it adds."""
    sidecars = [sidecar(twins, number, terms(FREE, conditional=False)) for number in (1, 2, 3)]
    for cost, one in zip((5, 7, 9), sidecars, strict=True):
        one.ask(cost)
    forget(twins)
    assert [used(one.ask(0))[0] for one in sidecars] == [5, 12, 21]


def test_what_a_dead_sidecar_used_stays_charged(twins: Twins) -> None:
    """Others heard of it: it is use, although no Entry tells of it any more."""
    dead, one = sidecar(twins, 2), sidecar(twins)
    dead.ask(6)
    one.ask(1)
    forget(twins)
    answer = one.ask(1)
    assert (answer.day_charged, answer.day_open) == (6, 2)
    one.close(2)
    assert used(one.ask(0)) == (6, 6, 6)


@pytest.mark.parametrize("order", list(itertools.permutations((0, 1, 2))))
@pytest.mark.parametrize("empty", [True, False])
def test_in_whatever_order_they_heal_all_is_counted_once(
    twins: Twins, order: tuple[int, int, int], empty: bool
) -> None:
    """Three Sidecars with Holds, use and Leases on two days: afterwards all is as it was."""
    for seed in range(4):
        twins.reset(START_US + NOON_US - 3 * SECOND_US)
        choose = random.Random(seed)
        sidecars = [sidecar(twins, number) for number in (1, 2, 3)]
        for turn in range(30):
            if turn == 15:
                twins.at(START_US + NOON_US)
            if turn == 22:
                twins.snapshot(subject())
            one = choose.choice(sidecars)
            lease = terms(FREE, at_us=twins.now_us, conditional=choose.random() < 0.7, lease_us=TTL_US)
            one.asked = lease
            ahead = choose.choice([0, 4])
            cost = choose.randint(0, 5)
            one.ask(cost, ahead=ahead)
            one.spend(choose.randint(0, ahead))
            one.close(choose.randint(0, one.day.granted - one.day.at_once - one.day.closed), counted=0)
        for one in sidecars:
            one.asked = terms(FREE, at_us=twins.now_us, lease_us=TTL_US)
            one.ask(0)
        before = [used(one.ask(0)) for one in sidecars][-1]
        if empty:
            forget(twins)
        else:
            twins.fail_over(subject())
        twins.pass_time(SECOND_US)
        after = [used(sidecars[place].ask(0)) for place in order]
        assert after[-1] == before
        for one in sidecars:
            one.close(one.day.granted - one.day.at_once - one.day.closed, counted=0)
            one.previous.closed = one.previous.granted - one.previous.at_once
        assert [one.ask(0) for one in sidecars][-1].day_open == 0
        assert stored(twins)["total.open"] == 0


def test_a_healed_bucket_starts_empty_and_fills_when_unknown_leases_have_ended(twins: Twins) -> None:
    """Whoever had taken units ahead may spend them until then."""
    asked = terms(limits(rate=10, burst=50), lease_us=TTL_US)
    one = sidecar(twins, 1, asked)
    one.ask(1)
    forget(twins)
    answer = one.ask(1)
    assert (answer.granted, answer.refused_by, answer.held_only) == (0, Limit.RATE, 0)
    assert answer.retry_us == TTL_US + SECOND_US // 10
    twins.pass_time(TTL_US)
    assert one.ask(0).tokens == 0
    twins.pass_time(SECOND_US // 10)
    assert one.ask(0).tokens == 1
    twins.pass_time(10 * SECOND_US)
    assert one.ask(0).tokens == 50


def test_a_second_loss_empties_the_bucket_again(twins: Twins) -> None:
    """Also while the Subject still heals from the first: what was spent since is forgotten too."""
    asked = terms(limits(rate=10, burst=50))
    one = sidecar(twins, 1, asked)
    one.ask(1)
    forget(twins)
    one.ask(0)
    twins.pass_time(3 * SECOND_US)
    one.ask(0)
    twins.snapshot(subject())
    assert one.ask(30).granted == 30
    twins.fail_over(subject())
    assert (one.ask(1).granted, one.told) == (0, 2)
    assert stored(twins)["healing_us"] == twins.now_us + HOLD_US


def test_one_loss_empties_the_bucket_once(twins: Twins) -> None:
    """Sidecars that heal one after another do not starve each other."""
    asked = terms(limits(rate=10, burst=50))
    one, two = sidecar(twins, 1, asked), sidecar(twins, 2, asked)
    one.ask(1)
    two.ask(1)
    forget(twins)
    two.ask(0)
    twins.pass_time(SECOND_US)
    assert (one.ask(0).tokens, one.told) == (10, 1)


def test_restored_leases_keep_their_place_in_the_bucket(twins: Twins) -> None:
    """Bucket and Leases together never exceed the burst after healing either."""
    asked = terms(limits(rate=10, burst=20), lease_us=TTL_US)
    one, two = sidecar(twins, 1, asked), sidecar(twins, 2, asked)
    one.ask(0, ahead=5)
    one.spend(1)
    two.ask(0, ahead=2)
    forget(twins)
    one.ask(0)
    assert (stored(twins)["leased"], stored(twins)["leases_end_us"]) == (4, twins.now_us + TTL_US)
    twins.pass_time(TTL_US - 1)
    two.ask(0)
    assert stored(twins)["leased"] == 6
    twins.pass_time(100 * SECOND_US)
    three = sidecar(twins, 3, asked)
    assert [three.ask(0).tokens for _ in range(2)] == [14, 20]


def test_a_lease_restored_late_takes_its_place_from_the_bucket(twins: Twins) -> None:
    """The bucket may have filled meanwhile."""
    one, two = (sidecar(twins, number, terms(limits(rate=10, burst=20), lease_us=1)) for number in (1, 2))
    one.ask(0, ahead=5)
    two.ask(0)
    forget(twins)
    two.ask(0)
    twins.pass_time(20 * SECOND_US)
    one.asked = terms(limits(rate=10, burst=20), lease_us=TTL_US)
    assert (one.ask(0).tokens, stored(twins)["leased"]) == (15, 5)


def test_a_day_that_ended_meanwhile_is_restored_as_the_previous_one(twins: Twins) -> None:
    """Its use binds in month and total, its Holds settle there."""
    twins.at(START_US + NOON_US - SECOND_US)
    one = sidecar(twins)
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
    one = sidecar(twins)
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
    one, two = sidecar(twins), sidecar(twins, 2)
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


def test_the_month_is_healed_beyond_the_days_that_entries_name(twins: Twins) -> None:
    """What was used on the days before is remembered by all."""
    one = sidecar(twins, 1, terms(FREE, conditional=False))
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
    one = sidecar(twins, 1, terms(FREE, conditional=False))
    one.ask(5)
    forget(twins)
    twins.pass_time(40 * 2 * NOON_US)
    one.asked = terms(FREE, at_us=twins.now_us, conditional=False)
    assert used(one.ask(1)) == (1, 1, 6)


def test_a_remembered_window_ends_at_its_stored_end(twins: Twins) -> None:
    """A changed zone acts from the next day on, over a loss too."""
    one = sidecar(twins)
    day_end_us = one.ask(1).day_end_us
    forget(twins)
    one.asked = terms(FREE, zone="Asia/Shanghai")
    assert one.ask(1).day_end_us == day_end_us


def test_a_reset_that_the_store_knows_is_not_undone(twins: Twins) -> None:
    """Who last heard before it brings back nothing of what it forgave."""
    one, two = sidecar(twins, 1, terms(FREE, conditional=False)), sidecar(twins, 2)
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
    one, two = (sidecar(twins, number, terms(FREE, conditional=False)) for number in (1, 2))
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


@pytest.mark.parametrize("empty", [True, False])
def test_a_question_changes_nothing(twins: Twins, empty: bool) -> None:
    """Until it is told what was forgotten the store writes nothing, whatever is asked."""
    one = sidecar(twins)
    one.ask(4)
    twins.snapshot(subject())
    one.ask(4)
    if empty:
        forget(twins)
    else:
        twins.fail_over(subject())
    before = twins.check(subject())
    one.close(2)
    for settle_only in (True, False):
        answer = twins.submit([one.call(3, ahead=2)], settle_only=settle_only)[0]
        assert (answer.status, answer.granted) == (AnswerStatus.STATE_LOST, 0)
        assert twins.check(subject()) == before
    told = one.call(3)._replace(memory=one.memory())
    assert twins.submit([told], settle_only=True)[0].status == AnswerStatus.STATE_LOST
    assert twins.check(subject()) == before


def test_the_total_that_outlived_its_hash_is_not_counted_twice(twins: Twins) -> None:
    """What Entries restore is part of it."""
    one, two = sidecar(twins), sidecar(twins, 2, terms(FREE, conditional=False))
    one.ask(4)
    two.ask(5)
    twins.lose(subject())
    assert used(one.ask(0))[2] == 9
    answer = two.ask(0)
    assert (used(answer), answer.total_open) == ((9, 9, 9), 4)


def test_an_entry_that_had_been_ended_before_the_loss_is_ended_again(twins: Twins) -> None:
    """The replica still has it under the old generation; the Sidecar speaks of the next one."""
    one, two = sidecar(twins), sidecar(twins, 2)
    old = one.ask(4).generation
    twins.snapshot(subject())
    twins.pass_time(HOLD_US)
    two.ask(0)
    new = one.ask(3).generation
    assert old < new
    twins.fail_over(subject())
    answer = one.ask(0)
    assert (answer.generation, answer.entry_granted) == (new, 3)
    assert (answer.day_charged, answer.day_open) == (4, 3)
    assert stored(twins)["entries"].keys() == {b"side0001"}  # type: ignore[attr-defined]


def test_an_entry_whose_new_generation_was_never_heard_is_kept(twins: Twins) -> None:
    """What was granted under it is the Sidecar's to give back; its old numbers are void."""
    one, two = sidecar(twins), sidecar(twins, 2)
    one.ask(4)
    twins.pass_time(HOLD_US)
    two.ask(0)
    lost = one.call(2)._replace(memory=one.memory())
    generation = twins.submit([lost])[0].generation
    one.close(4)
    call = one.call(0)._replace(memory=one.memory(), version=10**6)
    answer = twins.submit([call])[0]
    assert (answer.generation, answer.entry_granted) == (generation, 2)
    assert (answer.day_charged, answer.day_open) == (4, 2)


def test_who_lost_nothing_heals_what_others_knew(twins: Twins) -> None:
    """A state older than the last answer was rolled back, also where the own Entry is whole."""
    one, two = sidecar(twins), sidecar(twins, 2, terms(FREE, conditional=False))
    one.ask(1)
    twins.snapshot(subject())
    two.ask(8)
    late = twins.submit([two.call(0)], 2)[0]
    twins.fail_over(subject())
    one.answer = late
    answer = one.ask(0)
    assert (one.told, used(answer)) == (1, (9, 9, 9))


def test_numbers_that_make_no_sense_restore_no_more_than_was_granted(twins: Twins) -> None:
    """At once within granted, closed within Holds, given back within use, ahead within what was charged."""
    one = sidecar(twins)
    one.ask(4)
    forget(twins)
    one.day.closed, one.day.given_back, one.spent, one.returned = 90, 99, 50, 60
    nonsense = Memory(twins.now_us, granted=5, at_once=7, ahead=8)
    answer = twins.submit([one.call(0)._replace(memory=nonsense)])[0]
    assert (answer.entry_granted, answer.entry_at_once, answer.entry_ahead) == (5, 5, 5)
    assert used(answer) == (0, 0, 0)
