"""Who is asked what, and when: Poisson arrivals, uneven over sidecars and Subjects, moving."""

from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from random import Random


def zipf(count: int, exponent: float) -> list[float]:
    """Shares of ``count`` ranks, the largest first; they add up to 1."""
    weights = [1 / (rank + 1) ** exponent for rank in range(count)]
    total = sum(weights)
    return [weight / total for weight in weights]


class Crowd:
    """Draws members by Zipf shares that are dealt out anew when told."""

    def __init__(self, count: int, exponent: float, random: Random) -> None:
        self._edges = list(accumulate(zipf(count, exponent)))
        self._members = list(range(count))
        self._random = random
        self.deal()

    def deal(self) -> None:
        """Other members get the large shares."""
        self._random.shuffle(self._members)

    def draw(self) -> int:
        """One member."""
        place = bisect(self._edges, self._random.random())
        return self._members[min(place, len(self._members) - 1)]


def level(steps: Sequence[tuple[float, float]], now_s: float) -> float:
    """Requests per second at this time; ``steps`` are (from when, how many), in order of time."""
    return next(rps for from_s, rps in reversed(steps) if from_s <= now_s)
