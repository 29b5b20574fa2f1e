"""Steps 7 and 9: an admitted request is settled or released exactly once, and each is counted once."""

from quotad.core.outcome import Outcome, counts
from quotad.core.verdict import Verdict
from quotad.dataplane.plane import Plane
from quotad.dataplane.shadow import Shadow


class Account:
    """What a request owes, and what became of it. The base of ``exchange.Exchange``, which makes it."""

    __slots__ = ("_plane", "_settled", "_shadow", "_throttles", "dispatched", "gone", "outcome", "verdict")

    _plane: Plane
    _settled: bool
    _shadow: Shadow | None
    """Of a request that was admitted and has a shadow plan too."""
    _throttles: tuple[Verdict, ...]
    """The throttles that let the request pass: its Api's, its environment's."""
    outcome: Outcome
    verdict: Verdict | None
    dispatched: bool
    """Whether a byte of the request went to a backend."""
    gone: bool
    """The caller left (``core.verdict.Waiter``)."""

    def settle(self, status: int) -> None:
        """The status that decides is known: the unit is used or given back (Q1)."""
        verdict = self.verdict
        if verdict is not None and verdict.admitted and not self._settled:
            if self._shadow is not None:
                self._shadow.settle(status)
            self._charge(verdict, counts(verdict.subject.plan.quota_condition, status))

    def leave(self) -> None:
        """There is no status, and will be none.

        What never went to a backend is given back. What went there is charged when the caller hung
        up, or hanging up would be a free call (Q3); else it counts as an answer of no class.
        """
        verdict = self.verdict
        if not self.dispatched:
            self._end_throttles(used=False)
        if verdict is None or not verdict.admitted or self._settled:
            return
        if self.dispatched:
            if self._shadow is not None:
                self._shadow.settle(0, self.gone)
            self._charge(verdict, self.gone or counts(verdict.subject.plan.quota_condition, 0))
        else:
            self._settled = True
            self.outcome.counted = False
            if self._shadow is not None:
                self._shadow.release()
            self._plane.admission.release(verdict)

    def count(self) -> None:
        """The request is over."""
        outcome = self.outcome
        if not self._settled:
            self.leave()
        if not outcome.status and not outcome.reason:
            outcome.reason = "internal"
        if not outcome.ended_s:
            outcome.ended_s = self._plane.clock()
        self._plane.recorder.record(outcome)

    def _end_throttles(self, used: bool) -> None:
        """What the throttles let pass went on, or did not; their tokens never come back."""
        throttles, self._throttles = self._throttles, ()
        for throttle in throttles:
            if used:
                self._plane.admission.settle(throttle, True)
            else:
                self._plane.admission.release(throttle)

    def _charge(self, verdict: Verdict, counted: bool) -> None:
        self._settled = True
        if self._throttles:
            self._end_throttles(used=True)
        outcome = self.outcome
        outcome.counted = counted
        shares = self._plane.shares
        if counted and shares is not None and not verdict.subject.secret_id:
            shares.count(verdict, outcome.secret_id)
        self._plane.admission.settle(verdict, counted)
