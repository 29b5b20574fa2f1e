"""Steps 7 and 9: an admitted request is settled or released exactly once, and each is counted once."""

from quotad.core.outcome import Outcome, counts
from quotad.core.verdict import Verdict
from quotad.dataplane.plane import Plane


class Account:
    """What a request owes, and what became of it. The base of ``exchange.Exchange``."""

    __slots__ = ("_plane", "_settled", "dispatched", "gone", "outcome", "verdict")

    def __init__(self, plane: Plane, started_s: float) -> None:
        self._plane = plane
        self._settled = False
        self.outcome = Outcome(started_s)
        self.verdict: Verdict | None = None
        self.dispatched = False
        """Whether a byte of the request went to a backend."""
        self.gone = False
        """The caller left (``core.verdict.Waiter``)."""

    def settle(self, status: int) -> None:
        """The status that decides is known: the unit is used or given back (Q1)."""
        verdict = self.verdict
        if verdict is not None and verdict.admitted and not self._settled:
            self._charge(verdict, counts(verdict.subject.plan.quota_condition, status))

    def leave(self) -> None:
        """There is no status, and will be none.

        What never went to a backend is given back. What went there is charged when the caller hung
        up, or hanging up would be a free call (Q3); else it counts as an answer of no class.
        """
        verdict = self.verdict
        if verdict is None or not verdict.admitted or self._settled:
            return
        if self.dispatched:
            self._charge(verdict, self.gone or counts(verdict.subject.plan.quota_condition, 0))
        else:
            self._settled = True
            self.outcome.counted = False
            self._plane.admission.release(verdict)

    def count(self) -> None:
        """The request is over."""
        self.leave()
        if not self.outcome.status and not self.outcome.reason:
            self.outcome.reason = "internal"
        self.outcome.ended_s = self._plane.clock()
        self._plane.recorder.record(self.outcome)

    def _charge(self, verdict: Verdict, counted: bool) -> None:
        self._settled = True
        self.outcome.counted = counted
        self._plane.admission.settle(verdict, counted)
