"""The arithmetic, against plainer arithmetic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.simulation.figures import jain, largest_excess, percentile


def test_fairness_of_the_extremes() -> None:
    """1 when all are alike, 1/n when one has all, 1 for nobody."""
    assert jain([0.3, 0.3, 0.3]) == pytest.approx(1.0)
    assert jain([1.0, 0.0, 0.0, 0.0]) == pytest.approx(0.25)
    assert jain([]) == 1.0


def test_a_percentile_is_one_of_the_values() -> None:
    """The value below which that share lies."""
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.5) == 3.0
    assert percentile([1.0, 2.0], 0.99) == 2.0
    assert percentile([], 0.99) == 0.0


@given(
    st.lists(st.integers(0, 200), min_size=1, max_size=30).map(sorted),
    st.integers(1, 50),
)
def test_the_largest_excess_is_that_of_the_worst_interval(ticks: list[int], rate: int) -> None:
    """Over every pair of admissions: their number less the rate times the time between them."""
    instants_s = [tick / 8 for tick in ticks]
    pairs = [(i, j) for i in range(len(ticks)) for j in range(i, len(ticks))]
    worst = max(j - i + 1 - rate * (instants_s[j] - instants_s[i]) for i, j in pairs)
    assert largest_excess(instants_s, rate) == pytest.approx(worst)
