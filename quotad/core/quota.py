"""The words of one decision: what is asked of the store, what it answers, what a caller is told.

All times are Redis microseconds, all numbers whole and below 2**53, -1 is unlimited.
The arithmetic itself stands twice: in ``lua/`` (what runs) and in ``core.reference`` (what it is
proven against).
"""

from enum import IntEnum
from typing import NamedTuple

from quotad.core.plans import Subject


class Limit(IntEnum):
    """The limit that refused; of several, the one that comes back last (total, month, day, rate)."""

    NONE = 0
    RATE = 1
    DAY = 2
    MONTH = 3
    TOTAL = 4


class AnswerStatus(IntEnum):
    """What the store did with a Call."""

    DECIDED = 0
    WINDOWS_UNFIT = 1
    """None of the windows sent contains the store's time: nothing was decided or granted; settles
    were recorded. Ask again with windows made for ``Answer.now_us``."""
    NUMBER_STALE = 2
    """The call number is not above the Entry's: a late or repeated call. It changed nothing."""


class Limits(NamedTuple):
    """A plan's limits as they travel; -1 is unlimited."""

    version: int
    rate_rps: int
    burst: int
    day: int
    month: int
    total: int


class Windows(NamedTuple):
    """The calendar edges around one instant, half-open ``[start, end)``, Redis microseconds.

    The next window's end is sent too, so that a sidecar a moment behind still opens the right one.
    """

    day_start_us: int
    day_end_us: int
    next_day_end_us: int
    month_start_us: int
    month_end_us: int
    next_month_end_us: int


class Terms(NamedTuple):
    """What a plan says, sent once per plan and script call."""

    limits: Limits
    windows: Windows
    conditional: bool
    """True: a grant is a Hold until it is settled. False: a grant is charged at once."""
    release_on_crash: bool


class DayNumbers(NamedTuple):
    """What this Sidecar itself has done with units of one day, as absolute, growing numbers.

    A unit belongs to the day (named by its end) in which the store granted it.
    """

    day_end_us: int = 0
    """0: no such day."""
    closed: int = 0
    """Holds settled, whether they counted or not."""
    given_back: int = 0
    """Units that were not used: settled as not counting, or granted when nobody waited any more."""


class Call(NamedTuple):
    """One Subject's part of one script call. At most one per Sidecar and Subject is in flight."""

    subject: Subject
    terms: Terms
    cost: int
    """Requests that wait. 0: only settle and keep the Entry alive."""
    generation: int
    """The Entry's generation as last answered; 0: not known yet."""
    number: int
    """Grows by one with each call of this process for this Subject, also after lost ones."""
    day: DayNumbers
    previous: DayNumbers


class Answer(NamedTuple):
    """The store's answer to one Call. ``granted`` of its ``cost`` were admitted, the first first.

    ``charged`` are settled units, ``open`` are Holds. The three ``entry_*`` pairs are the absolute
    numbers of the caller's own Entry after this call, from which grants of lost replies are seen.
    """

    status: int
    now_us: int
    granted: int
    refused_by: int
    """A ``Limit``; NONE when everything asked for was granted."""
    held_only: int
    """1: only Holds of requests in flight stand in the way; ask again in a second."""
    retry_us: int
    """Until ``refused_by`` lets something through again; 0 when it never does (total) or is NONE."""
    generation: int
    day_end_us: int
    entry_granted: int
    entry_at_once: int
    previous_day_end_us: int
    entry_previous_granted: int
    entry_previous_at_once: int
    rate_limit: int
    burst: int
    tokens: int
    """Whole requests left in the bucket; -1 when the rate is unlimited."""
    full_us: int
    """Until the bucket is full again."""
    day_limit: int
    day_charged: int
    day_open: int
    month_end_us: int
    month_limit: int
    month_charged: int
    month_open: int
    total_limit: int
    total_charged: int
    total_open: int


class Usage(NamedTuple):
    """A Subject's counters now, read without changing them; a window that has ended reads 0."""

    now_us: int
    day_end_us: int
    """0: no day window is open."""
    day_charged: int
    day_open: int
    month_end_us: int
    month_charged: int
    month_open: int
    total_charged: int
    total_open: int
