"""Leases: units granted ahead, which no limit counts twice and none forgets."""

import itertools
import random

import pytest

from quotad.core.quota import Limit
from tests.support.sidecars import Sidecar, stored
from tests.support.twins import HOLD_US, START_US, Twins, limits, subject, terms

SECOND_US = 1_000_000
NOON_US = 12 * 3_600_000_000
TTL_US = 10 * SECOND_US
TOKEN_U = 1_000_000


def sidecar(twins: Twins, number: int = 1, *, release: bool = False, **given: int) -> Sidecar:
    return Sidecar(twins, number, terms(limits(**given), release=release, lease_us=TTL_US))


def test_units_ahead_are_charged_when_they_are_granted(twins: Twins) -> None:
    """Whatever the plan's condition: a Sidecar that dies may have spent them."""
    one = sidecar(twins, day=100)
    answer = one.ask(2, ahead=10)
    assert (answer.granted, answer.day_charged, answer.day_open) == (12, 10, 2)
    assert (answer.entry_granted, answer.entry_at_once, answer.entry_ahead) == (12, 10, 10)
    assert twins.usage(subject()).leased == 10


def test_units_ahead_come_only_on_top_of_the_whole_cost(twins: Twins) -> None:
    """Who is refused a request that waits gets none for later."""
    answer = sidecar(twins, day=5).ask(6, ahead=10)
    assert (answer.granted, answer.entry_ahead, answer.refused_by) == (5, 0, Limit.DAY)


def test_a_settle_gets_none_ahead(twins: Twins) -> None:
    """It only records."""
    one = sidecar(twins)
    one.ask(1)
    call = one.call(0, ahead=5)
    assert twins.submit([call], settle_only=True)[0].granted == 0


def test_bucket_and_leases_together_never_exceed_the_burst(twins: Twins) -> None:
    """Refill stops at the burst less what is leased, until that is known to be spent or over."""
    one = sidecar(twins, rate=10, burst=20)
    assert one.ask(0, ahead=8).granted == 8
    twins.pass_time(5 * SECOND_US)
    assert one.ask(0).tokens == 12
    one.spend(3)
    assert one.ask(0).tokens == 12
    twins.pass_time(100_000)
    assert one.ask(0).tokens == 13
    twins.pass_time(SECOND_US)
    answer = one.ask(0)
    assert (answer.tokens, answer.full_us) == (15, 0)


def test_units_returned_free_tokens_and_quota(twins: Twins) -> None:
    """At idle and drain nothing stays taken."""
    one = sidecar(twins, rate=1, burst=20, day=20)
    one.ask(0, ahead=10)
    one.spend(4)
    one.give_back(6)
    answer = one.ask(0)
    assert (answer.tokens, answer.day_charged, stored(twins)["leased"]) == (16, 4, 0)
    assert one.tell().day_charged == 4


def test_what_is_said_of_a_lease_counts_once_and_is_cut_to_it(twins: Twins) -> None:
    """Repeated, smaller and too large numbers change nothing more."""
    one = sidecar(twins, rate=1, burst=20)
    one.ask(0, ahead=8)
    for spent, returned, tokens, leased in [
        *[(3, 2, 14, 3), (3, 2, 14, 3), (1, 0, 14, 3), (4, 2, 14, 2)],
        *[(4, 99, 16, 0), (99, 99, 16, 0)],
    ]:
        one.spent, one.returned = spent, returned
        assert (one.ask(0).tokens, stored(twins)["leased"]) == (tokens, leased)


def test_the_interval_bound_of_the_rate_holds_for_what_is_spent(twins: Twins) -> None:
    """Over any interval never more than burst + rate * t requests go on, however they were granted."""
    rate, burst, choose = 7, 20, random.Random(5)
    sidecars = [sidecar(twins, number, rate=rate, burst=burst) for number in (1, 2, 3)]
    stock = dict.fromkeys((1, 2, 3), 0)
    ends_us = dict.fromkeys((1, 2, 3), 0)
    spends: list[tuple[int, int]] = []
    for _ in range(300):
        twins.pass_time(choose.choice([0, 0, 1, 30_000, 142_858, SECOND_US, 3 * SECOND_US, TTL_US]))
        one = choose.choice(sidecars)
        number = one.number
        if twins.now_us >= ends_us[number]:
            one.give_back(stock.pop(number))
            stock[number] = 0
        spent = choose.randint(0, stock[number])
        one.spend(spent)
        stock[number] -= spent
        if choose.random() < 0.3:
            one.give_back(stock[number])
            stock[number] = 0
        cost = choose.choice([0, 1, 4])
        answer = one.ask(cost, ahead=choose.choice([0, 5, 30]))
        ends_us[number] = twins.now_us + TTL_US
        ahead = max(0, answer.granted - cost)
        stock[number] += ahead
        spends.append((twins.now_us, spent + answer.granted - ahead))
    assert sum(units for _, units in spends) > 300
    for first in range(len(spends)):
        units = 0
        for at_us, more in spends[first:]:
            units += more
            assert units * SECOND_US <= burst * SECOND_US + rate * (at_us - spends[first][0])


def test_units_ahead_shrink_as_the_quota_shrinks(twins: Twins) -> None:
    """No Sidecar takes more than its share of half of what is left; the last units are open to all."""
    one, two = sidecar(twins, day=20), sidecar(twins, 2, day=20)
    two.ask(0)
    granted = []
    for _ in range(9):
        granted.append(one.ask(0, ahead=50).granted)
        one.spend(granted[-1])
    assert granted == [5, 3, 3, 2, 1, 1, 1, 1, 0]
    assert [two.ask(1, ahead=50).granted for _ in range(4)] == [1, 1, 1, 0]


def test_who_has_its_share_gets_no_more_until_it_is_spent(twins: Twins) -> None:
    """However often it asks: all Sidecars together have at most half of what is left."""
    sidecars = [sidecar(twins, number, day=160) for number in range(1, 9)]
    for one in sidecars:
        one.ask(0)
    for _ in range(3):
        for one in sidecars:
            one.ask(0, ahead=500)
    assert 40 < stored(twins)["leased"] <= 80
    before = stored(twins)["leased"]
    for one in sidecars:
        assert one.ask(0, ahead=500).granted == 0
    assert stored(twins)["leased"] == before


@pytest.mark.parametrize("window", ["day", "month", "total", "rate"])
def test_every_limit_makes_units_ahead_shrink(twins: Twins, window: str) -> None:
    """The least that is left counts."""
    given = limits(rate=1000, burst=30)
    given = given._replace(**{"burst" if window == "rate" else window: 10})
    one = Sidecar(twins, 1, terms(given, lease_us=TTL_US))
    assert one.ask(0, ahead=100).granted == 5


def test_without_limits_all_that_is_wanted_is_granted_ahead(twins: Twins) -> None:
    """Nothing is left or not."""
    assert sidecar(twins).ask(1, ahead=2**40).granted == 2**40 + 1


@pytest.mark.parametrize("release", [False, True])
def test_a_silent_sidecars_lease_ends_and_stays_charged(twins: Twins, release: bool) -> None:
    """Its tokens are written off, so the bucket may fill; its units are use, whatever onCrash says."""
    one = sidecar(twins, rate=1, burst=20, day=50, release=release)
    two = sidecar(twins, 2, rate=1, burst=20, day=50, release=release)
    one.ask(0, ahead=8)
    twins.pass_time(TTL_US - 1)
    assert (two.ask(0).tokens, stored(twins)["leased"]) == (12, 8)
    twins.pass_time(1)
    answer = two.ask(0)
    assert (answer.tokens, answer.day_charged, stored(twins)["leased"]) == (12, 8, 0)
    twins.pass_time(20 * SECOND_US)
    assert two.ask(0).tokens == 20
    twins.pass_time(HOLD_US)
    assert two.ask(0).day_charged == 8
    assert set(stored(twins)["entries"]) == {b"side0002"}


def test_a_sidecar_that_is_reclaimed_leases_nothing_any_more(twins: Twins) -> None:
    """When its Entry ends before its Lease, that ends too: charged, its place in the bucket free."""
    one = Sidecar(twins, 1, terms(limits(rate=1, burst=20), lease_us=10 * HOLD_US))
    one.ask(0, ahead=8)
    twins.pass_time(HOLD_US)
    answer = sidecar(twins, 2, rate=1, burst=20).ask(0)
    assert (answer.day_charged, stored(twins)["leased"]) == (8, 0)


def test_what_comes_back_after_the_lease_ended_is_quota_and_no_token(twins: Twins) -> None:
    """The rate has been given to others meanwhile; unspent units are not lost to the day."""
    one, two = sidecar(twins, rate=1, burst=20, day=50), sidecar(twins, 2, rate=1, burst=20, day=50)
    one.ask(0, ahead=8)
    twins.pass_time(TTL_US)
    assert two.ask(20).granted == 12
    one.give_back(8)
    answer = one.ask(0)
    assert (answer.tokens, answer.day_charged, answer.day_open) == (0, 0, 12)


def test_what_is_told_late_of_an_ended_lease_frees_nothing_of_the_next(twins: Twins) -> None:
    """Units of the old one come first: only what is told beyond them is the new one's."""
    one, two = sidecar(twins, rate=1, burst=20), sidecar(twins, 2, rate=1, burst=20)
    one.ask(0, ahead=4)
    twins.pass_time(TTL_US)
    two.ask(0)
    assert two.ask(16).granted == 16
    twins.pass_time(20 * SECOND_US)
    assert one.ask(0, ahead=5).granted == 5
    one.spend(1)
    one.give_back(3)
    assert (one.ask(0).tokens, stored(twins)["leased"]) == (15, 5)
    one.spend(2)
    one.give_back(3)
    assert (one.ask(0).tokens, stored(twins)["leased"]) == (18, 0)


def test_each_call_of_its_sidecar_renews_a_lease(twins: Twins) -> None:
    """Also one that only settles."""
    one = sidecar(twins, rate=1, burst=20)
    one.ask(0, ahead=8)
    for _ in range(3):
        twins.pass_time(TTL_US - 1)
        one.tell()
    sidecar(twins, 2, rate=1, burst=20).ask(0)
    assert stored(twins)["leased"] == 8


def test_leases_end_with_their_day(twins: Twins) -> None:
    """At midnight nothing of them is left in the bucket's way; what returns is yesterday's."""
    one = sidecar(twins, rate=1, burst=20, day=50)
    twins.at(START_US + NOON_US - 1)
    one.ask(0, ahead=8)
    twins.pass_time(1)
    one.asked = terms(limits(rate=1, burst=20, day=50), at_us=twins.now_us, lease_us=TTL_US)
    one.give_back(8)
    answer = one.ask(0)
    assert (answer.day_charged, answer.entry_ahead, stored(twins)["leased"]) == (0, 0, 0)
    assert (answer.month_charged, stored(twins)["previous.charged"]) == (0, 0)


def test_a_refusal_says_when_only_leases_stand_in_the_way(twins: Twins) -> None:
    """They may come back at any moment: nothing is final, ask again in a second."""
    one, two = sidecar(twins, day=10), sidecar(twins, 2, day=10)
    one.ask(0, ahead=5)
    assert two.ask(6).granted == 5
    two.close(5, counted=5)
    refused = two.ask()
    assert (refused.refused_by, refused.held_only, refused.retry_us) == (Limit.DAY, 1, SECOND_US)
    one.spend(5)
    one.ask(0)
    refused = two.ask()
    assert (refused.refused_by, refused.held_only) == (Limit.DAY, 0)


def test_a_bucket_that_is_leased_empty_says_so(twins: Twins) -> None:
    """There is no time at which a token comes: it depends on others."""
    one = sidecar(twins, rate=1, burst=2)
    assert one.ask(0, ahead=9).granted == 1
    assert sidecar(twins, 2, rate=1, burst=2).ask(2).granted == 1
    lowered = sidecar(twins, 3, rate=1, burst=1).ask()
    assert (lowered.refused_by, lowered.held_only, lowered.retry_us) == (Limit.RATE, 1, SECOND_US)
    never = sidecar(twins, 4, rate=0, burst=1).ask()
    assert (never.refused_by, never.held_only, never.retry_us) == (Limit.RATE, 0, 0)
    never = sidecar(twins, 5, rate=1, burst=0).ask()
    assert (never.refused_by, never.held_only, never.retry_us) == (Limit.RATE, 0, 0)


def test_units_ahead_of_a_lost_reply_go_back(twins: Twins) -> None:
    """The next answer shows them; given back they are tokens and quota again."""
    one = sidecar(twins, rate=1, burst=20, day=50)
    one.ask(1)
    one.ask_unheard(0, ahead=8)
    answer = one.ask(0)
    assert (answer.entry_granted, answer.entry_at_once, answer.entry_ahead) == (9, 8, 8)
    one.give_back(8)
    answer = one.ask(0)
    assert (answer.tokens, answer.day_charged, stored(twins)["leased"]) == (19, 0, 0)


def test_a_late_call_changes_no_lease(twins: Twins) -> None:
    """Its number is not above the Entry's."""
    one = sidecar(twins, rate=1, burst=20)
    late = one.call(0, ahead=5)
    one.ask(0, ahead=5)
    before = twins.check(subject())
    assert twins.submit([late])[0].granted == 0
    assert twins.check(subject()) == before


def test_a_plan_that_leases_no_more_ends_what_is_out(twins: Twins) -> None:
    """Renewed for no time, a Lease is over with the next call."""
    one = sidecar(twins, rate=1, burst=20)
    one.ask(0, ahead=8)
    one.asked = terms(limits(rate=1, burst=20))
    one.ask(0)
    one.ask(0)
    assert stored(twins)["leased"] == 0


@pytest.mark.parametrize(("ttl_us", "pause_us"), [(TTL_US, TTL_US // 4), (SECOND_US, 31 * 20_000)])
def test_entries_are_scanned_for_leases_seldom(twins: Twins, ttl_us: int, pause_us: int) -> None:
    """Leases that end one after another cost a look per quarter of their time, or per 20 ms an Entry."""
    asked = terms(limits(rate=1, burst=2**30), lease_us=ttl_us)
    for number in range(10, 40):
        twins.pass_time(ttl_us // 100)
        Sidecar(twins, number, asked).ask(0, ahead=3)
    watcher = Sidecar(twins, 1, asked)
    looks = [0]
    for _ in range(100):
        twins.pass_time(ttl_us // 50)
        leased = stored(twins)["leased"]
        watcher.ask(0)
        if stored(twins)["leased"] != leased:
            looks.append(twins.now_us)
    assert all(later - earlier >= pause_us for earlier, later in itertools.pairwise(looks))
    assert (len(looks) >= 3, stored(twins)["leased"]) == (True, 0)


def test_the_lease_that_ends_first_is_looked_for_first(twins: Twins) -> None:
    """Plans of two versions may lease for different times."""
    long = Sidecar(twins, 1, terms(limits(rate=1, burst=90), lease_us=5 * TTL_US))
    long.ask(0, ahead=5)
    sidecar(twins, 2, rate=1, burst=90).ask(0, ahead=3)
    twins.pass_time(TTL_US)
    sidecar(twins, 3, rate=1, burst=90).ask(0)
    assert stored(twins)["leased"] == 5


def test_a_lease_of_yesterday_ends_nothing_of_today(twins: Twins) -> None:
    """When the Entry of a Sidecar that was silent since is ended, its Lease was over already."""
    one, two = sidecar(twins, rate=1, burst=20), sidecar(twins, 2, rate=1, burst=20)
    twins.at(START_US + NOON_US - 1)
    one.ask(0, ahead=4)
    twins.pass_time(1)
    two.asked = terms(limits(rate=1, burst=20), at_us=twins.now_us, lease_us=HOLD_US)
    two.ask(0, ahead=2)
    twins.pass_time(HOLD_US - 1)
    two.ask(0)
    assert stored(twins)["entries"].keys() == {b"side0002"}
    assert stored(twins)["leased"] == 2
