"""Who is asked what, and when: Poisson arrivals, uneven over sidecars and Subjects, moving."""

from bisect import bisect
from itertools import accumulate
from random import Random


def zipf(count: int, exponent: float) -> list[float]:
    """Shares of ``count`` ranks, the largest first; they add up to 1."""
    weights = [1 / (rank + 1) ** exponent for rank in range(count)]
    total = sum(weights)
    return [weight / total for weight in weights]


class Crowd:
    """Draws members by Zipf shares, the first most often until they are dealt out anew."""

    def __init__(self, count: int, exponent: float, random: Random) -> None:
        self._edges = list(accumulate(zipf(count, exponent)))
        self._members = list(range(count))
        self._random = random

    def deal(self) -> None:
        """Other members get the large shares."""
        self._random.shuffle(self._members)

    def draw(self) -> int:
        """One member."""
        place = bisect(self._edges, self._random.random())
        return self._members[min(place, len(self._members) - 1)]
