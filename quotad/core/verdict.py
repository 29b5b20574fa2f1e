"""What a waiting request is told, and who is told."""

from typing import Final, Protocol

from quotad.core.plans import Subject
from quotad.core.quota import Answer, Limit

_NO_LIMIT: Final = Limit.NONE


class Verdict:
    """The decision on one request. Made by the engine, read by the exchange, settled exactly once."""

    __slots__ = ("admitted", "answer", "limit", "place", "reason", "retry_after_s", "subject", "unit")

    def __init__(
        self, subject: Subject, admitted: bool, answer: Answer | None, unit: object = None, place: int = 0
    ) -> None:
        self.subject = subject
        self.admitted = admitted
        self.answer = answer
        """None when the store did not decide (store failure, or the open policy)."""
        self.place = place
        """How many requests of the same Answer were admitted after this one (for ``remaining``)."""
        self.reason = ""
        """Why not: ``rate``, ``quota``, ``store`` (it did not answer), ``overload`` (too many wait)."""
        self.limit = _NO_LIMIT
        self.retry_after_s = 0
        self.unit = unit
        """The engine's own handle of the granted unit; None once it is settled or released."""


class Waiter(Protocol):
    """A request that waits for its Verdict."""

    gone: bool
    """True once nobody wants the answer any more (the client left): it is then not asked for."""

    def on_verdict(self, verdict: Verdict) -> None:
        """Called once, never from within ``Limiter.reserve``; not called at all when ``gone``."""


class Admission(Protocol):
    """What the exchange needs of the engine (``quotad.engine.limiter.Limiter``)."""

    def reserve(self, subject: Subject, waiter: Waiter) -> Verdict | None:
        """Ask for one unit. None: the waiter hears its Verdict later, within the store's deadline.

        A Verdict: it is known already (a leased unit, or a quota known to be used up), and the
        waiter hears nothing more.
        """

    def known_refusal(self, subject: Subject) -> Verdict | None:
        """The refusal that ``reserve`` would answer at once; None: it would ask the store, or admit."""

    def settle(self, verdict: Verdict, counted: bool) -> None:
        """The request's final status is known: its unit is used (counted) or given back.

        Without a ``quota_condition`` every admitted request counts and this changes nothing.
        A second settle or release of the same Verdict changes nothing.
        """

    def release(self, verdict: Verdict) -> None:
        """Nothing was sent upstream: the unit is given back, whatever the condition."""
