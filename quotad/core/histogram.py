"""A histogram of durations as a plain list of counts."""

from bisect import bisect_left
from collections.abc import Sequence

BOUNDS_S = (
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
)
"""Upper edges in seconds: from a store call on one machine to a slow backend's answer."""


class Histogram:
    """Counts of durations by ``bounds_s`` (an upper edge belongs to its bucket), and their sum."""

    __slots__ = ("bounds_s", "counts", "sum_s")

    def __init__(self, bounds_s: Sequence[float] = BOUNDS_S) -> None:
        self.bounds_s = tuple(bounds_s)
        self.counts = [0] * (len(self.bounds_s) + 1)
        """Not cumulative; the last one is everything above the highest edge."""
        self.sum_s = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(self.bounds_s, seconds)] += 1
        self.sum_s += seconds

    def cumulative(self) -> list[tuple[str, float]]:
        """Prometheus buckets: (``le``, how many were at most that), ending with ``+Inf``."""
        buckets: list[tuple[str, float]] = []
        total = 0
        for bound_s, count in zip(self.bounds_s, self.counts, strict=False):
            total += count
            buckets.append((repr(bound_s), float(total)))
        buckets.append(("+Inf", float(total + self.counts[-1])))
        return buckets
