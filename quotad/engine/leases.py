"""Units taken ahead, and spent without asking: Leases (``lease``) and the standby of ``local``.

Prepaid: the store has charged them before they are spent, so no limit can be passed. The stock ends by
this process's own clock, counted from before the call went out, so never after the store considers it
ended; and never after the day for which it was granted.
"""

from quotad.core.plans import UsagePlan
from quotad.core.quota import Answer, Call

_DOUBLING_S = 0.05
"""A stock that lasted less is doubled: its demand was not measured for long enough to be trusted."""

_FIRST = 8
"""What is wanted of a Subject of which nothing is known; the store grants less where little is left."""


def lease_us(plan: UsagePlan, hold_us: int) -> int:
    """How long units ahead last without a call. A standby must outlive an outage: as long as an Entry."""
    if plan.on_store_failure.mode == "local":
        return hold_us
    return 0 if plan.lease is None else plan.lease.ttl_ms * 1000


class Stock:
    """What one Lane may spend without asking."""

    __slots__ = (
        "ahead",
        "answer",
        "ends_s",
        "ends_us",
        "grant",
        "is_conditional",
        "keep",
        "left",
        "listed",
        "low",
        "measured_s",
        "most",
        "rate",
        "renewed_at",
        "renewed_s",
        "returned",
        "seen",
        "spent",
        "ttl_s",
        "want",
    )

    def __init__(self) -> None:
        self.ahead = 0
        """Granted ahead in the present day, as the store says."""
        self.spent = 0
        self.returned = 0
        self.left = 0
        """What may be spent, the standby included."""
        self.keep = 0
        """Of it: the standby, spent only while the store does not answer."""
        self.most = 0
        """The largest Lease on top of the standby (``lease.max``)."""
        self.want = 0
        """The Lease wanted now."""
        self.low = 0
        """With so much left more is asked for."""
        self.ttl_s = 0.0
        self.ends_s = 0.0
        self.ends_us = 0
        """When the store considers it ended, at the earliest; the store's time."""
        self.rate = 0.0
        """Requests per second, as measured."""
        self.measured_s = 0.0
        self.seen = 0
        """Requests counted when it was measured."""
        self.renewed_at = -1
        """Requests counted when it was last renewed."""
        self.renewed_s = 0.0
        """When the call went out that renewed it."""
        self.listed = False
        """It is looked after (``upkeep``)."""
        self.grant: object = None
        self.is_conditional = False
        """Whether a request that takes a unit may yet give it back."""
        self.answer: Answer | None = None

    def rule(self, plan: UsagePlan, hold_s: float) -> None:
        """What the plan allows now."""
        policy = plan.on_store_failure
        self.keep = policy.units if policy.mode == "local" else 0
        self.most = 0 if plan.lease is None else plan.lease.max_units
        self.ttl_s = lease_us(plan, round(hold_s * 1e6)) / 1e6
        self.want = min(self.want, self.most)

    def retire(self) -> None:
        """Ask for nothing more."""
        self.keep = self.most = self.want = self.low = 0

    def begin_day(self) -> None:
        """Nothing of what was granted ahead is left, whatever became of it."""
        self.ahead = self.spent = self.returned = self.left = 0

    def measure(self, asked: int, now_s: float) -> None:
        """Fit the wanted size to the demand of what passed since the last time: it lasts about its ttl."""
        if not self.most:
            return
        elapsed_s, came = now_s - self.measured_s, asked - self.seen
        if not self.measured_s:
            self.seen, self.measured_s = asked, now_s
            self.want = min(self.most, max(_FIRST, came))
            self.low = self.keep + self.want // 2
        elif elapsed_s < _DOUBLING_S:
            if self.left <= self.keep:
                self.want = min(self.most, max(2 * self.want, came))
                self.low = self.keep + self.want // 2
        else:
            rate = came / elapsed_s
            self.rate = rate if rate > self.rate else (self.rate + rate) / 2
            self.seen, self.measured_s = asked, now_s
            self.want = min(self.most, max(1, round(self.rate * self.ttl_s)))
            self.low = self.keep + self.want // 2

    def wanted(self) -> int:
        """Units to ask for on top of those who wait."""
        return max(0, self.keep + self.want - self.left)

    @property
    def is_wanted(self) -> bool:
        """Whether the plan takes anything ahead, and this process goes on."""
        return bool(self.keep or self.most)

    def has_ended(self, answer: Answer) -> bool:
        """Whether a call came so late that the store had ended what is left: its tokens are others'."""
        return answer.now_us >= self.ends_us and answer.rate_limit >= 0

    def put(self, units: int, call: Call, answer: Answer, sent_s: float) -> None:
        """Units came with the answer to a call sent then, which also renewed those that are left."""
        self.left += units
        self.answer = answer
        self.is_conditional = call.terms.conditional
        self.renewed_s = sent_s
        lease_us = call.terms.lease_us
        self.ends_us = answer.now_us + lease_us
        day_us = answer.day_end_us - answer.now_us
        # Without a rate a unit ahead is only quota, charged until its day ends: a standby lasts as long.
        lasts_us = day_us if self.keep and answer.rate_limit < 0 else min(lease_us, day_us)
        self.ends_s = sent_s + lasts_us / 1e6

    def take_back(self) -> int:
        """Spend no more of it; answers how many units are to be given back."""
        units, self.left = self.left, 0
        self.returned += units
        return units
