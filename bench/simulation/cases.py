"""What is tried. Each case exists whole (500 sidecars) and, for ``--quick``, in a tenth of everything."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bench.simulation.demand import zipf
from bench.simulation.network import Conditions
from quotad.core.plans import LeaseRule, StoreFailurePolicy, Subject, UsagePlan

SIDECARS = 500
DEMAND_RPS = 20_000
LEASE = LeaseRule(500, 1_000)
SHRINK = 10
FREE = UsagePlan("usagePlan-simulated", "simulated")
"""A plan without any limit."""


@dataclass(frozen=True, slots=True)
class Case:
    """What is tried. Times in simulated seconds."""

    name: str
    title: str
    subjects: tuple[Subject, ...]
    demand_rps: float
    """Requests per second over all sidecars and Subjects."""
    seconds: float
    sidecars: int = SIDECARS
    uneven: float = 1.0
    """Zipf's exponent, over the sidecars."""
    uneven_subjects: float = 0.5
    """The same over the Subjects, the first asked for most."""
    moves_s: float = 2.0
    """How often other sidecars get the large shares."""
    kills: tuple[tuple[float, int], ...] = ()
    """(when, how many) processes are killed and replaced."""
    conditions: Conditions = field(default_factory=Conditions)


def _subject(place: int, plan: UsagePlan) -> Subject:
    return Subject(replace(plan, usage_plan_id=f"usagePlan-{place:08}"), "service-simulated", "release")


def _one(plan: UsagePlan) -> tuple[Subject, ...]:
    return (_subject(1, plan),)


def _hot(by: int, plan: UsagePlan) -> Case:
    """A day's quota for 5 of 7 seconds of what is asked."""
    plan = replace(plan, day_quota_request=5 * DEMAND_RPS // by)
    return Case("", "", _one(plan), DEMAND_RPS / by, 7.0, SIDECARS // by)


def _plans(by: int, lease: LeaseRule | None) -> Case:
    """Fifty quotas, each for 5 of 7 seconds of what is asked of it."""
    quota = 5 * DEMAND_RPS // by
    plans = [
        _subject(place, replace(FREE, day_quota_request=round(quota * share), lease=lease))
        for place, share in enumerate(zipf(50, 0.5))
    ]
    return Case("", "", tuple(plans), DEMAND_RPS / by, 7.0, SIDECARS // by)


def _rated(by: int, demand_rps: int, lease: LeaseRule | None) -> Case:
    """A rate and a burst of 12,000, from the first full bucket on."""
    plan = replace(FREE, rate_rps=12_000 // by, burst=12_000 // by, lease=lease)
    return Case("", "", _one(plan), demand_rps / by, 5.0, SIDECARS // by)


def _crash(by: int) -> Case:
    """One in twenty dies while plenty is left, and again shortly before nothing is."""
    count = max(1, SIDECARS // by // 20)
    return replace(_hot(by, replace(FREE, lease=LEASE)), kills=((2.5, count), (4.5, count)))


def _local(by: int) -> Case:
    """The store is away for ten seconds; the quota ends after it."""
    plan = replace(
        FREE,
        day_quota_request=100_000 // by,
        lease=LEASE,
        on_store_failure=StoreFailurePolicy("local", units=100),
    )
    conditions = Conditions(outage_s=(3.0, 13.0))
    return Case("", "", _one(plan), 8_000 / by, 22.0, SIDECARS // by, conditions=conditions)


def _ample(by: int, lease: LeaseRule, seconds: float) -> Case:
    """A quota of which nobody sees the end."""
    plan = replace(FREE, day_quota_request=10**9, lease=lease)
    return Case("", "", _one(plan), DEMAND_RPS / by, seconds, SIDECARS // by)


_MADE: dict[str, tuple[str, Callable[[int], Case]]] = {
    "ample": ("one plan, a quota without end, lease 500 for 1 s", lambda by: _ample(by, LEASE, 6.0)),
    "ample-5s": (
        "the same, lease 5,000 for 5 s",
        lambda by: _ample(by, LeaseRule(5_000, 5_000), 12.0),
    ),
    "hot": ("one plan, day quota, lease 500 for 1 s", lambda by: _hot(by, replace(FREE, lease=LEASE))),
    "hot-5s": (
        "the same, lease 2,500 for 5 s",
        lambda by: _hot(by, replace(FREE, lease=LeaseRule(2_500, 5_000))),
    ),
    "hot-strict": ("the same, strict", lambda by: _hot(by, FREE)),
    "plans": ("50 plans, lease 500 for 1 s", lambda by: _plans(by, LEASE)),
    "plans-10s": ("the same, lease 500 for 10 s", lambda by: _plans(by, LeaseRule(500, 10_000))),
    "plans-strict": ("the same, strict", lambda by: _plans(by, None)),
    "rate": ("rate 12,000/s, 18,000/s asked, lease 500 for 1 s", lambda by: _rated(by, 18_000, LEASE)),
    "rate-strict": ("the same, strict", lambda by: _rated(by, 18_000, None)),
    "rate-idle": ("rate 12,000/s, 8,000/s asked, lease 500 for 1 s", lambda by: _rated(by, 8_000, LEASE)),
    "crash": ("one plan, 5 % of the sidecars killed twice, lease 500 for 1 s", _crash),
    "local": ("one plan, `local` with 100 units, store away for 10 s", _local),
}

NAMES = tuple(_MADE)


def case(name: str, *, quick: bool) -> Case:
    """A case by its name. Raises KeyError for a name that is not in ``NAMES``."""
    title, make = _MADE[name]
    return replace(make(SHRINK if quick else 1), name=name, title=title)
