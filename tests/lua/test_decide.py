"""Grants and refusals: rate, day, month and total together."""

import pytest

from quotad.core.quota import DayNumbers, Limit, Limits
from tests.support.twins import START_US, Twins, limits, subject, terms

HUGE = 9_007_199_254_740_991
SECOND_US = 1_000_000


def test_cost_n_is_granted_in_part(twins: Twins) -> None:
    """Of eight requests the three that every limit lets through go on."""
    answer = twins.ask(terms(limits(rate=5, burst=5, day=3, month=4, total=6)), 8)
    assert (answer.granted, answer.refused_by, answer.tokens) == (3, Limit.DAY, 2)
    assert (answer.day_open, answer.month_open, answer.total_open) == (3, 3, 3)


@pytest.mark.parametrize("conditional", [True, False])
def test_a_denial_changes_nothing_that_counts(twins: Twins, conditional: bool) -> None:
    """A refused request leaves tokens, charged, open, granted and given back as they were."""
    asked = terms(limits(rate=10, burst=10, day=2), conditional=conditional)
    twins.ask(asked, 2)
    before = twins.check(subject())
    answer = twins.ask(asked, 5)
    after = twins.check(subject())
    assert answer.granted == 0
    assert before is not None
    assert after is not None
    for name in before:
        if name not in ("version", "entries"):
            assert after[name] == before[name], name


def test_a_grant_without_a_condition_is_charged_at_once(twins: Twins) -> None:
    """There is no Hold: the units are used."""
    answer = twins.ask(terms(limits(day=5), conditional=False), 2)
    assert (answer.day_charged, answer.day_open, answer.entry_granted, answer.entry_at_once) == (2, 0, 2, 2)


@pytest.mark.parametrize(
    ("given", "refused_by", "retry_us"),
    [
        (limits(rate=1, burst=1, day=1, month=1, total=1), Limit.TOTAL, 0),
        (limits(rate=1, burst=1, day=1, month=1), Limit.MONTH, None),
        (limits(rate=1, burst=1, day=1), Limit.DAY, 12 * 3600 * SECOND_US),
        (limits(rate=1, burst=1), Limit.RATE, SECOND_US),
        (limits(rate=3, burst=1), Limit.RATE, 333_334),
        (limits(rate=0, burst=9), Limit.RATE, 0),
        (limits(rate=5, burst=0), Limit.RATE, 0),
        (limits(total=0), Limit.TOTAL, 0),
        (limits(day=0, month=0), Limit.MONTH, None),
        (limits(rate=0, day=0), Limit.DAY, 12 * 3600 * SECOND_US),
    ],
)
def test_the_limit_that_comes_back_last_refuses(
    twins: Twins, given: Limits, refused_by: Limit, retry_us: int | None
) -> None:
    """Of several full limits the answer names total before month before day before rate."""
    asked = terms(given, conditional=False)
    twins.ask(asked)
    answer = twins.ask(asked)
    expected = answer.month_end_us - answer.now_us if retry_us is None else retry_us
    assert (answer.granted, answer.refused_by, answer.held_only) == (0, refused_by, 0)
    assert answer.retry_us == expected


def test_holds_in_the_way_are_worth_asking_again(twins: Twins) -> None:
    """A quota that only Holds fill says so, and comes before the rate; a used-up one comes before both."""
    asked = terms(limits(rate=1, burst=4, day=2, month=4))
    held = twins.ask(asked, 2)
    refused = twins.ask(asked)
    assert (refused.refused_by, refused.held_only, refused.retry_us) == (Limit.DAY, 1, SECOND_US)
    used = twins.ask(asked, 1, generation=held.generation, day=DayNumbers(held.day_end_us, 2, 0))
    assert (used.refused_by, used.held_only) == (Limit.DAY, 0)


def test_minus_one_never_denies_and_is_counted(twins: Twins) -> None:
    """Unlimited use is reported all the same."""
    answer = twins.ask(terms(limits(), conditional=False), 1_000_000)
    assert (answer.granted, answer.tokens, answer.full_us) == (1_000_000, -1, 0)
    assert answer.day_charged == answer.month_charged == answer.total_charged == 1_000_000


@pytest.mark.parametrize("which", ["rate", "day", "month", "total"])
def test_zero_denies_all(twins: Twins, which: str) -> None:
    """A limit of 0 lets nothing through, whatever burst is."""
    given = limits(burst=100)._replace(**{"rate_rps" if which == "rate" else which: 0})
    for _ in range(3):
        assert twins.ask(terms(given), 5).granted == 0
        twins.pass_time(100 * SECOND_US)


def test_the_bucket_refills_by_the_microsecond(twins: Twins) -> None:
    """Three a second: the token is there after a third of a second, and no microsecond sooner."""
    asked = terms(limits(rate=3, burst=3))
    assert twins.ask(asked, 5).granted == 3
    twins.pass_time(333_333)
    assert twins.ask(asked).granted == 0
    twins.pass_time(1)
    answer = twins.ask(asked)
    assert (answer.granted, answer.tokens, answer.full_us) == (1, 0, 1_000_000)


def test_the_interval_bound_of_the_rate(twins: Twins) -> None:
    """Asked often or seldom, never more than burst + rate * t are admitted."""
    asked = terms(limits(rate=7, burst=3))
    admitted = 0
    for step_us in [0, 1, 10, 142_857, 142_858, 3, 999_999, 1, 5_000_000, 0, 50_000] * 5:
        twins.pass_time(step_us)
        admitted += twins.ask(asked, 4).granted
        assert admitted * SECOND_US <= 3 * SECOND_US + 7 * (twins.now_us - START_US)


def test_the_longest_wait_keeps_every_number_exact(twins: Twins) -> None:
    """At the largest rate and burst, and after weeks, no product leaves the whole numbers."""
    asked = terms(limits(rate=2**31 - 1, burst=2**31 - 1))
    assert twins.ask(asked, 2**40).granted == 2**31 - 1
    twins.pass_time(1)
    assert twins.ask(asked, 2**40).granted == 2147
    twins.pass_time(20 * 86_400 * SECOND_US)
    slow = terms(limits(rate=1, burst=2**31 - 1), at_us=twins.now_us)
    assert twins.ask(slow, 2**40).granted == 20 * 86_400


@pytest.mark.parametrize("conditional", [True, False])
def test_the_largest_quota_is_exact_to_the_unit(twins: Twins, conditional: bool) -> None:
    """2**53 - 1 units are granted, and not one more."""
    asked = terms(limits(day=HUGE, month=HUGE, total=HUGE), conditional=conditional)
    assert twins.ask(asked, HUGE - 1).granted == HUGE - 1
    assert twins.ask(asked, 2).granted == 1
    answer = twins.ask(asked)
    assert (answer.granted, answer.refused_by, answer.held_only) == (0, Limit.TOTAL, int(conditional))
    assert answer.day_charged + answer.day_open == answer.total_charged + answer.total_open == HUGE


def test_a_lowered_limit_grants_nothing_and_resets_nothing(twins: Twins) -> None:
    """What was used stays used; raising the limit again opens the difference."""
    twins.ask(terms(limits(day=10), conditional=False), 8)
    lowered = twins.ask(terms(limits(day=5), conditional=False))
    assert (lowered.granted, lowered.day_charged, lowered.day_limit) == (0, 8, 5)
    assert twins.ask(terms(limits(day=10), conditional=False), 9).granted == 2


def test_a_smaller_burst_cuts_the_bucket_and_a_larger_one_fills_by_the_rate(twins: Twins) -> None:
    """Tokens above the burst are lost; a raised burst gives none at once."""
    assert twins.ask(terms(limits(rate=1, burst=10)), 2).tokens == 8
    assert twins.ask(terms(limits(rate=1, burst=3)), 1).tokens == 2
    assert twins.ask(terms(limits(rate=1, burst=10)), 0).tokens == 2


def test_a_rate_limited_again_begins_with_a_full_bucket(twins: Twins) -> None:
    """While unlimited there is no bucket; burst without a value equals the rate."""
    twins.ask(terms(limits(rate=2, burst=2)), 2)
    twins.ask(terms(limits()), 50)
    answer = twins.ask(terms(limits(rate=2)), 50)
    assert (answer.granted, answer.burst) == (2, 2)


def test_the_highest_plan_version_binds_for_everyone(twins: Twins) -> None:
    """A sidecar with an old file decides by the newest limits that the Subject has seen."""
    assert twins.ask(terms(limits(day=100, version=1)), 1).day_limit == 100
    assert twins.ask(terms(limits(day=3, version=2)), 1, sidecar=2).day_limit == 3
    old = twins.ask(terms(limits(day=100, version=1)), 5)
    assert (old.day_limit, old.granted, old.refused_by) == (3, 1, Limit.DAY)


def test_equal_versions_decide_each_by_its_own(twins: Twins) -> None:
    """Without versions in the files, each sidecar's limits bind its own calls, on the same counters."""
    assert twins.ask(terms(limits(day=3)), 9).granted == 3
    assert twins.ask(terms(limits(day=5)), 9, sidecar=2).granted == 2
    assert twins.ask(terms(limits(day=3)), 9).granted == 0


def test_a_soft_quota_denies_nobody_and_counts(twins: Twins) -> None:
    """Over it requests go on and are counted; a hard one beside it denies."""
    asked = terms(limits(day=-2 - 3, month=8, total=-2), conditional=False)
    answer = twins.ask(asked, 5)
    assert (answer.granted, answer.day_charged, answer.day_limit, answer.total_limit) == (5, 5, -5, -2)
    answer = twins.ask(asked, 5)
    assert (answer.granted, answer.refused_by, answer.total_charged) == (3, Limit.MONTH, 8)
