"""All that is kept of one Subject, and the rules that move its units: the reference's half of ``lua/``.

Each unit belongs to the day in which it was granted and, through it, to a month and to the total.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from quotad.core.adjusted import Adjusted
from quotad.core.ledger import Entry, Lease, Ledger, Share
from quotad.core.quota import Call, DayNumbers, Limit, Limits, Windows

TOKEN_U = 1_000_000
"""One request, in micro-tokens."""

DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000
LARGEST = 2**53 - 1
_HELD_RETRY_US = 1_000_000
_SCAN_US = 20_000

NO_LIMITS = Limits(0, -1, -1, -1, -1, -1)
"""Of a Subject that has not seen a plan version above 0."""


class Crash(IntEnum):
    """What becomes of the Holds of a Sidecar that fell silent (``onCrash``)."""

    CHARGE = 0
    RELEASE = 1


class Moment(NamedTuple):
    """When a call is decided, and for how long after it the caller's Entry lives."""

    now_us: int
    hold_us: int


@dataclass(slots=True)
class Healing:
    """Of each window: what Sidecars remember was in use, and how much of it their Entries restored."""

    day_end_us: int
    month_end_us: int
    remembered: dict[str, int]
    restored: dict[str, int]

    def gap(self, window: str) -> int:
        """What was remembered and not restored."""
        return max(0, self.remembered[window] - self.restored[window])


@dataclass(slots=True)
class Account:
    """All that is kept of one Subject."""

    generation: int
    """The last one handed out. Begins with the time, so that none is ever handed out twice."""
    birth: int = 0
    """The generation before the first: an older one was handed out by a state that is gone."""
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
    leases_end_us: int = 0
    """When they are looked through for Leases; 0: never."""
    leased: int = 0
    healing_us: int = 0
    thaw_us: int = 0
    """The bucket does not fill before."""
    hour_end_us: int = 0
    hour_mark: int = 0
    """The total's use when the present hour began."""
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
    healing: Healing | None = None
    adjusted: Adjusted = field(default_factory=Adjusted)
    topped: bool = False
    """Some top-up may be in force."""
    noted: list[tuple[str, int, int]] = field(default_factory=list)
    """What the history is to be told: kind, end, units."""

    @property
    def is_new(self) -> bool:
        """It was never written."""
        return self.version == 0

    def ledgers(self, day_end_us: int) -> tuple[Ledger, ...]:
        """Every kept window to which a unit of this day belongs."""
        if day_end_us == self.day_end_us:
            return self.day, self.month, self.total
        if day_end_us == self.previous_day_end_us:
            if self.previous_in_month:
                return self.previous, self.month, self.total
            return self.previous, self.total
        return ()

    def bounds(self, limits: Limits, now_us: int) -> Limits:
        """The limits with every top-up that is in force."""
        return self.adjusted.bounds(limits, now_us) if self.topped else limits

    def drop_top_ups(self, now_us: int) -> None:
        """Once all are over they are not looked at again."""
        self.topped = self.topped and bool(self.adjusted.in_force(now_us))

    def capacity_u(self, limits: Limits) -> int:
        """What the bucket may hold: with what is leased it is never more than the burst."""
        return max(0, (limits.burst - self.leased) * TOKEN_U)

    def refill(self, limits: Limits, now_us: int) -> None:
        """Bring the token bucket to now."""
        if limits.rate_rps < 0:
            self.tokens_u = -1
            return
        full_u = self.capacity_u(limits)
        elapsed_us = max(0, now_us - max(self.last_us, self.thaw_us))
        refilled_u = self.tokens_u + limits.rate_rps * elapsed_us
        self.tokens_u = full_u if self.tokens_u < 0 else min(full_u, refilled_u)

    def roll(self, windows: Windows, at: Moment, running: tuple[int, int] | None = None) -> bool:
        """End the windows whose stored end has come, and open the next. False: none sent fits.

        ``running`` are the ends of the day and month that a Sidecar remembers of a lost Subject.
        """
        now_us = at.now_us
        if now_us < self.day_end_us:
            return True
        day_end_us = _end_at(now_us, windows.day_start_us, windows.day_end_us, windows.next_day_end_us)
        month_end_us, month_ends = self.month_end_us, now_us >= self.month_end_us
        if month_ends:
            month_end_us = _end_at(
                now_us, windows.month_start_us, windows.month_end_us, windows.next_month_end_us
            )
        if running is not None:
            day_end_us = running[0]
            if month_ends:
                month_end_us = running[1]
        if not day_end_us or not month_end_us:
            return False
        self._forget_previous_day()
        if self.day.used > 0:
            self.noted.append(("d", self.day_end_us, self.day.used))
        self.previous, self.day = self.day, Ledger()
        self.previous_day_end_us = self.day_end_us
        self.previous_in_month = not month_ends
        self.day_end_us = min(day_end_us, month_end_us)
        self.leased = self.leases_end_us = 0
        if month_ends:
            self.month, self.month_end_us = Ledger(), month_end_us
            # Whole milliseconds, as the server keeps them.
            self.expires_us = (month_end_us + at.hold_us + DAY_US) // 1000 * 1000
        return True

    def _forget_previous_day(self) -> None:
        """No settle can reach it any more: what is open there stays charged."""
        if self.previous_day_end_us:
            # Also when nothing is left: more was told when it ended.
            self.noted.append(("d", self.previous_day_end_us, self.previous.used))
        still_open = self.previous.open
        for ledger in self.ledgers(self.previous_day_end_us):
            ledger.move(charged=still_open, open=-still_open)

    def end_hour(self, now_us: int) -> None:
        """When an hour is over the history is told what it used."""
        if now_us < self.hour_end_us:
            return
        units = self.total.charged - self.hour_mark
        if self.hour_end_us and units:
            self.noted.append(("h", self.hour_end_us, units))
        self.hour_mark = self.total.charged
        self.hour_end_us = (now_us // HOUR_US + 1) * HOUR_US

    def note_present(self) -> None:
        """Tell the history what goes on now: perhaps nobody comes again."""
        if self.total.charged != self.hour_mark:
            self.noted.append(("h", self.hour_end_us, self.total.charged - self.hour_mark))
        if self.day.charged > 0:
            self.noted.append(("d", self.day_end_us, self.day.charged))

    def record(self, entry: Entry, sent: DayNumbers) -> None:
        """Take a Sidecar's own numbers for one day; only what they grew by changes anything."""
        share = entry.share(sent.day_end_us)
        closed = max(share.closed, min(sent.closed, share.granted - share.at_once))
        given_back = max(share.given_back, min(sent.given_back, share.at_once + closed))
        d_closed, d_given_back = closed - share.closed, given_back - share.given_back
        for ledger in self.ledgers(sent.day_end_us):
            ledger.move(d_closed - d_given_back, -d_closed, d_given_back)
        if d_closed or d_given_back:
            # Also where nothing was left to move: it is in use, and its key lives on.
            self.saved_total = None
        share.closed, share.given_back = closed, given_back

    def record_lease(self, entry: Entry, limits: Limits, call: Call, now_us: int) -> None:
        """Take what became of leased units.

        What is told first is told of those whose Lease has ended: as good as spent, they free no token.
        """
        lease = entry.lease
        if lease.ends_us <= now_us:
            self.end_lease(lease)
        before, untold, returned = lease.left, lease.untold, lease.returned
        lease.tell(call.spent, call.returned)
        self.leased += lease.left - before
        came_back = lease.returned - returned - untold
        if came_back > 0 and self.tokens_u >= 0:
            self.tokens_u = min(self.tokens_u + came_back * TOKEN_U, self.capacity_u(limits))

    def end_lease(self, lease: Lease) -> None:
        """It is over: what was not spent stays charged until it is given back."""
        self.leased -= lease.left
        lease.ended = lease.ahead

    def reclaim(self, own_id: bytes, at: Moment, lease_us: int, crash: Crash) -> None:
        """End the Entries of other Sidecars that fell silent, and Leases whose time has passed."""
        now_us, hold_us = at
        own_expires_us = now_us + hold_us
        leases_due = 0 < self.leases_end_us <= now_us
        if (self.earliest_us == 0 or now_us < self.earliest_us) and not leases_due:
            self.earliest_us = min(self.earliest_us or own_expires_us, own_expires_us)
            return
        others = {name: entry for name, entry in self.entries.items() if name != own_id}
        for name, entry in others.items():
            if entry.expires_us <= now_us:
                self.end_entry(name, crash)
        live = [entry for entry in others.values() if entry.expires_us > now_us]
        self.earliest_us = max(
            min([own_expires_us, *[entry.expires_us for entry in live]]), now_us + hold_us // 4
        )
        own = self.entries.get(own_id)
        ends_us = [own.lease.ends_us] if own is not None and own.lease.left else []
        for entry in live:
            if entry.current.day_end_us != self.day_end_us or not entry.lease.left:
                continue
            if entry.lease.ends_us <= now_us:
                self.end_lease(entry.lease)
            else:
                ends_us.append(entry.lease.ends_us)
        pause_us = max(lease_us // 4, len(self.entries) * _SCAN_US)
        self.leases_end_us = max(min(ends_us), now_us + pause_us) if ends_us else 0

    def end_entry(self, name: bytes, crash: Crash) -> None:
        """Take away the Entry of a Sidecar that is silent; its Holds end by the plan's rule."""
        entry = self.entries.pop(name)
        if entry.current.day_end_us == self.day_end_us:
            self.leased -= entry.lease.left
        for share in (entry.current, entry.previous):
            for ledger in self.ledgers(share.day_end_us):
                if crash is Crash.RELEASE:
                    ledger.move(open=-share.open, given_back=share.open)
                else:
                    ledger.move(charged=share.open, open=-share.open)

    def grant(self, entry: Entry, limits: Limits, cost: int, conditional: bool) -> int:
        """Let the first of ``cost`` requests through, on all limits together."""
        granted = self._most(limits, cost)
        self._take(entry.current, limits, granted, conditional)
        return granted

    def lease(self, entry: Entry, limits: Limits, ahead: int, lease_us: int, now_us: int) -> int:
        """Grant units ahead: charged at once, and the fewer the less is left, so that all get the last."""
        most = self._most(limits, LARGEST)
        if most < LARGEST:
            ahead = max(0, min(ahead, most // (2 * len(self.entries)) - entry.lease.left))
        if not ahead:
            return 0
        self._take(entry.current, limits, ahead, conditional=False)
        entry.lease.ahead += ahead
        entry.lease.ends_us = now_us + lease_us
        self.leased += ahead
        self.leases_end_us = min(self.leases_end_us or entry.lease.ends_us, entry.lease.ends_us)
        return ahead

    def _most(self, limits: Limits, wanted: int) -> int:
        most = wanted if limits.rate_rps < 0 else min(wanted, self.whole_tokens(limits))
        most = self.day.left(limits.day, most)
        most = self.month.left(limits.month, most)
        return self.total.left(limits.total, most)

    def _take(self, share: Share, limits: Limits, units: int, conditional: bool) -> None:
        if limits.rate_rps >= 0:
            self.tokens_u -= units * TOKEN_U
        for ledger in (self.day, self.month, self.total):
            ledger.add(charged=0 if conditional else units, open=units if conditional else 0)
        share.granted += units
        share.at_once += 0 if conditional else units

    def refusal(self, limits: Limits, now_us: int) -> tuple[Limit, int, int]:
        """Of the limits in the way the one that comes back last; whether only Holds are; until when."""
        quotas = (
            (Limit.TOTAL, limits.total, self.total, 0),
            (Limit.MONTH, limits.month, self.month, self.month_end_us - now_us),
            (Limit.DAY, limits.day, self.day, self.day_end_us - now_us),
        )
        for name, limit, ledger, retry_us in quotas:
            if ledger.is_used_up(limit, self.leased):
                return name, 0, retry_us
        for name, limit, ledger, _ in quotas:
            if ledger.is_full(limit):
                return name, 1, _HELD_RETRY_US
        if min(limits.rate_rps, limits.burst) > 0 and self.capacity_u(limits) < TOKEN_U:
            return Limit.RATE, 1, _HELD_RETRY_US
        return Limit.RATE, 0, self.wait_us(limits, TOKEN_U) + max(0, self.thaw_us - now_us)

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
