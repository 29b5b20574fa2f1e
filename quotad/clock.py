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
