"""Requests that another proxy carries, and whose status it will tell: held until then, to a bound.

One whose status never comes is charged: not to say how a request ended must not be a free call.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from quotad.clock import MonotonicClock
from quotad.config.model import Authorize
from quotad.core.outcome import counts
from quotad.core.verdict import Verdict
from quotad.dataplane.flow import Timed, Wheel

MOST = 65_536
"""Held at a time by one process; whatever is admitted beyond is charged at once."""

LEFT = 499
"""What nginx tells of a request whose caller hung up: used whatever the condition (Q3)."""

Charge = Callable[[Verdict, bool, str], None]
"""Settles an admitted unit of this Secret: used (True), or given back."""


class Ending(Protocol):
    """A shadow plan's part of a request (``shadow.Shadow``)."""

    def settle(self, status: int, hung_up: bool = False) -> None:
        """The request ended with this status; ``hung_up``: it is used whatever the condition."""


class Held(NamedTuple):
    """One admitted request."""

    ends_s: float
    verdict: Verdict
    shadow: Ending | None
    secret_id: str


class SettleBook(Timed):
    """Every request that is held, the oldest first. Lives on one event loop."""

    __slots__ = ("_charge", "_clock", "_held", "_most", "_wheel", "_within_s", "told")

    def __init__(self, wheel: Wheel, within_s: float, charge: Charge, most: int = MOST) -> None:
        """``within_s``: how long a status is waited for."""
        Timed.__init__(self)
        self._wheel = wheel
        self._clock: MonotonicClock = wheel.clock
        self._within_s = within_s
        self._charge = charge
        self._most = most
        self._held: dict[str, Held] = {}
        """By request id. All wait equally long, so their order is that of their ends."""
        self.told = {"counted": 0, "given_back": 0, "overdue": 0, "unknown": 0}
        """Statuses that used a unit, that gave it back, that never came, and that nobody waited for."""

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, request_id: str, verdict: Verdict, shadow: Ending | None, secret_id: str) -> bool:
        """Wait for a status; False: too many do, and nothing was done."""
        if len(self._held) >= self._most:
            return False
        ends_s = self._clock() + self._within_s
        if not self._held:
            self._wheel.arm(self, ends_s)
        self._held[request_id] = Held(ends_s, verdict, shadow, secret_id)
        return True

    def settle(self, request_id: str, status: int) -> bool:
        """The status is known; False: nobody with this id waits for one (any more)."""
        held = self._held.pop(request_id, None)
        if held is None:
            self.told["unknown"] += 1
            return False
        left = status == LEFT
        counted = left or counts(held.verdict.subject.plan.quota_condition, status)
        if held.shadow is not None:
            held.shadow.settle(status, hung_up=left)
        self._charge(held.verdict, counted, held.secret_id)
        self.told["counted" if counted else "given_back"] += 1
        return True

    def on_deadline(self, now_s: float) -> None:
        """Charge those that waited long enough."""
        while self._held:
            request_id, held = next(iter(self._held.items()))
            if held.ends_s > now_s:
                self._wheel.arm(self, held.ends_s)
                return
            del self._held[request_id]
            self._give_up(held)

    def close(self) -> None:
        """Charge all that is held: no status will come."""
        while self._held:
            self._give_up(self._held.pop(next(iter(self._held))))

    def _give_up(self, held: Held) -> None:
        self.told["overdue"] += 1
        if held.shadow is not None:
            held.shadow.settle(0, hung_up=True)
        self._charge(held.verdict, True, held.secret_id)


class Desk:
    """What all decisions for other proxies share."""

    __slots__ = ("book", "rules")

    def __init__(self, rules: Authorize, book: SettleBook) -> None:
        self.rules = rules
        self.book = book
