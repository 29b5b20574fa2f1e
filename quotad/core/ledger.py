"""What the reference keeps: units of a window, of one Sidecar's day, of one Sidecar."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Ledger:
    """The units of one window. Always granted = charged + open + given_back."""

    charged: int = 0
    open: int = 0
    granted: int = 0
    given_back: int = 0

    @property
    def used(self) -> int:
        """What counts against a limit."""
        return self.charged + self.open

    def move(self, charged: int = 0, open: int = 0, given_back: int = 0) -> None:  # noqa: A002 - a column's name
        """Units change their column. Use is never below zero: a reset may have forgiven it before."""
        forgiven = max(0, -(self.charged + charged))
        self.charged += charged + forgiven
        self.open += open
        self.given_back += given_back - forgiven

    def add(self, charged: int = 0, open: int = 0, given_back: int = 0) -> None:  # noqa: A002 - as above
        """Units that were not here."""
        self.granted += charged + open + given_back
        self.move(charged, open, given_back)

    def is_full(self, limit: int) -> bool:
        """Nothing more may be granted, perhaps only because of Holds and Leases."""
        return limit >= 0 and self.used >= limit

    def is_used_up(self, limit: int, leased: int) -> bool:
        """Nothing more may be granted even if every Hold and Lease were given back."""
        return limit >= 0 and self.charged - leased >= limit

    def left(self, limit: int, wanted: int) -> int:
        """How many of ``wanted`` the limit lets through."""
        return wanted if limit < 0 else min(wanted, max(0, limit - self.used))


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

    @property
    def charged(self) -> int:
        """Use."""
        return self.at_once + self.closed - self.given_back


@dataclass(slots=True)
class Lease:
    """Units of the current day that were granted ahead, and what became of them."""

    ahead: int = 0
    spent: int = 0
    returned: int = 0
    ends_us: int = 0
    ended: int = 0
    """Of those ahead, the first so many are leased no more, whatever was heard of them."""

    @property
    def untold(self) -> int:
        """Units of ended Leases of which nothing was heard."""
        return max(0, self.ended - self.spent - self.returned)

    @property
    def left(self) -> int:
        """What may still be spent, as far as the store was told."""
        return self.ahead - self.spent - self.returned - self.untold

    def tell(self, spent: int, returned: int) -> None:
        """Take a Sidecar's numbers: they only grow, and never above what there is."""
        self.spent = min(max(spent, self.spent), self.ahead - self.returned)
        self.returned = min(max(returned, self.returned), self.ahead - self.spent)


@dataclass(slots=True)
class Entry:
    """What a Subject knows of one Sidecar: its shares of the current and the previous day."""

    generation: int = 0
    number: int = 0
    expires_us: int = 0
    current: Share = field(default_factory=lambda: Share(0))
    previous: Share = field(default_factory=lambda: Share(0))
    lease: Lease = field(default_factory=Lease)

    def share(self, day_end_us: int) -> Share:
        """The share of the day with this end; an empty one when the Entry has none."""
        for share in (self.current, self.previous):
            if share.day_end_us == day_end_us:
                return share
        return Share(day_end_us)

    @property
    def is_empty(self) -> bool:
        """Nothing is held or leased."""
        return not (self.current.open or self.previous.open or self.lease.left)
