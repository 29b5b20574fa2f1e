"""The process's own clocks, in one place so that every other module takes time as an argument.

No decision about a quota uses them: those take Redis ``TIME`` (semantics: one clock).
They serve signature dates, deadlines, durations and log stamps.
"""

import time
from collections.abc import Callable

WallClock = Callable[[], float]
"""Seconds since the epoch."""

MonotonicClock = Callable[[], float]
"""Seconds from an arbitrary start, never going back."""

wall_s: WallClock = time.time
monotonic_s: MonotonicClock = time.monotonic
cpu_s: MonotonicClock = time.process_time
"""CPU seconds of this process."""


def awake_s() -> float:
    """Monotonic seconds that go on while the machine sleeps, where the system has such a clock.

    What the store ends by its own time must not outlive a suspended machine.
    """
    return time.clock_gettime(_AWAKE)


_AWAKE = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
