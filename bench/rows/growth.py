"""Row 13: what a request costs when there is much of something, against when there is little of it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from statistics import median

from bench.cases import CASES, Case
from bench.findings import Aim, Finding, shown
from bench.processes import descriptors
from bench.rows.fleet import in_control
from bench.rows.ground import OURS, Ground, peer
from bench.stage import Act, Stage

SUBJECTS = Aim(13, "CPU: 100,000 Subjects / 10", 1.3, "x")
PLANS = Aim(13, "CPU: 1,000 plans / 1", 1.3, "x")
CONNECTIONS = Aim(13, "CPU: 10,000 connections / 1", 1.3, "x")

_RATE = 5_000
"""Requests per second over many connections: about what one connection gets when it asks all the time."""
_APART = 200
"""Subjects that 32 connections ask for in turn without two of them ever waiting for the same one."""
_SPARE = 2_000
"""Descriptors that a process needs for other things than its callers' connections, at most."""


Measure = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Grown:
    """One aim, and the sizes at which CPU per request was measured, the smallest first."""

    aim: Aim
    sizes: tuple[int, ...]
    costs: list[tuple[float, ...]]
    """Microseconds per request at each size, of each round."""
    note: str = ""

    @property
    def medians(self) -> list[float]:
        """Microseconds per request at each size."""
        return [median(each) for each in zip(*self.costs, strict=True)]

    def finding(self, ground: Ground) -> Finding:
        """As a line of the table: the largest size against the cheapest of the others."""
        figures = zip(self.sizes, self.medians, strict=True)
        words = ", ".join(f"{size:,}: {shown(cost)} us/request" for size, cost in figures)
        return Finding(
            self.aim, ground.main, [each[-1] / min(each[:-1]) for each in self.costs], words + self.note
        )


def _rounds(ground: Ground, *measures: Measure) -> list[tuple[float, ...]]:
    return [tuple(measure() for measure in measures) for _ in range(ground.budget.small.rounds)]


def subjects(ground: Ground, few: Stage, many: Stage) -> Grown:
    """Ten Secrets, each a Subject, in one store; and as many as the budget says in the other.

    Of that, a few are asked for apart: what ten save by riding together is no growth.
    """
    count = ground.budget.secrets
    ours = in_control(ground.main)
    sizes = (10, _APART, count)
    cases = [Case(f"subjects-{n}", f"{n} Subjects", n, 32) for n in sizes]
    idle_s: list[float] = []
    costs = _rounds(
        ground,
        lambda: _cost(ground, few.serving(ours, cases[0], keep=True)),
        lambda: _cost(ground, many.serving(ours, cases[1], keep=True)),
        lambda: _cost(ground, many.serving(ours, cases[2], keep=True), count, idle_s),
    )
    note = (
        f" (from {_APART} on no two requests share a decision); each asked about once before; "
        f"{median(idle_s) * 1000:.0f} ms of CPU a second when nobody asks"
    )
    return Grown(SUBJECTS, sizes, costs, note)


def plans(ground: Ground, one: Stage, many: Stage) -> Grown:
    """A thousand Secrets on one plan, and on a plan of its own each."""
    ours = in_control(ground.main)
    case = Case("plans", "1,000 Secrets", 1_000, 32)
    costs = _rounds(
        ground,
        lambda: _cost(ground, one.serving(ours, case, keep=True)),
        lambda: _cost(ground, many.serving(ours, case, keep=True)),
    )
    return Grown(PLANS, (1, 1_000), costs, "; 1,000 Secrets either way")


def connections(ground: Ground) -> Grown:
    """One connection that asks all the time, a hundred, and very many that ask as often together."""
    most = min(ground.budget.connections, descriptors() - _SPARE)
    sizes = (1, 100, most)
    costs = _rounds(ground, *(partial(_steady, ground, size) for size in sizes))
    return Grown(CONNECTIONS, sizes, costs, f"; about {_RATE:,} requests/s each time")


def _cost(
    ground: Ground,
    serving: AbstractContextManager[Act],
    asked_at_least: int = 0,
    idle_s: list[float] | None = None,
) -> float:
    """CPU microseconds per request, driven to the limit. ``idle_s`` takes CPU of a second without any."""
    effort = ground.budget.small
    with serving as act:
        warm = act.load(effort.warm_s)
        while (missing := asked_at_least - sum(load.requests for load in act.loads)) > 0:
            act.load(1 + int(missing / max(warm.rps, 1_000)))
        load, used = act.measured(effort.measured_s)
        if idle_s is not None:
            idle_s.append(act.idle_s())
    cost_us = used.proxy_s / load.requests * 1e6
    ground.say(f"growth  {act.site.case.title}: {cost_us:.1f} us/request, {load.rps:.0f} requests/s")
    return cost_us


def _steady(ground: Ground, connections: int) -> float:
    """CPU microseconds per request at about the same rate, however many connections there are."""
    effort = ground.budget.small
    pause_ms = connections * 1000 // _RATE if connections > 1 else 0
    settle_s = 1 + pause_ms // 1000
    with ground.stage.serving(peer(OURS[ground.main]), CASES["pair"]) as act:
        cost_us = act.steady_us(settle_s + 1, effort.measured_s, connections, pause_ms)
    ground.say(
        f"growth  {connections} connections: {cost_us:.1f} us/request, {act.loads[0].rps:.0f} requests/s"
    )
    return cost_us
