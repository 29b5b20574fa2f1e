"""The words of one decision: what is asked of the store, what it answers, what a caller is told.

All times are Redis microseconds, all numbers whole and below 2**53, -1 is unlimited. A limit below -1 is a
soft one (``core.breach``): no limit to whoever decides, a number to whoever shows.
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
    STATE_LOST = 3
    """The store may have forgotten what this Sidecar knows. Nothing was changed: ask again with a
    ``Memory``."""


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
    lease_us: int = 0
    """How long a Lease lasts after the last call; 0: the plan leases nothing."""


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


class Memory(NamedTuple):
    """What a Sidecar last heard of a Subject: from this the store restores what it has forgotten.

    ``*_used`` is charged + open of all, the rest are the numbers of the Sidecar's own Entry.
    """

    seen_us: int = 0
    """The store's time of that answer."""
    granted: int = 0
    at_once: int = 0
    ahead: int = 0
    previous_granted: int = 0
    previous_at_once: int = 0
    day_used: int = 0
    month_end_us: int = 0
    month_used: int = 0
    total_used: int = 0


LEAVE = -1
"""As the cost of a settle: the Sidecar has nothing in the Subject any more, its Entry may go."""


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
    heard: int = 0
    """The number of the last call that was answered."""
    version: int = 0
    """The Subject's version in that answer."""
    ahead: int = 0
    """Units wanted on top, to be spent without asking (a Lease); granted only when all of ``cost`` is."""
    spent: int = 0
    """Of all units of ``day`` that were granted ahead: those that requests used, and ..."""
    returned: int = 0
    """... those that none will use: given back with their tokens."""
    memory: Memory | None = None
    """Sent when the store said STATE_LOST, and after a failover."""


class Answer(NamedTuple):
    """The store's answer to one Call.

    ``granted`` of its ``cost`` were admitted, the first first; what is granted beyond the cost was
    granted ahead.
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
    version: int = 0
    """Grows with each write: an answer with a lower one comes from a store that has forgotten."""
    entry_ahead: int = 0
    """Units of the current day that were ever granted ahead."""


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
    leased: int = 0
    """Of the charged: granted ahead and not spent yet, as far as the store was told."""
    day_raised: int = 0
    """What top-ups that are in force add to the day's quota, the month's and the total."""
    month_raised: int = 0
    total_raised: int = 0


class Window(IntEnum):
    """The windows that quotas count in."""

    DAY = 1
    MONTH = 2
    TOTAL = 3


class TopUp(NamedTuple):
    """Raises one quota of one Subject."""

    version: int
    """Told apart by it: the same one sent again changes nothing."""
    window: Window
    amount: int
    until_us: int
    """Store microseconds; 0: for good, -1: until the running window ends."""


class Reset(NamedTuple):
    """Sets use to 0 in some windows; Holds, Leases and tokens stay."""

    version: int
    """Must grow: one not above the last changes nothing."""
    windows: frozenset[Window]


class Replay(NamedTuple):
    """What one process admitted without the store, in all, of one day."""

    day_end_us: int
    total: int
