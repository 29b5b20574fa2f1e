"""What a run leaves behind: requests as callers lived them and as the backend got them, and counters."""

from dataclasses import dataclass, field
from typing import NamedTuple

NO_ANSWER = 0
"""The ``status`` of a request whose connection ended, or whose caller gave up, before an answer."""


class Asked(NamedTuple):
    """One request as its caller lived it. Seconds are of the runner's monotonic clock, as everywhere here."""

    number: int
    """Unique within a run; the backend sees it in the path."""
    plan_id: str
    sidecar: int
    """The process that it was sent to, from 0."""
    sent_s: float
    ended_s: float
    status: int
    decided: bool
    """The answer carries a RateLimit field: the store decided, or had granted the unit beforehand."""
    by_quota: bool = False
    """Refused since a quota is used up, not by the rate or for want of the store."""


class Served(NamedTuple):
    """One request as the backend got it: what was really admitted."""

    number: int
    plan_id: str
    arrived_s: float
    status: int
    """What the backend answered, or would have, had the connection lasted."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a plan promised; -1 is unlimited."""

    quota: int = -1
    rate_rps: int = -1
    burst: int = -1
    classes: frozenset[int] = frozenset()
    """First digits of the statuses that use quota; empty: every admitted request does."""

    def counts(self, status: int) -> bool:
        """Whether an answer of this status uses quota."""
        return not self.classes or status // 100 in self.classes


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a case may be off by what quotad promises, in requests; each with its reason in ``why``."""

    over: int = 0
    lost: int = 0
    stranded: int = 0
    recover_s: float | None = None
    """From the fault's end to the first decision; None: nothing is promised."""
    leased: int = 0
    """Units that processes may keep taken while they run."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class AtRest:
    """A plan's counters in the store once nothing is in flight any more."""

    used: int
    held: int
    leased: int = 0
    """Of the use: taken ahead and not spent."""
    month: int | None = None
    total: int | None = None
    """Use in the other windows, which all began with the run; None: not read."""


@dataclass(slots=True)
class Fault:
    """What was done to the run."""

    began_s: float = 0.0
    ended_s: float = 0.0
    """From then on everything that is needed to decide was there."""
    hits: dict[str, int] = field(default_factory=dict)
    """What shows that it hit: each must have happened at least once."""
    note: str = ""
    stood_still_s: float = 0.0
    """How long the runner itself did, at the longest: by so much less is known of when things happened."""


@dataclass(slots=True)
class PlanHistory:
    """Everything that is known of one plan's requests in one run."""

    plan_id: str
    limits: Limits
    asked: list[Asked]
    served: list[Served]
    at_rest: AtRest
    reported: int | None = None
    """``quotad_requests_total`` over all processes; None where one of them took its numbers with it."""
