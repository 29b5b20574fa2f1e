"""Healing of the rate: nothing is admitted twice, Leases that nobody tells of included."""

from quotad.core.quota import Limit
from tests.support.sidecars import Sidecar, forget, stored
from tests.support.twins import HOLD_US, Twins, limits, subject, terms

SECOND_US = 1_000_000
TTL_US = 10 * SECOND_US


def test_a_healed_bucket_starts_empty_and_fills_when_unknown_leases_have_ended(twins: Twins) -> None:
    """Whoever had taken units ahead may spend them until then."""
    asked = terms(limits(rate=10, burst=50), lease_us=TTL_US)
    one = Sidecar(twins, 1, asked)
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
    one = Sidecar(twins, 1, asked)
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
    one, two = Sidecar(twins, 1, asked), Sidecar(twins, 2, asked)
    one.ask(1)
    two.ask(1)
    forget(twins)
    two.ask(0)
    twins.pass_time(SECOND_US)
    assert (one.ask(0).tokens, one.told) == (10, 1)


def test_restored_leases_keep_their_place_in_the_bucket(twins: Twins) -> None:
    """Bucket and Leases together never exceed the burst after healing either."""
    asked = terms(limits(rate=10, burst=20), lease_us=TTL_US)
    one, two = Sidecar(twins, 1, asked), Sidecar(twins, 2, asked)
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
    three = Sidecar(twins, 3, asked)
    assert three.ask(0).tokens == 14
    twins.pass_time(SECOND_US)
    assert three.ask(0).tokens == 20


def test_a_lease_restored_late_takes_its_place_from_the_bucket(twins: Twins) -> None:
    """The bucket may have filled meanwhile."""
    one, two = (Sidecar(twins, number, terms(limits(rate=10, burst=20), lease_us=1)) for number in (1, 2))
    one.ask(0, ahead=5)
    two.ask(0)
    forget(twins)
    two.ask(0)
    twins.pass_time(20 * SECOND_US)
    one.asked = terms(limits(rate=10, burst=20), lease_us=TTL_US)
    assert (one.ask(0).tokens, stored(twins)["leased"]) == (15, 5)
