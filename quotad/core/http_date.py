"""HTTP dates, as signed requests carry them and as answers do (RFC 9110, section 5.6.7)."""

import re
from datetime import UTC, datetime
from functools import lru_cache

_MONTH_NAMES = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_MONTHS = {month: number for number, month in enumerate(_MONTH_NAMES, 1)}
_SHORT_DAYS = (b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun")
_LONG_DAYS = (b"Monday", b"Tuesday", b"Wednesday", b"Thursday", b"Friday", b"Saturday", b"Sunday")

_TIME = rb"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_MONTH = rb"(?P<month>[A-Za-z]{3})"
_SHORT_DAY = rb"(?P<weekday>[A-Za-z]{3})"
_IMF_FIXDATE = re.compile(
    _SHORT_DAY + rb", (?P<day>[0-9]{2}) " + _MONTH + rb" (?P<year>[0-9]{4}) " + _TIME + rb" GMT"
)
_RFC850 = re.compile(
    rb"(?P<weekday>[A-Za-z]{6,9}), (?P<day>[0-9]{2})-" + _MONTH + rb"-(?P<year>[0-9]{2}) " + _TIME + rb" GMT"
)
_ASCTIME = re.compile(
    _SHORT_DAY + rb" " + _MONTH + rb" (?P<day>[ 0-9][0-9]) " + _TIME + rb" (?P<year>[0-9]{4})"
)


def http_date(seconds: int) -> bytes:
    """IMF-fixdate of so many seconds since the epoch. ``email.utils`` has it too, and brings ten modules."""
    moment = datetime.fromtimestamp(seconds, UTC)
    day, month = _SHORT_DAYS[moment.weekday()], _MONTH_NAMES[moment.month - 1]
    time = (moment.hour, moment.minute, moment.second)
    return b"%b, %02d %b %04d %02d:%02d:%02d GMT" % (day, moment.day, month, moment.year, *time)


def parse_http_date(text: bytes, now_s: float) -> int | None:
    """Seconds since the epoch, or None when ``text`` is not an HTTP date.

    Takes IMF-fixdate and, as a recipient must, the two obsolete forms; all case-sensitive, with the
    right day of the week. ``now_s`` places a two-digit year: never more than 50 years ahead.
    """
    return _parse(text, int(now_s) // 31_556_952 + 1970)


@lru_cache(maxsize=256)
def _parse(text: bytes, this_year: int) -> int | None:
    match = _IMF_FIXDATE.fullmatch(text) or _RFC850.fullmatch(text) or _ASCTIME.fullmatch(text)
    if match is None or match["month"] not in _MONTHS:
        return None
    year = int(match["year"])
    weekday = match["weekday"]
    names = _SHORT_DAYS
    if len(match["year"]) == 2:
        year += this_year // 100 * 100
        if year > this_year + 50:
            year -= 100
        names = _LONG_DAYS
    second = int(match["second"])
    leap = second == 60
    try:
        moment = datetime(
            year,
            _MONTHS[match["month"]],
            int(match["day"]),
            int(match["hour"]),
            int(match["minute"]),
            second - leap,
            tzinfo=UTC,
        )
    except ValueError:
        return None
    if names[moment.weekday()] != weekday:
        return None
    return int(moment.timestamp()) + leap
