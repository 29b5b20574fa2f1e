"""Healing: what Sidecars know and the store has forgotten binds again."""

import itertools
import random

import pytest

from quotad.core.quota import AnswerStatus, Memory
from tests.support.sidecars import Sidecar, forget, stored, used
from tests.support.twins import HOLD_US, START_US, Twins, limits, subject, terms

SECOND_US = 1_000_000
NOON_US = 12 * 3_600_000_000
TTL_US = 10 * SECOND_US
FREE = limits()


def test_an_empty_store_gets_back_what_its_sidecar_knows(twins: Twins) -> None:
    """Use, Holds and the Entry with its generation; the Holds settle as if nothing had happened."""
    one = Sidecar(twins, 1, terms(FREE))
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
    one = Sidecar(twins, 1, terms(FREE))
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
    sidecars = [Sidecar(twins, number, asked) for number in (1, 2, 3)]
    granted = 0
    for turn in range(12):
        granted += sidecars[turn % 3].ask(1).granted
        if turn in (2, 5, 9):
            forget(twins)
            granted += sum(one.ask(0).granted for one in sidecars)
    assert granted == 10


def test_a_replica_that_lags_gets_back_what_it_missed(twins: Twins) -> None:
    """Only what grew since is added, in each window."""
    one = Sidecar(twins, 1, terms(FREE))
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
    one = Sidecar(twins, 1, terms(FREE))
    one.ask(5)
    twins.snapshot(subject())
    twins.fail_over(subject())
    assert (used(one.ask(1)), one.told, stored(twins)["healing_us"]) == ((6, 6, 6), 0, 0)


def test_a_fork_adds_up(twins: Twins) -> None:
    """Writes that the old primary took, and those that the new one took meanwhile, are both counted."""
    one, two, three = (Sidecar(twins, number, terms(FREE)) for number in (1, 2, 3))
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
    one, two = Sidecar(twins, 1, terms(FREE)), Sidecar(twins, 2, terms(FREE))
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
    two = Sidecar(twins, 2, terms(FREE))
    two.ask(1)
    twins.snapshot(subject())
    one = Sidecar(twins, 1, terms(FREE))
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
    one, two = Sidecar(twins, 1, terms(FREE)), Sidecar(twins, 2, terms(FREE))
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
    sleepers, awake = (
        [Sidecar(twins, number, terms(FREE)) for number in (1, 2)],
        Sidecar(twins, 3, terms(FREE)),
    )
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
    sleeper, awake = Sidecar(twins, 1, terms(FREE)), Sidecar(twins, 2, terms(FREE))
    sleeper.ask(4)
    twins.pass_time(2)
    forget(twins)
    for _ in range(9):
        awake.ask(1)
        twins.pass_time(HOLD_US)
    assert (sleeper.ask(0).entry_granted, sleeper.told) == (4, 1)


def test_what_was_remembered_binds_until_entries_are_restored_and_is_not_added(twins: Twins) -> None:
    """The first to heal brings what all had in use; the others' Entries are part of that."""
    sidecars = [Sidecar(twins, number, terms(FREE, conditional=False)) for number in (1, 2, 3)]
    for cost, one in zip((5, 7, 9), sidecars, strict=True):
        one.ask(cost)
    forget(twins)
    seen = [used(one.ask(0))[0] for one in reversed(sidecars)]
    assert seen == [21, 21, 21]
    assert stored(twins)["h"]["day.restored"] == 21


def test_who_remembers_more_raises_what_binds(twins: Twins) -> None:
    """An older memory lowers nothing, a newer one brings what it adds."""
    sidecars = [Sidecar(twins, number, terms(FREE, conditional=False)) for number in (1, 2, 3)]
    for cost, one in zip((5, 7, 9), sidecars, strict=True):
        one.ask(cost)
    forget(twins)
    assert [used(one.ask(0))[0] for one in sidecars] == [5, 12, 21]


def test_what_a_dead_sidecar_used_stays_charged(twins: Twins) -> None:
    """Others heard of it: it is use, although no Entry tells of it any more."""
    dead, one = Sidecar(twins, 2, terms(FREE)), Sidecar(twins, 1, terms(FREE))
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
        sidecars = [Sidecar(twins, number, terms(FREE)) for number in (1, 2, 3)]
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


@pytest.mark.parametrize("empty", [True, False])
def test_a_question_changes_nothing(twins: Twins, empty: bool) -> None:
    """Until it is told what was forgotten the store writes nothing, whatever is asked."""
    one = Sidecar(twins, 1, terms(FREE))
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
    one, two = Sidecar(twins, 1, terms(FREE)), Sidecar(twins, 2, terms(FREE, conditional=False))
    one.ask(4)
    two.ask(5)
    twins.lose(subject())
    assert used(one.ask(0))[2] == 9
    answer = two.ask(0)
    assert (used(answer), answer.total_open) == ((9, 9, 9), 4)


def test_an_entry_that_had_been_ended_before_the_loss_is_ended_again(twins: Twins) -> None:
    """The replica still has it under the old generation; the Sidecar speaks of the next one."""
    one, two = Sidecar(twins, 1, terms(FREE)), Sidecar(twins, 2, terms(FREE))
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
    assert stored(twins)["entries"].keys() == {b"side0001"}


def test_an_entry_whose_new_generation_was_never_heard_is_kept(twins: Twins) -> None:
    """What was granted under it is the Sidecar's to give back; its old numbers are void."""
    one, two = Sidecar(twins, 1, terms(FREE)), Sidecar(twins, 2, terms(FREE))
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
    one, two = Sidecar(twins, 1, terms(FREE)), Sidecar(twins, 2, terms(FREE, conditional=False))
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
    one = Sidecar(twins, 1, terms(FREE))
    one.ask(4)
    forget(twins)
    one.day.closed, one.day.given_back, one.spent, one.returned = 90, 99, 50, 60
    nonsense = Memory(twins.now_us, granted=5, at_once=7, ahead=8)
    answer = twins.submit([one.call(0)._replace(memory=nonsense)])[0]
    assert (answer.entry_granted, answer.entry_at_once, answer.entry_ahead) == (5, 5, 5)
    assert used(answer) == (0, 0, 0)
