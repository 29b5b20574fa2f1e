"""When tests wait for the next day."""

from threading import Event

import pytest

from tests.support.midnight import NEAR_S, is_near, pass_midnight

MIDNIGHT_S = 20_000 * 86_400.0


@pytest.mark.parametrize(
    ("before_s", "near"), [(NEAR_S + 1, False), (NEAR_S - 1, True), (0.001, True), (0.0, False)]
)
def test_a_day_that_ends_soon(before_s: float, near: bool) -> None:
    """Only the last moments of a day are near its end; midnight itself is of the next."""
    assert is_near(MIDNIGHT_S - before_s) is near


def test_it_goes_on_with_the_next_day() -> None:
    """It looks at the clock until midnight has passed, and not once more."""
    times = [MIDNIGHT_S - 2, MIDNIGHT_S - 1, MIDNIGHT_S + 0.5]
    passed = Event()
    passed.set()
    pass_midnight(lambda: times.pop(0), passed)
    assert times == []
