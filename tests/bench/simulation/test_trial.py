"""Whole runs, small ones: what the simulation would see, and that it repeats itself."""

from dataclasses import replace
from unittest.mock import patch

import pytest

from bench.simulation.cases import FREE, Case, case
from bench.simulation.network import Conditions
from bench.simulation.outcome import Outcome
from bench.simulation.trial import Trial
from bench.simulation.variants import VARIANTS, applied
from quotad.core.account import Account
from quotad.core.ledger import Ledger
from quotad.core.plans import LeaseRule, StoreFailurePolicy, Subject, UsagePlan
from quotad.core.quota import Limits

LEASED = replace(FREE, lease=LeaseRule(50, 1_000))


def small(plan: UsagePlan, **more: object) -> Case:
    """Twenty sidecars, 2,000 requests per second for three seconds."""
    one = Case("small", "small", (Subject(plan, "service-test", "release"),), 1_000.0, 3.0, 20)
    return replace(one, **more)  # type: ignore[arg-type]


def run(of: Case, seed: int = 1) -> Outcome:
    return Trial(of, seed).run()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_leases_admit_no_more_than_the_quota(seed: int) -> None:
    """What is admitted is at most the quota, every unit is counted once, and all is given back."""
    outcome = run(small(replace(LEASED, day_quota_request=2_000)), seed)
    assert outcome.over_admitted == 0
    assert 1_900 < outcome.admitted <= 2_000
    assert outcome.stranded == 0
    assert outcome.drained
    assert outcome.unanswered == 0
    assert outcome.requests == outcome.admitted + sum(outcome.refused.values())


def test_strict_sells_the_last_unit() -> None:
    """Without leases exactly the quota is admitted."""
    outcome = run(small(replace(FREE, day_quota_request=2_000)))
    assert outcome.admitted == 2_000
    assert outcome.unsold == 0


def test_the_rate_holds_over_every_interval() -> None:
    """With leases as without, no interval has more than burst + rate * t."""
    for plan in (FREE, LEASED):
        outcome = run(small(replace(plan, rate_rps=500, burst=250)))
        assert outcome.over_admitted == 0
        assert outcome.rate_margin is not None
        assert outcome.rate_margin >= 0
        assert outcome.rate_used is not None
        assert 0.9 < outcome.rate_used <= 1.0


def test_killed_processes_strand_what_they_held_and_no_more() -> None:
    """What is counted and was passed to nobody is what they held, within lease.max for each."""
    plan = replace(LEASED, day_quota_request=100_000)
    outcome = run(small(plan, kills=((1.5, 4),)))
    (kill,) = outcome.kills
    assert 0 < kill.units <= kill.bound == 4 * 50
    # A grant whose answer was on its way when the process died was not known to it.
    assert kill.units <= outcome.stranded <= kill.bound
    assert outcome.over_admitted == 0


def test_a_standby_is_all_that_an_outage_admits() -> None:
    """While the store is away each sidecar spends at most what it held; nothing is counted twice or lost."""
    plan = replace(LEASED, day_quota_request=100_000, on_store_failure=StoreFailurePolicy("local", units=30))
    outcome = run(small(plan, conditions=Conditions(outage_s=(1.0, 2.0))))
    before, after = (
        next(at.admitted for at in outcome.samples if at.at_s == when_s) for when_s in (1.0, 2.0)
    )
    assert 0 < after - before <= 20 * (30 + 50)
    assert outcome.stranded == 0
    assert outcome.over_admitted == 0


def test_the_same_seed_gives_the_same_run() -> None:
    """Nothing in a run depends on the machine; another seed is another run."""
    of = small(replace(LEASED, day_quota_request=2_000), seconds=1.0)
    assert run(of) == run(of)
    assert run(of) != run(of, seed=2)


def test_it_sees_a_store_that_grants_too_much() -> None:
    """With a quota check that is off by ten, the run says so."""

    def left(ledger: Ledger, limit: int, wanted: int) -> int:
        return wanted if limit < 0 else min(wanted, max(0, limit + 10 - ledger.used))

    with patch.object(Ledger, "left", left):
        outcome = run(small(replace(LEASED, day_quota_request=1_500)))
    assert outcome.over_admitted > 0


def test_it_sees_a_bucket_that_fills_too_fast() -> None:
    """With twice the tokens per second, some interval passes the bound of the rate."""
    original = Account.refill

    def refill(account: Account, limits: Limits, now_us: int) -> None:
        original(account, limits._replace(rate_rps=2 * limits.rate_rps), now_us)

    with patch.object(Account, "refill", refill):
        outcome = run(small(replace(LEASED, rate_rps=500, burst=250)))
    assert outcome.over_admitted > 0


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_no_variant_admits_more(name: str) -> None:
    """Whatever is tried with the sizes, no limit is passed and every unit is counted once."""
    plan = replace(LEASED, day_quota_request=1_200, on_store_failure=StoreFailurePolicy("local", units=10))
    with applied([name]):
        outcome = run(small(plan, seconds=2.0))
    assert outcome.over_admitted == 0
    assert outcome.stranded == 0


def test_the_quick_form_is_the_whole_one_in_small() -> None:
    """The same demand and quota for each sidecar."""
    whole, quick = case("hot", quick=False), case("hot", quick=True)
    assert whole.sidecars == 500
    by = whole.sidecars // quick.sidecars
    assert whole.demand_rps == by * quick.demand_rps
    quotas = [each.subjects[0].plan.day_quota_request for each in (whole, quick)]
    assert quotas[0] == by * quotas[1]
