"""Where days and months begin and end in a plan's time zone, as microseconds since the epoch.

A day begins at the first instant that carries its date, so a zone that skips midnight begins it
later, and a day may have 23, 25 or other numbers of hours. A date that a zone skipped altogether
has no day. A month begins with the day of its anchor, or with the last day of a shorter month.
"""

from calendar import monthrange
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from quotad.core.quota import Windows

_SECOND_US = 1_000_000


class WindowCache:
    """Windows per time zone and anchor day, made anew only when ``now_us`` leaves their day."""

    __slots__ = ("_made",)

    def __init__(self) -> None:
        self._made: dict[tuple[str, int], Windows] = {}

    def windows(self, now_us: int, timezone: str, month_anchor_day: int) -> Windows:
        """As the function of the same name."""
        key = (timezone, month_anchor_day)
        made = self._made.get(key)
        if made is None or not made.day_start_us <= now_us < made.day_end_us:
            made = self._made[key] = windows(now_us, timezone, month_anchor_day)
        return made


def windows(now_us: int, timezone: str, month_anchor_day: int) -> Windows:
    """The day and the month that contain ``now_us``, and the ends of those that follow.

    ``timezone`` is an IANA name, ``month_anchor_day`` 1 to 31. Raises ZoneInfoNotFoundError.
    """
    zone = ZoneInfo(timezone)
    today = datetime.fromtimestamp(now_us // _SECOND_US, zone).date()
    # The date that clocks show has begun, but where they went back over midnight a later one has too.
    days = _edges(now_us, zone, _days(today))
    months = _edges(now_us, zone, _months(today, month_anchor_day))
    return Windows(*days, *months)


def day_start_us(day: date, timezone: str) -> int:
    """The instant at which ``day`` begins in the zone; where a zone skipped it, at which the next one does.

    ``timezone`` is an IANA name. Raises ZoneInfoNotFoundError.
    """
    return _start_us(day, ZoneInfo(timezone))


def _edges(now_us: int, zone: ZoneInfo, dates: Iterator[date]) -> tuple[int, int, int]:
    """Of the instants at which ``dates`` begin: the last one not after now, and the next two."""
    start = _start_us(next(dates), zone)
    end = _next_edge(start, zone, dates)
    while end <= now_us:
        start, end = end, _next_edge(end, zone, dates)
    return start, end, _next_edge(end, zone, dates)


def _next_edge(after_us: int, zone: ZoneInfo, dates: Iterator[date]) -> int:
    """Skips dates that the zone skipped: they begin where the next one does."""
    return next(edge for edge in (_start_us(day, zone) for day in dates) if edge > after_us)


def _days(first: date) -> Iterator[date]:
    while True:
        yield first
        first += timedelta(days=1)


def _months(today: date, anchor_day: int) -> Iterator[date]:
    """Anchor days from that of last month on, which has surely passed."""
    index = today.year * 12 + today.month - 2
    while True:
        year, month = divmod(index, 12)
        yield date(year, month + 1, min(anchor_day, monthrange(year, month + 1)[1]))
        index += 1


def _start_us(day: date, zone: ZoneInfo) -> int:
    """The first instant at which clocks in the zone show this date, or a later one."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    instant = int(midnight.timestamp())
    if datetime.fromtimestamp(instant, zone) == midnight:
        return instant * _SECOND_US
    # Midnight was skipped. Read with the offset before the gap it lies after the gap's end, with the
    # offset after it, before.
    before = int(midnight.replace(fold=1).timestamp()) - 1
    return _first(before, instant, lambda second: _local_date(second, zone) >= day) * _SECOND_US


def _first(below: int, above: int, holds: Callable[[int], bool]) -> int:
    """The smallest number in ``(below, above]`` for which ``holds``, which is false, then true."""
    while above - below > 1:
        middle = (below + above) // 2
        if holds(middle):
            above = middle
        else:
            below = middle
    return above


def _local_date(second: int, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(second, zone).date()
