"""All parts, one after the other."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from bench.budget import Budget
from bench.errors import BenchError
from bench.findings import Finding
from bench.rows import bodies, curve, growth, latency, memory, start, traffic, workers
from bench.rows.curve import Curves
from bench.rows.fleet import filled
from bench.rows.ground import Ground, builds
from bench.rows.growth import Grown
from bench.rows.traffic import Samples
from bench.stage import Stage, stage


@dataclass(slots=True)
class Everything:
    """What the table, the page and the pictures are made of."""

    samples: Samples
    """Of rows 1 to 7."""
    findings: list[Finding]
    grown: list[Grown] = field(default_factory=list)
    curves: Curves = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    """Parts that could not be measured, and why."""
    took_s: float = 0.0

    def attempt(self, part: Callable[[], None]) -> None:
        """Measure a part; when it cannot be, say so and go on."""
        try:
            part()
        except BenchError as error:
            self.failures.append(str(error))
            print(f"  failed: {error}", flush=True)


def measure(budget: Budget) -> Everything:
    """Rows 1 to 13. Raises BenchError when rows 1 to 7 cannot be measured; other parts that fail are told."""
    begun_s = time.monotonic()
    with ExitStack() as stack:
        ground = Ground(stack.enter_context(stage()), budget, builds())
        samples = traffic.collect(ground)
        found = Everything(samples, traffic.findings(samples, ground.builds))
        for part in (latency.measure, bodies.measure, workers.measure, start.measure):
            found.attempt(lambda part=part: found.findings.extend(part(ground)))  # type: ignore[misc]
        found.attempt(lambda: _full_stores(ground, stack, found))
        found.attempt(lambda: found.grown.append(growth.connections(ground)))
        found.findings += [each.finding(ground) for each in found.grown]
        found.attempt(lambda: found.curves.update(curve.measure(ground)))
    found.took_s = time.monotonic() - begun_s
    return found


def _full_stores(ground: Ground, stack: ExitStack, found: Everything) -> None:
    def stored(secrets: int, plans: int) -> Stage:
        return stack.enter_context(filled(ground, secrets, plans))

    many = stored(ground.budget.secrets, 1)
    found.findings += memory.measure(ground, many)
    found.grown.append(growth.subjects(ground, stored(10, 1), many))
    found.grown.append(growth.plans(ground, stored(1_000, 1), stored(1_000, 1_000)))
