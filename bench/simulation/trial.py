"""One case, run from its first request to the last unit given back."""

from random import Random

from bench.simulation import outcome
from bench.simulation.cases import Case
from bench.simulation.demand import Crowd
from bench.simulation.figures import jain
from bench.simulation.fleet import Fleet
from bench.simulation.loop import SimulatedLoop
from bench.simulation.network import SAMPLE_S, START_US, Server
from bench.simulation.outcome import Kill, Outcome, Sample

DRAIN_S = 30.0
_ANSWERED_S = 1.5
"""Longer than any call stays open."""


class Trial:
    """A case under way."""

    def __init__(self, case: Case, seed: int) -> None:
        self._case = case
        self._loop = SimulatedLoop.make()
        # Each has its own, so that what the engine does changes nobody's demand.
        self._arrivals, network, self._victims = (
            Random(f"{seed} {what}") for what in ("demand", "network", "kills")
        )
        self._server = Server(self._loop, case.conditions)
        self._fleet = Fleet(self._loop, self._server, case.subjects, case.sidecars, network)
        self._sidecars = Crowd(case.sidecars, case.uneven, self._arrivals)
        self._subjects = Crowd(len(case.subjects), case.uneven_subjects, self._arrivals)
        self._fleet.tally.keeps_instants = any(subject.plan.rate_rps >= 0 for subject in case.subjects)
        self._samples: list[Sample] = []
        self._kills: list[Kill] = []

    def run(self) -> Outcome:
        """From the first request until everything is given back."""
        loop, case = self._loop, self._case
        loop.at(0.0, self._begin)
        for step in range(1, round(case.seconds / SAMPLE_S) + 1):
            loop.run_to(step * SAMPLE_S)
            self._sample()
        busy = self._server.busy_s / case.seconds
        calls, decisions = self._server.calls, self._server.subjects
        loop.run_to(loop.now_s + _ANSWERED_S)
        drained = True
        for member in self._fleet.members:
            drained &= loop.finish(member.limiter.close(DRAIN_S), DRAIN_S)
        return self._outcome(busy, (calls, decisions), drained)

    def _outcome(self, busy: float, calls: tuple[int, int], drained: bool) -> Outcome:
        case, tally = self._case, self._fleet.tally
        requests, admitted, refused = sum(tally.asked), sum(tally.admitted), sum(tally.refused.values())
        limits = [subject.plan.day_quota_request for subject in case.subjects]
        shares = outcome.shares(tally)
        at_once, p99_ms, waiting_p99_ms = outcome.waits_ms(tally)
        return Outcome(
            name=case.name,
            title=case.title,
            sidecars=case.sidecars,
            requests=requests,
            admitted=admitted,
            limit=-1 if min(limits) < 0 else sum(limits),
            burst=case.subjects[0].plan.burst,
            over_admitted=outcome.over_admitted(case, tally),
            rate_margin=outcome.rate_margin(case, tally),
            rate_used=outcome.rate_used(case, tally),
            refused=dict(sorted(tally.refused.items())),
            unanswered=requests - admitted - refused,
            calls=calls[0],
            decisions=calls[1],
            busy=busy,
            unsold=outcome.unsold(case, tally),
            stranded=self._counted() - admitted,
            kills=tuple(self._kills),
            fairness=jain(shares),
            shares=shares,
            at_once=at_once,
            p99_ms=p99_ms,
            waiting_p99_ms=waiting_p99_ms,
            drained=drained,
            samples=tuple(self._samples),
        )

    def _counted(self) -> int:
        now_us = START_US + int(self._loop.now_s * 1e6)
        usages = [self._server.reference.usage(now_us, subject) for subject in self._case.subjects]
        return sum(usage.day_charged + usage.day_open for usage in usages)

    def _begin(self) -> None:
        case, loop = self._case, self._loop
        self._fleet.start(case.sidecars)
        self._sidecars.deal()
        loop.at(self._next_s(), self._arrive)
        loop.at(case.moves_s, self._move)
        for when_s, count in case.kills:
            loop.at(when_s, self._kill, count)

    def _next_s(self) -> float:
        return self._loop.now_s + self._arrivals.expovariate(self._case.demand_rps)

    def _arrive(self) -> None:
        if self._loop.now_s < self._case.seconds:
            self._loop.at(self._next_s(), self._arrive)
            self._fleet.ask(self._sidecars.draw(), self._subjects.draw())

    def _move(self) -> None:
        self._sidecars.deal()
        self._loop.at(self._loop.now_s + self._case.moves_s, self._move)

    def _kill(self, count: int) -> None:
        case, tally = self._case, self._fleet.tally
        units = self._fleet.kill(self._victims.sample(range(case.sidecars), count))
        bound = 0
        for subject in case.subjects:
            lease, policy = subject.plan.lease, subject.plan.on_store_failure
            bound += count * ((0 if lease is None else lease.max_units) + policy.units)
        quota = sum(max(0, subject.plan.day_quota_request) for subject in case.subjects)
        used = sum(tally.admitted) / max(1, quota)
        self._kills.append(Kill(self._loop.now_s, count, units, bound, used))

    def _sample(self) -> None:
        fleet = self._fleet
        tally = fleet.tally
        refused = sum(tally.refused.values())
        self._samples.append(
            Sample(
                self._loop.now_s,
                sum(tally.asked),
                sum(tally.admitted),
                refused,
                self._server.calls,
                fleet.held_ahead,
            )
        )
