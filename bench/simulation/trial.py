"""One case, run from its first request to the last unit given back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from bench.simulation.demand import Crowd, level
from bench.simulation.figures import jain, largest_excess
from bench.simulation.fleet import Fleet, Tally
from bench.simulation.loop import SimulatedLoop
from bench.simulation.network import SAMPLE_S, START_US, Conditions, Server
from quotad.core.plans import Subject

DRAIN_S = 30.0
ENOUGH_ASKED = 20
"""Sidecars that were asked less often say nothing about fairness."""


@dataclass(frozen=True, slots=True)
class Case:
    """What is tried. Times in simulated seconds."""

    name: str
    title: str
    subjects: Sequence[Subject]
    demand: Sequence[tuple[float, float]]
    """(from when, requests per second), over all sidecars and Subjects."""
    seconds: float
    sidecars: int = 500
    uneven: float = 1.0
    """Zipf's exponent, over the sidecars."""
    uneven_subjects: float = 1.0
    moves_s: float = 3.0
    """How often other sidecars get the large shares."""
    kills: Sequence[tuple[float, int]] = ()
    """(when, how many) processes are killed and replaced."""
    conditions: Conditions = field(default_factory=Conditions)


@dataclass(slots=True)
class Result:
    """What came of it."""

    case: Case
    tally: Tally
    server: Server
    counted: int = 0
    """Charged in the store once everything was given back."""
    killed_with: int = 0
    """Units that killed processes knew that they held ahead."""
    unanswered: int = 0
    """Requests that waited in a process when it was killed."""
    drained: bool = True
    ahead: list[tuple[float, int]] = field(default_factory=list)
    """(when, units that live processes hold ahead)."""
    calls_at: list[tuple[float, int, int, int]] = field(default_factory=list)
    """(when, requests, admitted, script calls), each since the start."""
    unsold: int = 0
    """Of the day's quotas when the callers stopped, counting what live processes still held."""

    @property
    def requests(self) -> int:
        """All that were asked."""
        return sum(self.tally.asked)

    @property
    def admitted(self) -> int:
        """All that went on."""
        return sum(self.tally.admitted)

    @property
    def limit(self) -> int:
        """All quotas of the day together; -1 when there is none."""
        limits = [subject.plan.day_quota_request for subject in self.case.subjects]
        return -1 if min(limits) < 0 else sum(limits)

    @property
    def over_admitted(self) -> int:
        """Beyond a quota, over all Subjects; beyond the rate's bound where there is one."""
        over = 0
        for place, subject in enumerate(self.case.subjects):
            plan = subject.plan
            if plan.day_quota_request >= 0:
                over += max(0, self.tally.of_subject[place] - plan.day_quota_request)
            if plan.rate_rps >= 0:
                over += max(0, -self.rate_margin(place))
        return over

    def rate_margin(self, place: int) -> int:
        """What no interval used of its bound, burst + rate * t, at the tightest."""
        plan = self.case.subjects[place].plan
        instants_s = sorted(when for of, when in self.tally.instants_s if of == place)
        burst = plan.rate_rps if plan.burst < 0 else plan.burst
        # The store counts whole microseconds.
        return round(burst - largest_excess(instants_s, plan.rate_rps) + 0.01)

    @property
    def stranded(self) -> int:
        """Counted, and passed to nobody."""
        return self.counted - self.admitted

    @property
    def calls_per_request(self) -> float:
        """Over the whole run."""
        return self.server.calls / max(1, self.requests)

    def between(self, least: float, most: float) -> tuple[int, int, float]:
        """(requests, script calls, seconds) while these shares of all quotas were admitted."""
        inside = [at for at in self.calls_at if least * self.limit <= at[2] <= most * self.limit]
        if len(inside) < 2:
            return 0, 0, 0.0
        first, last = inside[0], inside[-1]
        return last[1] - first[1], last[3] - first[3], last[0] - first[0]

    @property
    def fairness(self) -> float:
        """Jain's index of admitted / asked over the sidecars."""
        pairs = zip(self.tally.admitted, self.tally.asked, strict=True)
        return jain(admitted / asked for admitted, asked in pairs if asked >= ENOUGH_ASKED)


class Trial:
    """A case under way."""

    def __init__(self, case: Case, seed: int) -> None:
        self._case = case
        self._loop = SimulatedLoop.make()
        # Each has its own, so that what the engine does changes nobody's demand.
        self._arrivals, network, kills = (Random(f"{seed} {what}") for what in ("demand", "network", "kills"))
        self._kills = kills
        self._server = Server(self._loop, case.conditions)
        self._fleet = Fleet(self._loop, self._server, case.subjects, case.sidecars, network)
        self._sidecars = Crowd(case.sidecars, case.uneven, self._arrivals)
        self._subjects = Crowd(len(case.subjects), case.uneven_subjects, self._arrivals)
        self._result = Result(case, self._fleet.tally, self._server)
        self._fleet.tally.keeps_instants = any(subject.plan.rate_rps >= 0 for subject in case.subjects)

    def run(self, each_s: Callable[[float], None] | None = None) -> Result:
        """From the first request until everything is given back."""
        loop, case, result = self._loop, self._case, self._result
        loop.at(0.0, self._begin)
        step = 0
        while step * SAMPLE_S < case.seconds:
            step += 1
            loop.run_to(step * SAMPLE_S)
            self._sample()
            if each_s is not None and step * SAMPLE_S % 1 == 0:
                each_s(loop.now_s)
        result.unsold = max(0, result.limit - result.admitted)
        # Those who wait are answered; then every process that lives gives back what it holds.
        loop.run_to(loop.now_s + 1.0)
        for member in self._fleet.members:
            result.drained &= loop.finish(member.limiter.close(DRAIN_S), DRAIN_S)
        now_us = START_US + int(loop.now_s * 1e6)
        result.counted = sum(
            self._server.reference.usage(now_us, subject).day_charged for subject in case.subjects
        )
        result.killed_with = self._fleet.held_at_death
        result.unanswered = result.requests - result.admitted - sum(self._fleet.tally.refused.values())
        return result

    def _begin(self) -> None:
        case, loop = self._case, self._loop
        self._fleet.start(case.sidecars)
        loop.at(self._gap_s(), self._arrive)
        loop.at(case.moves_s, self._move)
        for when_s, count in case.kills:
            loop.at(when_s, self._kill, count)

    def _gap_s(self) -> float:
        return self._loop.now_s + self._arrivals.expovariate(level(self._case.demand, self._loop.now_s))

    def _arrive(self) -> None:
        if self._loop.now_s < self._case.seconds:
            self._loop.at(self._gap_s(), self._arrive)
            self._fleet.ask(self._sidecars.draw(), self._subjects.draw())

    def _move(self) -> None:
        self._sidecars.deal()
        self._loop.at(self._loop.now_s + self._case.moves_s, self._move)

    def _kill(self, count: int) -> None:
        self._fleet.kill(self._kills.sample(range(self._case.sidecars), count))

    def _sample(self) -> None:
        result, now_s = self._result, self._loop.now_s
        result.ahead.append((now_s, self._fleet.held_ahead))
        result.calls_at.append((now_s, result.requests, result.admitted, self._server.calls))
