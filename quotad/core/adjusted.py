"""What an admin changed in one Subject's counters: top-ups and resets. Outlives the Account."""

from dataclasses import dataclass, field

from quotad.core.breach import raised
from quotad.core.quota import Limits, TopUp, Window

_LIFE_US = 400 * 86_400_000_000
_TOP_UP_KEPT_US = 8 * 86_400_000_000

NAMES = {Window.DAY: "day", Window.MONTH: "month", Window.TOTAL: "total"}


@dataclass(slots=True)
class Adjusted:
    """The last reset, and the top-ups: those in force and those that were over lately."""

    reset_version: int = 0
    reset_us: dict[str, int] = field(default_factory=lambda: {"day": 0, "month": 0, "total": 0})
    """When each window was last reset."""
    top_ups: list[TopUp] = field(default_factory=list)

    def in_force(self, now_us: int) -> list[TopUp]:
        """Those that are not over."""
        return [top_up for top_up in self.top_ups if not top_up.until_us or now_us < top_up.until_us]

    def bounds(self, limits: Limits, now_us: int) -> Limits:
        """The limits with every top-up that is in force; unlimited stays unlimited, a soft one soft."""
        for top_up in self.in_force(now_us):
            name = NAMES[Window(top_up.window)]
            limits = limits._replace(**{name: raised(getattr(limits, name), top_up.amount)})
        return limits

    def raised(self, now_us: int) -> tuple[int, int, int]:
        """What top-ups in force add to the quotas of day, month and total."""
        bounds = self.bounds(Limits(0, 0, 0, 0, 0, 0), now_us)
        return bounds.day, bounds.month, bounds.total

    def add(self, top_up: TopUp, window_end_us: int, now_us: int) -> bool:
        """Add a top-up and drop those that have been over for long. False: it is known already."""
        if any(known.version == top_up.version for known in self.top_ups):
            return False
        self.top_ups = [
            known for known in self.top_ups if not known.until_us or now_us < known.until_us + _TOP_UP_KEPT_US
        ]
        if top_up.until_us < 0:
            top_up = top_up._replace(until_us=window_end_us)
        self.top_ups.append(top_up)
        return True

    def expires_us(self, now_us: int) -> int | None:
        """When all this may be forgotten, if nothing more happens; None: never."""
        ends_us = [top_up.until_us for top_up in self.top_ups]
        if 0 in ends_us:
            return None
        # Whole milliseconds, as the server keeps them.
        return max([now_us + _LIFE_US, *ends_us]) // 1000 * 1000
