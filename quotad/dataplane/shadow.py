"""A shadow plan's part of a request: asked beside the plan that enforces, and ended as the request ends.

Only a request that the enforcing plan admitted asks: what was refused would not have come to the
shadow either. Nobody waits for its Verdict, nobody is refused by it, and an error in it stays in it.
"""

import asyncio

from quotad.core.outcome import Outcome, counts
from quotad.core.plans import Subject
from quotad.core.replies import LIMIT_NAMES
from quotad.core.verdict import Verdict
from quotad.dataplane.plane import Plane

SHADOWS_WAITING = 1_000
"""Shadows that may wait for the store at a time, of all that may (``store.maxWaiting``, 10,000): they
must not fill the line and have a request refused. One too many counts as ``store``."""


class Shadow:
    """One request's unit of a shadow plan (``core.verdict.Waiter``): settled or given back once."""

    __slots__ = ("_ended", "_hung_up", "_outcome", "_plane", "_status", "_verdict", "_waits", "gone")

    def __init__(self, plane: Plane, outcome: Outcome) -> None:
        self._plane = plane
        self._outcome = outcome
        self._verdict: Verdict | None = None
        self._waits = False
        self._ended = False
        self._status = 0
        self._hung_up = False
        self.gone = False

    def ask(self, subject: Subject) -> None:
        """Ask for one unit. Never raises."""
        plane = self._plane
        if plane.shadows_waiting >= SHADOWS_WAITING:
            self._tell(subject, "store")
            return
        try:
            verdict = plane.admission.reserve(subject, self)
        except Exception as error:  # noqa: BLE001 - what breaks here must not reach the request beside it
            self._tell(subject, "store")
            _report(error)
            return
        if verdict is not None:
            self._decided(verdict)
        else:
            self._waits = True
            plane.shadows_waiting += 1

    def on_verdict(self, verdict: Verdict) -> None:
        """The engine's answer; the request may have ended before it."""
        self._waits = False
        self._plane.shadows_waiting -= 1
        self._decided(verdict)

    def settle(self, status: int, hung_up: bool = False) -> None:
        """The request ended with this status (0: of no class): the shadow's own condition decides.

        ``hung_up``: the caller left what a backend had, which is used whatever the condition (Q3).
        """
        self._ended = True
        self._status = status
        self._hung_up = hung_up
        self._close()

    def release(self) -> None:
        """The request never went to a backend."""
        if self._waits:
            self._waits = False
            self._plane.shadows_waiting -= 1
        self.gone = True
        self._close()

    def _decided(self, verdict: Verdict) -> None:
        if verdict.admitted:
            self._verdict = verdict
            self._tell(verdict.subject, "admitted")
            if self._ended:
                self._close()
        else:
            self._tell(verdict.subject, LIMIT_NAMES[verdict.limit] if verdict.limit else "store")

    def _close(self) -> None:
        verdict, self._verdict = self._verdict, None
        if verdict is None:
            return
        admission, condition = self._plane.admission, verdict.subject.plan.quota_condition
        try:
            if self.gone:
                admission.release(verdict)
            else:
                admission.settle(verdict, self._hung_up or counts(condition, self._status))
        except Exception as error:  # noqa: BLE001 - as in ``ask``
            _report(error)

    def _tell(self, subject: Subject, word: str) -> None:
        self._outcome.shadow_limit = word
        self._plane.recorder.shadow(subject, word)


def _report(error: Exception) -> None:
    context = {"message": "a shadow plan could not be computed", "exception": error}
    asyncio.get_running_loop().call_exception_handler(context)
