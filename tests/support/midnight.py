"""Real servers count by real days: no test begins that a day's end would cut in two."""

from threading import Event
from typing import Final

from quotad.clock import WallClock, wall_s

NEAR_S: Final = 45.0
"""Longer than any test takes that looks at what a day has counted."""
_DAY_S: Final = 86_400
_LOOK_S: Final = 1.0


def is_near(now_s: float) -> bool:
    """Whether the day, in UTC, ends soon; ``now_s`` since the epoch. The month ends with it."""
    return _DAY_S - now_s % _DAY_S < NEAR_S


def pass_midnight(clock: WallClock = wall_s, never: Event | None = None) -> None:
    """Return at once, but for the last moments of a day: then with the next one.

    ``never``: is waited for in vain from look to look.
    """
    nothing = never or Event()
    while is_near(clock()):
        nothing.wait(_LOOK_S)
