"""A histogram of durations as a plain list of counts."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

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


_AT_ONCE = 512
"""So many durations are sorted at once: three times less work than to look up each one's bucket."""


class Histogram:
    """Counts of durations by ``bounds_s`` (an upper edge belongs to its bucket), and their sum."""

    __slots__ = ("_counts", "_sum_s", "_waiting", "bounds_s")

    def __init__(self, bounds_s: Sequence[float] = BOUNDS_S) -> None:
        self.bounds_s = tuple(bounds_s)
        self._counts = [0] * (len(self.bounds_s) + 1)
        self._sum_s = 0.0
        self._waiting: list[float] = []
        """Observed, and not counted yet."""

    @classmethod
    def of(cls, counts: Iterable[int], sum_s: float) -> "Histogram":
        """What another process has counted by ``BOUNDS_S``."""
        histogram = cls()
        histogram._counts, histogram._sum_s = list(counts), sum_s
        return histogram

    @property
    def counts(self) -> list[int]:
        """Not cumulative; the last one is everything above the highest edge."""
        self._gather()
        return self._counts

    @property
    def sum_s(self) -> float:
        """Of all durations."""
        self._gather()
        return self._sum_s

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        waiting = self._waiting
        waiting.append(seconds)
        if len(waiting) >= _AT_ONCE:
            self._gather()

    def _gather(self) -> None:
        waiting = self._waiting
        if not waiting:
            return
        self._waiting = []
        waiting.sort()
        self._sum_s += sum(waiting)
        begin = 0
        for bucket, bound_s in enumerate(self.bounds_s):
            end = bisect_right(waiting, bound_s, begin)
            self._counts[bucket] += end - begin
            begin = end
        self._counts[-1] += len(waiting) - begin

    def cumulative(self) -> list[tuple[str, float]]:
        """Prometheus buckets: (``le``, how many were at most that), ending with ``+Inf``."""
        buckets: list[tuple[str, float]] = []
        total = 0
        counts = self.counts
        for bound_s, count in zip(self.bounds_s, counts, strict=False):
            total += count
            buckets.append((repr(bound_s), float(total)))
        buckets.append(("+Inf", float(total + counts[-1])))
        return buckets
