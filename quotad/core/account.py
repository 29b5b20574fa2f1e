"""All that is kept of one Subject, and the rules that move its units: the reference's half of ``lua/``.

Each unit belongs to the day in which it was granted and, through it, to a month and to the total.
"""

from dataclasses import dataclass, field
from enum import IntEnum

from quotad.core.quota import DayNumbers, Limit, Limits, Windows

TOKEN_U = 1_000_000
"""One request, in micro-tokens."""

DAY_US = 86_400_000_000
_HELD_RETRY_US = 1_000_000

NO_LIMITS = Limits(0, -1, -1, -1, -1, -1)
"""Of a Subject that has not seen a plan version above 0."""


class Crash(IntEnum):
    """What becomes of the Holds of a Sidecar that fell silent (``onCrash``)."""

    CHARGE = 0
    RELEASE = 1


@dataclass(slots=True)
class Ledger:
    """The units of one window. Always granted = charged + open + given_back."""

    charged: int = 0
    open: int = 0
    granted: int = 0
    given_back: int = 0

    def is_full(self, limit: int) -> bool:
        """Nothing more may be granted, perhaps only because of Holds."""
        return limit >= 0 and self.charged + self.open >= limit

    def is_used_up(self, limit: int) -> bool:
        """Nothing more may be granted even if every Hold were given back."""
        return limit >= 0 and self.charged >= limit

    def left(self, limit: int, wanted: int) -> int:
        """How many of ``wanted`` the limit lets through."""
        return wanted if limit < 0 else min(wanted, max(0, limit - self.charged - self.open))


@dataclass(slots=True)
class Share:
    """One Sidecar's units of one day; the first two numbers are the store's, the others its own."""

    day_end_us: int
    granted: int = 0
    at_once: int = 0
    closed: int = 0
    given_back: int = 0

    @property
    def open(self) -> int:
        """Holds."""
        return self.granted - self.at_once - self.closed


@dataclass(slots=True)
class Entry:
    """What a Subject knows of one Sidecar: its shares of the current and the previous day."""

    generation: int = 0
    number: int = 0
    expires_us: int = 0
    current: Share = field(default_factory=lambda: Share(0))
    previous: Share = field(default_factory=lambda: Share(0))

    def share(self, day_end_us: int) -> Share:
        """The share of the day with this end; an empty one when the Entry has none."""
        for share in (self.current, self.previous):
            if share.day_end_us == day_end_us:
                return share
        return Share(day_end_us)


@dataclass(slots=True)
class Account:
    """All that is kept of one Subject."""

    generation: int
    """The last one handed out. Begins with the time, so that none is ever handed out twice."""
    version: int = 0
    last_us: int = 0
    tokens_u: int = -1
    """Micro-tokens; -1 while the rate is not limited."""
    day_end_us: int = 0
    month_end_us: int = 0
    previous_day_end_us: int = 0
    previous_in_month: bool = False
    earliest_us: int = 0
    """When Entries are looked through next; 0: never."""
    expires_us: int = 0
    limits: Limits = NO_LIMITS
    """Those of the highest plan version seen, once one above 0 was."""
    saved_total: Ledger | None = None
    """The lifetime total as its own key last got it; None before the first time."""
    total_kept: bool = False
    """Its key has no expiry, since the total is limited."""
    day: Ledger = field(default_factory=Ledger)
    month: Ledger = field(default_factory=Ledger)
    total: Ledger = field(default_factory=Ledger)
    previous: Ledger = field(default_factory=Ledger)
    entries: dict[bytes, Entry] = field(default_factory=dict)

    def ledgers(self, day_end_us: int) -> tuple[Ledger, ...]:
        """Every kept window to which a unit of this day belongs."""
        if day_end_us == self.day_end_us:
            return self.day, self.month, self.total
        if day_end_us == self.previous_day_end_us:
            if self.previous_in_month:
                return self.previous, self.month, self.total
            return self.previous, self.total
        return ()

    def refill(self, limits: Limits, now_us: int) -> None:
        """Bring the token bucket to now."""
        if limits.rate_rps < 0:
            self.tokens_u = -1
            return
        full_u = limits.burst * TOKEN_U
        refilled_u = self.tokens_u + limits.rate_rps * (now_us - self.last_us)
        self.tokens_u = full_u if self.tokens_u < 0 else min(full_u, refilled_u)

    def roll(self, windows: Windows, hold_us: int, now_us: int) -> bool:
        """End the windows whose stored end has come, and open the next. False: none sent fits."""
        if now_us < self.day_end_us:
            return True
        day_end_us = _end_at(now_us, windows.day_start_us, windows.day_end_us, windows.next_day_end_us)
        month_end_us, month_ends = self.month_end_us, now_us >= self.month_end_us
        if month_ends:
            month_end_us = _end_at(
                now_us, windows.month_start_us, windows.month_end_us, windows.next_month_end_us
            )
        if not day_end_us or not month_end_us:
            return False
        self._forget_previous_day()
        self.previous, self.day = self.day, Ledger()
        self.previous_day_end_us = self.day_end_us
        self.previous_in_month = not month_ends
        self.day_end_us = min(day_end_us, month_end_us)
        if month_ends:
            self.month, self.month_end_us = Ledger(), month_end_us
            # Whole milliseconds, as the server keeps them.
            self.expires_us = (month_end_us + hold_us + DAY_US) // 1000 * 1000
        return True

    def _forget_previous_day(self) -> None:
        """No settle can reach it any more: what is open there stays charged."""
        still_open = self.previous.open
        for ledger in self.ledgers(self.previous_day_end_us):
            ledger.open -= still_open
            ledger.charged += still_open

    def record(self, entry: Entry, sent: DayNumbers) -> None:
        """Take a Sidecar's own numbers for one day; only what they grew by changes anything."""
        share = entry.share(sent.day_end_us)
        closed = max(share.closed, min(sent.closed, share.granted - share.at_once))
        given_back = max(share.given_back, min(sent.given_back, share.at_once + closed))
        for ledger in self.ledgers(sent.day_end_us):
            ledger.open -= closed - share.closed
            ledger.given_back += given_back - share.given_back
            ledger.charged += (closed - share.closed) - (given_back - share.given_back)
        share.closed, share.given_back = closed, given_back

    def reclaim(self, own_id: bytes, hold_us: int, crash: Crash, now_us: int) -> None:
        """End the Entries of other Sidecars that fell silent, at most once per quarter hold time."""
        own_expires_us = now_us + hold_us
        if self.earliest_us == 0 or now_us < self.earliest_us:
            self.earliest_us = min(self.earliest_us or own_expires_us, own_expires_us)
            return
        others = {name: entry for name, entry in self.entries.items() if name != own_id}
        for name, entry in others.items():
            if entry.expires_us <= now_us:
                self._close_all(entry, crash)
                del self.entries[name]
        ends_us = [entry.expires_us for entry in others.values() if entry.expires_us > now_us]
        self.earliest_us = max(min([own_expires_us, *ends_us]), now_us + hold_us // 4)

    def _close_all(self, entry: Entry, crash: Crash) -> None:
        for share in (entry.current, entry.previous):
            for ledger in self.ledgers(share.day_end_us):
                ledger.open -= share.open
                if crash is Crash.RELEASE:
                    ledger.given_back += share.open
                else:
                    ledger.charged += share.open

    def grant(self, entry: Entry, limits: Limits, cost: int, conditional: bool) -> int:
        """Let the first of ``cost`` requests through, on all limits together."""
        granted = cost if limits.rate_rps < 0 else min(cost, self.whole_tokens(limits))
        granted = self.day.left(limits.day, granted)
        granted = self.month.left(limits.month, granted)
        granted = self.total.left(limits.total, granted)
        if limits.rate_rps >= 0:
            self.tokens_u -= granted * TOKEN_U
        for ledger in (self.day, self.month, self.total):
            ledger.granted += granted
            ledger.open += granted if conditional else 0
            ledger.charged += 0 if conditional else granted
        entry.current.granted += granted
        entry.current.at_once += 0 if conditional else granted
        return granted

    def refusal(self, limits: Limits, now_us: int) -> tuple[Limit, int, int]:
        """Of the limits in the way the one that comes back last; whether only Holds are; until when."""
        quotas = (
            (Limit.TOTAL, limits.total, self.total, 0),
            (Limit.MONTH, limits.month, self.month, self.month_end_us - now_us),
            (Limit.DAY, limits.day, self.day, self.day_end_us - now_us),
        )
        for name, limit, ledger, retry_us in quotas:
            if ledger.is_used_up(limit):
                return name, 0, retry_us
        for name, limit, ledger, _ in quotas:
            if ledger.is_full(limit):
                return name, 1, _HELD_RETRY_US
        return Limit.RATE, 0, self.wait_us(limits, TOKEN_U)

    def whole_tokens(self, limits: Limits) -> int:
        """Requests that the bucket lets through; -1 is unlimited."""
        if limits.rate_rps <= 0:
            return limits.rate_rps
        return self.tokens_u // TOKEN_U

    def wait_us(self, limits: Limits, tokens_u: int) -> int:
        """Until the bucket holds so many micro-tokens; 0 when it does, or never will."""
        if limits.rate_rps <= 0 or limits.burst == 0:
            return 0
        return max(0, -(-(tokens_u - self.tokens_u) // limits.rate_rps))


def _end_at(now_us: int, start_us: int, end_us: int, next_end_us: int) -> int:
    """The end of the window that contains now, of the two that were sent; 0 when neither does."""
    if start_us <= now_us < end_us:
        return end_us
    return next_end_us if end_us <= now_us < next_end_us else 0
