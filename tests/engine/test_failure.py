"""The failure policies and when an outage ends."""

from quotad.core.plans import StoreFailurePolicy, UsagePlan
from quotad.engine.failure import CALM_S, Outage

OPEN = UsagePlan("usagePlan-open", "open", on_store_failure=StoreFailurePolicy("open", 2))


class Clock:
    """Seconds that move when told."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def admit(outage: Outage) -> bool:
    """One more request goes on without the store, if it may."""
    if not outage.admits(OPEN):
        return False
    outage.admitted(OPEN)
    return True


def test_closed_admits_nothing_without_the_store() -> None:
    """The default policy never lets a request through undecided."""
    outage = Outage(Clock())
    outage.failed()
    assert not outage.admits(UsagePlan("usagePlan-closed", "closed"))
    assert outage.unaccounted == {}


def test_open_admits_its_budget_and_counts_it() -> None:
    """Up to the budget and no further, each one counted as unaccounted."""
    outage = Outage(Clock())
    outage.failed()
    assert [admit(outage) for _ in range(4)] == [True, True, False, False]
    assert outage.unaccounted == {"usagePlan-open": 2}


def test_a_store_that_fails_again_soon_brings_no_new_budget() -> None:
    """An outage ends only when the store was calm for long enough."""
    clock = Clock()
    outage = Outage(clock)
    outage.failed()
    assert admit(outage)
    assert admit(outage)
    clock.now_s += CALM_S / 2
    outage.answered()
    assert outage.failing
    outage.failed()
    assert not admit(outage)


def test_the_next_outage_has_its_own_budget() -> None:
    """After a calm time the budget is whole again, and the count of all time goes on."""
    clock = Clock()
    outage = Outage(clock)
    outage.failed()
    assert admit(outage)
    clock.now_s += CALM_S
    outage.answered()
    assert not outage.failing
    outage.failed()
    assert [admit(outage) for _ in range(3)] == [True, True, False]
    assert outage.unaccounted == {"usagePlan-open": 3}
