"""Signatures' nonces that every process of a store knows: a key each, which ends by itself.

A Secret's lie in one slot, apart from all counters.
"""

from collections.abc import Callable

from quotad.clock import monotonic_s
from quotad.core.plans import Subject, UsagePlan
from quotad.errors import StoreError
from quotad.store.stats import StoreStats
from quotad.store.wire import UnreadableError

VERB = "nonce"

_PLAN = UsagePlan(".nonce", "nonces")
"""No plan's id has a dot."""


def home_of(secret_id: str) -> Subject:
    """Where a Secret's nonces lie."""
    return Subject(_PLAN, secret_id, "release")


class NonceCall:
    """One question (``wire.Sink``). Whoever asked is told once, within the deadline."""

    __slots__ = ("_begun_s", "_stats", "_tell")

    def __init__(self, stats: StoreStats, tell: Callable[[bool | None], None]) -> None:
        self._stats = stats
        self._tell: Callable[[bool | None], None] | None = tell
        self._begun_s = monotonic_s()

    def on_reply(self, reply: object) -> None:
        """1: it is new; 0: it was used before."""
        if reply not in (0, 1):
            self._stats.failed("reply")
            self._say(None)
            raise UnreadableError
        self._stats.answered(VERB, 1, monotonic_s() - self._begun_s)
        self._say(reply == 1)

    def on_late(self) -> None:
        """The deadline passed: a nonce that is used up by now stays so."""
        self._stats.failed("late")
        self._say(None)

    def on_failed(self, error: StoreError) -> None:
        """There is no answer."""
        self._stats.failed(error.kind)
        self._say(None)

    def _say(self, is_new: bool | None) -> None:
        tell, self._tell = self._tell, None
        if tell is not None:
            tell(is_new)
