"""Row 13 from what was measured."""

from typing import cast

from bench.rows.ground import Ground
from bench.rows.growth import CONNECTIONS, Grown


class AnyGround:
    """One build."""

    main = "pure"


def test_the_largest_is_held_against_the_cheapest_of_the_others() -> None:
    """What grows at first and then no more is not excused by a dear beginning."""
    grown = Grown(CONNECTIONS, (1, 100, 10_000), [(100.0, 50.0, 75.0), (200.0, 100.0, 110.0)], "; so")
    found = grown.finding(cast(Ground, AnyGround()))
    assert list(found.values) == [1.5, 1.1]
    assert found.note == "1: 150 us/request, 100: 75.0 us/request, 10,000: 92.5 us/request; so"
