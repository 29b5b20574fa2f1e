"""Top-ups and when they are forgotten."""

import pytest

from quotad.core.adjusted import Adjusted
from quotad.core.quota import Limits, TopUp, Window

DAY_US = 86_400_000_000
TEN = Limits(0, -1, -1, 10, -1, 10)


def test_each_top_up_raises_its_own_limit_until_it_ends() -> None:
    """They add up; an unlimited quota stays so; 0 is for good."""
    adjusted = Adjusted(
        top_ups=[TopUp(1, Window.DAY, 5, 8), TopUp(2, Window.DAY, 1, 9), TopUp(3, Window.MONTH, 5, 0)]
    )
    adjusted.top_ups.append(TopUp(4, Window.TOTAL, 2, 0))
    assert adjusted.bounds(TEN, 7) == TEN._replace(day=16, total=12)
    assert adjusted.bounds(TEN, 8) == TEN._replace(day=11, total=12)
    assert adjusted.bounds(TEN, 9) == TEN._replace(total=12)


def test_the_largest_limit_is_a_whole_number() -> None:
    """Nothing is raised beyond 2**53 - 1."""
    adjusted = Adjusted(top_ups=[TopUp(1, Window.DAY, 2**53 - 1, 0)])
    assert adjusted.bounds(TEN, 1).day == 2**53 - 1


def test_a_top_up_is_told_by_its_version() -> None:
    """The same one again is none; one that was over for eight days is forgotten."""
    adjusted = Adjusted()
    assert adjusted.add(TopUp(1, Window.DAY, 5, -1), window_end_us=DAY_US, now_us=1)
    assert adjusted.top_ups == [TopUp(1, Window.DAY, 5, DAY_US)]
    assert not adjusted.add(TopUp(1, Window.DAY, 5, -1), window_end_us=DAY_US, now_us=1)
    for version, days in ((2, 9), (3, 9)):
        assert adjusted.add(TopUp(version, Window.DAY, 5, 0), window_end_us=0, now_us=days * DAY_US)
    assert [top_up.version for top_up in adjusted.top_ups] == [2, 3]


@pytest.mark.parametrize(
    ("untils_us", "expires_us"),
    [((), 400 * DAY_US), ((5,), 400 * DAY_US), ((500 * DAY_US,), 500 * DAY_US), ((5, 0), None)],
)
def test_it_is_kept_as_long_as_a_top_up_lasts(untils_us: tuple[int, ...], expires_us: int | None) -> None:
    """And at least 400 days; for good while one is for good."""
    adjusted = Adjusted(top_ups=[TopUp(1, Window.DAY, 5, until_us) for until_us in untils_us])
    assert adjusted.expires_us(0) == expires_us
