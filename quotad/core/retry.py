"""Whether a request may be tried again without making a bad time worse."""

START = 100.0
"""Retries that a new budget has: what was in flight on a backend that died."""

MOST = 1000.0
"""Retries that a budget saves up."""

PER_S = 1.0
"""Retries a second however few requests there are."""


class RetryBudget:
    """Retries as a part of requests: a backend that fails everything gets only so much more work."""

    __slots__ = ("_at_s", "_left", "_part", "_requests")

    def __init__(self, percent: int, now_s: float) -> None:
        """``percent``: retries of 100 requests; 0: none ever."""
        self._part = percent / 100
        self._requests = 0
        self._at_s = now_s
        self._left = START if percent else 0.0

    def take(self, requests: int, now_s: float) -> bool:
        """One retry, if there is one left. ``requests``: how many there were since the start."""
        if not self._part:
            return False
        earned = self._part * (requests - self._requests) + PER_S * (now_s - self._at_s)
        self._left = min(MOST, self._left + earned)
        self._requests, self._at_s = requests, now_s
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
