"""Plain arithmetic on what was recorded."""

from collections.abc import Iterable, Sequence


def jain(shares: Iterable[float]) -> float:
    """Jain's index of fairness: 1 when all are alike, 1/n when one has everything. 1 for nobody."""
    total = squares = 0.0
    count = 0
    for share in shares:
        total += share
        squares += share * share
        count += 1
    return total * total / (count * squares) if squares else 1.0


def percentile(ordered: Sequence[float], share: float) -> float:
    """Of values in order: the one below which this share lies; 0 of nothing."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def largest_excess(instants_s: Sequence[float], rate_rps: float) -> float:
    """Over all intervals: requests admitted in it less ``rate_rps`` times its length.

    The promise of a token bucket is that this never passes its burst. ``instants_s`` in order.
    """
    worst, lowest = 0.0, float("inf")
    for count, instant_s in enumerate(instants_s):
        level = count - rate_rps * instant_s
        lowest = min(lowest, level)
        worst = max(worst, level - lowest + 1)
    return worst
