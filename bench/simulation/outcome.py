"""What came of a run, as plain numbers."""

from dataclasses import dataclass

from bench.simulation.cases import Case
from bench.simulation.figures import largest_excess, percentile
from bench.simulation.fleet import Tally

ENOUGH_ASKED = 20
"""Sidecars that were asked less often say nothing about fairness."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Sums since the start, at one time."""

    at_s: float
    requests: int
    admitted: int
    refused: int
    calls: int
    """Script calls."""
    ahead: int
    """Units that live processes hold ahead now."""


@dataclass(frozen=True, slots=True)
class Kill:
    """Processes killed at one time."""

    at_s: float
    processes: int
    units: int
    """What they knew that they held ahead."""
    bound: int
    """``lease.max`` (and a standby) for each of them."""
    used: float
    """Share of the quota that was admitted by then."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One case's."""

    name: str
    title: str
    sidecars: int
    requests: int
    admitted: int
    limit: int
    """All quotas of the day together; -1 when there is none."""
    burst: int
    """The first Subject's; -1 without a rate."""
    over_admitted: int
    """Beyond a quota, Subject by Subject, and beyond the rate's bound over any interval."""
    rate_margin: int | None
    """What no interval used of its bound, burst + rate * t, at the tightest; None without a rate."""
    rate_used: float | None
    """Admitted / (burst + rate * the run's length); None without a rate."""
    refused: dict[str, int]
    """Reason to requests."""
    unanswered: int
    """Requests that waited in a process when it was killed."""
    calls: int
    decisions: int
    """Subjects in all script calls."""
    busy: float
    """Share of its one core that the store was at work, over the run."""
    unsold: int
    """When the callers stopped: left in quotas for which callers were refused (held ahead or not)."""
    stranded: int
    """Counted by the store once all was given back, and passed to nobody."""
    kills: tuple[Kill, ...]
    fairness: float
    """Jain's index of admitted / asked over the sidecars."""
    shares: tuple[float, ...]
    """Of each sidecar asked often enough: admitted / asked, in order of size."""
    at_once: float
    """Share of the requests that were answered without waiting."""
    p99_ms: float
    """Of the wait of all requests ..."""
    waiting_p99_ms: float
    """... and of those that waited."""
    drained: bool
    """Every process that lived gave everything back."""
    samples: tuple[Sample, ...]

    def calls_per_request(self, least: float = 0.0, most: float = 1.1) -> float:
        """Script calls per request while these shares of all quotas were admitted; the whole run's else."""
        if self.limit < 0:
            least, most = 0.0, 1.1
        limit = max(1, self.limit)
        zero = Sample(0.0, 0, 0, 0, 0, 0)
        inside = [
            at for at in (zero, *self.samples) if least <= at.admitted / limit <= most or self.limit < 0
        ]
        if len(inside) < 2:
            return 0.0
        first, last = inside[0], inside[-1]
        return (last.calls - first.calls) / max(1, last.requests - first.requests)

    @property
    def peak_calls_per_s(self) -> float:
        """In the busiest sample."""
        pairs = zip(self.samples, self.samples[1:], strict=False)
        return max((after.calls - before.calls) / (after.at_s - before.at_s) for before, after in pairs)

    @property
    def most_ahead(self) -> int:
        """Units held ahead, at most."""
        return max(sample.ahead for sample in self.samples)


def over_admitted(case: Case, tally: Tally) -> int:
    """Beyond a quota, Subject by Subject, and beyond the rate's bound."""
    over = 0
    for place, subject in enumerate(case.subjects):
        if subject.plan.day_quota_request >= 0:
            over += max(0, tally.of_subject[place] - subject.plan.day_quota_request)
        margin = rate_margin(case, tally, place)
        over += max(0, -(margin or 0))
    return over


def rate_margin(case: Case, tally: Tally, place: int = 0) -> int | None:
    """What no interval used of one Subject's burst + rate * t, at the tightest; None without a rate."""
    plan = case.subjects[place].plan
    if plan.rate_rps < 0:
        return None
    burst = plan.rate_rps if plan.burst < 0 else plan.burst
    instants_s = sorted(when_s for of, when_s in tally.instants_s if of == place)
    # The store counts whole microseconds: instants are that much early or late.
    return int(burst - largest_excess(instants_s, plan.rate_rps) + 2 * plan.rate_rps / 1e6)


def rate_used(case: Case, tally: Tally) -> float | None:
    """Of what the first Subject's rate and burst had to give in the run; None without a rate."""
    plan = case.subjects[0].plan
    if plan.rate_rps < 0:
        return None
    burst = plan.rate_rps if plan.burst < 0 else plan.burst
    return tally.of_subject[0] / (burst + plan.rate_rps * case.seconds)


def unsold(case: Case, tally: Tally) -> int:
    """Left in quotas for which callers were refused."""
    return sum(
        max(0, subject.plan.day_quota_request - tally.of_subject[place])
        for place, subject in enumerate(case.subjects)
        if tally.quota_refused[place]
    )


def shares(tally: Tally) -> tuple[float, ...]:
    """Of each sidecar asked often enough: admitted / asked, in order of size."""
    pairs = zip(tally.admitted, tally.asked, strict=True)
    return tuple(sorted(admitted / asked for admitted, asked in pairs if asked >= ENOUGH_ASKED))


def waits_ms(tally: Tally) -> tuple[float, float, float]:
    """Share answered at once; the 99th percentile of all waits, and of those who waited."""
    waited = sorted(tally.waits_s)
    answered = tally.at_once + len(waited)
    place = int(answered * 0.99) - tally.at_once
    p99_s = waited[place] if 0 <= place < len(waited) else 0.0
    return tally.at_once / max(1, answered), p99_s * 1000, percentile(waited, 0.99) * 1000
