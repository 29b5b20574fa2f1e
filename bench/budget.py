"""How much of a quarter of an hour each part may have."""

from dataclasses import dataclass

from bench.cases import Effort


@dataclass(frozen=True, slots=True)
class Budget:
    """How long and how often; ``python -m bench`` states it on the page."""

    traffic: Effort
    """Rows 1 to 7."""
    small: Effort
    """Latency, bodies, workers and growth."""
    starts: int
    """How often a start is timed."""
    secrets: int
    """How many "100,000 Secrets" and Subjects are."""
    connections: int
    """How many "10,000 connections" are; fewer where the system allows fewer descriptors."""
    held: int
    """How many "2,000 connections" are."""
    curve: tuple[int, ...]
    """Connections at which throughput is drawn against latency; empty: it is not drawn."""


FULL = Budget(
    traffic=Effort(rounds=4, warm_s=1, measured_s=2),
    small=Effort(rounds=3, warm_s=1, measured_s=2),
    starts=7,
    secrets=100_000,
    connections=10_000,
    held=2_000,
    curve=(1, 2, 4, 8, 16, 32, 64, 128),
)
QUICK = Budget(
    traffic=Effort(rounds=1, warm_s=1, measured_s=1),
    small=Effort(rounds=1, warm_s=1, measured_s=1),
    starts=3,
    secrets=10_000,
    connections=2_000,
    held=500,
    curve=(),
)
"""Two minutes: whether all of it runs, and roughly where it stands."""
