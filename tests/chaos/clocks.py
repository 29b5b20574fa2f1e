"""Cases in which a Sidecar's clock is wrong (libfaketime)."""

from email.utils import parsedate_to_datetime
from pathlib import Path

from quotad import clock
from tests.chaos.case import Case
from tests.chaos.plans import all_answers, good_answers, rate_only
from tests.chaos.world import World

QUOTA = 1000
HOUR_S = 3600
LATE_MINUTE = 55
"""From this minute on the hour, an hour ahead would not stay before the end of the day for a whole run."""

_LIBRARY = "faketime/libfaketimeMT.so.1"


def library() -> Path | None:
    """Debian's libfaketime; None where it is missing."""
    return next(Path("/usr/lib").glob(f"*/{_LIBRARY}"), None)


def _is_ahead() -> bool:
    return int(clock.wall_s()) // 60 % 60 < LATE_MINUTE


def an_hour_off() -> dict[str, str]:
    """The environment of a process whose clock is an hour ahead, or behind shortly before the full hour."""
    found = library()
    if found is None:
        raise RuntimeError("libfaketime is missing; on Debian and Ubuntu: apt install faketime")
    return {
        "LD_PRELOAD": str(found),
        "FAKETIME": "+1h" if _is_ahead() else "-1h",
        # Only the wall clock is wrong: a process has no other machine's monotonic clock.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


def hour_beside_midnight() -> int:
    """The hour in which that process sees another day than all others do."""
    return 23 if _is_ahead() else 0


async def compare_clocks(world: World) -> None:
    """The fault is there from the start: it only has to be seen."""
    await world.begin_fault()
    world.end_fault()
    world.signs["processes that are in another day"] = lambda: _off_by_an_hour(world)


def _off_by_an_hour(world: World) -> int:
    stamps = {
        process: parsedate_to_datetime(date.decode()).timestamp()
        for process, date in world.load.last_dates.items()
    }
    return sum(HOUR_S - 60 < abs(stamp - clock.wall_s()) < HOUR_S + 60 for stamp in stamps.values())


CASES = (
    Case(
        "clock",
        "a sidecar's clock is off by an hour, in another day",
        (all_answers(QUOTA), good_answers(QUOTA), rate_only(200, 50)),
        compare_clocks,
        environments={0: an_hour_off},
        hour=hour_beside_midnight,
        quick=True,
    ),
)
