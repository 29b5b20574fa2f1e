import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotad.core.breach import LARGEST, LARGEST_SOFT, is_soft, number_of, overage, raised, softened
from quotad.core.plans import UNLIMITED, UsagePlan

HARD = UsagePlan("usagePlan-a", "a")
SOFT = UsagePlan("usagePlan-a", "a", soft_quotas=frozenset({"month"}))


@given(st.integers(0, LARGEST_SOFT))
def test_a_soft_limit_travels_and_is_read_again(limit: int) -> None:
    """It is below -1, exact as a double, and its number comes back; what is not soft stays as it is."""
    travelled = softened(SOFT, "month", limit)
    assert is_soft(travelled)
    assert float(travelled) == travelled
    assert number_of(travelled) == limit
    assert softened(SOFT, "day", limit) == softened(HARD, "month", limit) == number_of(limit) == limit
    assert not is_soft(limit)


def test_edges() -> None:
    """Unlimited is never soft; what no double holds is cut by two."""
    assert softened(SOFT, "month", UNLIMITED) == UNLIMITED
    assert not is_soft(UNLIMITED)
    assert number_of(softened(SOFT, "month", 2**53 - 1)) == LARGEST_SOFT


@pytest.mark.parametrize(
    ("limit", "units", "expected"),
    [
        (-1, 5, -1),
        (10, 5, 15),
        (-12, 5, -17),
        (-12, 0, -12),
        (-2 - LARGEST_SOFT, 5, -2 - LARGEST_SOFT),
        (LARGEST, 5, LARGEST),
    ],
)
def test_top_ups(limit: int, units: int, expected: int) -> None:
    """They raise every limit that there is, the soft one by making it more negative."""
    assert raised(limit, units) == expected


@pytest.mark.parametrize(
    ("limit", "in_use", "expected"),
    [(-12, 9, 0), (-12, 10, 0), (-12, 11, 1), (-2, 3, 3), (10, 11, 0), (-1, 11, 0)],
)
def test_overage(limit: int, in_use: int, expected: int) -> None:
    """What is used beyond a soft limit; beyond one that denies, or beyond none, there is none."""
    assert overage(limit, in_use) == expected
