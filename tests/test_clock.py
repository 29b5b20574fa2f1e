"""The process's own clocks are the system's."""

from pathlib import Path

from quotad.clock import awake_s, cpu_s, monotonic_s, wall_s

HOUR_S = 3600.0


def test_time_awake_never_goes_back() -> None:
    """However often it is asked, no answer is smaller than the one before."""
    times_s = [awake_s() for _ in range(10_000)]
    assert times_s == sorted(times_s)


def test_time_awake_counts_at_least_what_the_monotonic_clock_counts() -> None:
    """A machine that slept has been on for longer than it was running; a minute is slack."""
    assert awake_s() >= monotonic_s() - 60.0


def test_the_wall_clock_is_the_systems(tmp_path: Path) -> None:
    """Seconds since the epoch, as the kernel dates a file."""
    (tmp_path / "now").touch()
    assert abs(wall_s() - (tmp_path / "now").stat().st_mtime) < HOUR_S


def test_durations_and_cpu_time_only_grow() -> None:
    """They serve differences, and a difference is never negative."""
    for clock in (monotonic_s, cpu_s):
        times_s = [clock() for _ in range(1000)]
        assert times_s == sorted(times_s)
