"""Who is asked how often."""

from random import Random

import pytest

from bench.simulation.demand import Crowd, zipf


def test_shares_fall_with_the_rank() -> None:
    """They add up to 1, and the second of exponent 1 is half the first."""
    shares = zipf(500, 1.0)
    assert sum(shares) == pytest.approx(1.0)
    assert shares[1] == pytest.approx(shares[0] / 2)


def test_members_are_drawn_by_their_shares() -> None:
    """Of many draws each member gets about its share, the first the most."""
    crowd, drawn = Crowd(3, 1.0, Random(1)), [0, 0, 0]
    for _ in range(11_000):
        drawn[crowd.draw()] += 1
    assert drawn == [
        pytest.approx(6000, rel=0.05),
        pytest.approx(3000, rel=0.05),
        pytest.approx(2000, rel=0.1),
    ]


def test_dealing_anew_moves_the_large_shares() -> None:
    """After it somebody else is drawn most often."""
    crowd = Crowd(100, 2.0, Random(1))
    first = max(range(100), key=[crowd.draw() for _ in range(500)].count)
    crowd.deal()
    assert max(range(100), key=[crowd.draw() for _ in range(500)].count) != first
