from quotad.core.plans import Subject, UsagePlan
from quotad.core.verdict import Verdict
from quotad.dataplane.flow import Wheel
from quotad.dataplane.settling import SettleBook

SUBJECT = Subject(UsagePlan("usagePlan-x", "x", quota_condition=frozenset({"2xx"})), "service-x", "release")
IDS = [f"0123456789ab{number:08x}" for number in range(9)]


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Ledger:
    """Who settles, and what it was told."""

    def __init__(self) -> None:
        self.charged: list[tuple[str, bool]] = []

    def charge(self, verdict: Verdict, counted: bool, secret_id: str) -> None:
        self.charged.append((secret_id, counted))


class Shade:
    """A shadow plan's part."""

    def __init__(self) -> None:
        self.settled: list[tuple[int, bool]] = []

    def settle(self, status: int, hung_up: bool = False) -> None:
        self.settled.append((status, hung_up))


def book(most: int = 9) -> tuple[SettleBook, Ledger, Wheel, Clock]:
    """A book on a clock of the test's own; a status is waited for ten seconds."""
    clock, ledger = Clock(), Ledger()
    wheel = Wheel(0.25, clock)
    return SettleBook(wheel, 10.0, ledger.charge, most), ledger, wheel, clock


def hold(held: SettleBook, number: int, shade: Shade | None = None) -> bool:
    """One more admitted request, of the Secret with this number."""
    return held.hold(IDS[number], Verdict(SUBJECT, True, None), shade, str(number))


def test_a_status_uses_the_unit_or_gives_it_back() -> None:
    """Once, by the plan's own condition, and the shadow hears the same status."""
    held, ledger, _, _ = book()
    shade = Shade()
    assert hold(held, 1, shade)
    assert hold(held, 2)
    assert held.settle(IDS[1], 503)
    assert held.settle(IDS[2], 204)
    assert ledger.charged == [("1", False), ("2", True)]
    assert shade.settled == [(503, False)]
    assert not held.settle(IDS[1], 200)
    assert held.told == {"counted": 1, "given_back": 1, "overdue": 0, "unknown": 1}


def test_one_whose_status_does_not_come_is_charged() -> None:
    """At its own time, not when a later one was held, and a status after that is of nobody."""
    held, ledger, wheel, clock = book()
    shade = Shade()
    hold(held, 1, shade)
    clock.now += 6
    wheel.advance(clock.now)
    hold(held, 2)
    clock.now += 5
    wheel.advance(clock.now)
    assert ledger.charged == [("1", True)]
    assert shade.settled == [(0, True)]
    assert not held.settle(IDS[1], 500)
    clock.now += 6
    wheel.advance(clock.now)
    assert ledger.charged == [("1", True), ("2", True)]
    assert len(held) == 0
    hold(held, 3)
    clock.now += 11
    wheel.advance(clock.now)
    assert held.told["overdue"] == 3


def test_it_is_bounded_and_charges_all_at_the_end() -> None:
    """Beyond the bound nothing is held; what is held when it closes is charged."""
    held, ledger, _, _ = book(most=2)
    assert [hold(held, number) for number in (1, 2, 3)] == [True, True, False]
    held.close()
    assert ledger.charged == [("1", True), ("2", True)]
    held.close()
    assert held.told["overdue"] == 2
