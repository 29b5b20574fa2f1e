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
"""From this minute on the hour, and with it the day, could end during a run: another hour is taken."""
FURTHER_S = 600

_LIBRARY = "faketime/libfaketimeMT.so.1"


def library() -> Path | None:
    """Debian's libfaketime; None where it is missing."""
    return next(Path("/usr/lib").glob(f"*/{_LIBRARY}"), None)


def _is_late() -> bool:
    return int(clock.wall_s()) // 60 % 60 >= LATE_MINUTE


def an_hour_off() -> dict[str, str]:
    """The environment of a process whose clock is an hour ahead.

    Its monotonic clock is shifted too, which nobody can see: it may start anywhere. To keep it (libfaketime
    can) breaks every timed wait of a thread.
    """
    found = library()
    if found is None:
        raise RuntimeError("libfaketime is missing; on Debian and Ubuntu: apt install faketime")
    ahead_s = HOUR_S + FURTHER_S * _is_late()
    return {"LD_PRELOAD": str(found), "FAKETIME": f"+{ahead_s}s"}


def hour_beside_midnight() -> int:
    """The hour in which that process sees another day than all others do."""
    return 22 if _is_late() else 23


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
    return sum(stamp - clock.wall_s() > HOUR_S - 60 for stamp in stamps.values())


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
