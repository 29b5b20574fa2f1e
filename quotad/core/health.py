"""Whether a backend gets requests: what it did in, what follows out. Times are monotonic seconds.

Two things leave it out: an ejection, after failures of requests in a row, which ends by its time; and a
check that fails, which ends when checks succeed. Whoever comes back gets a share that grows.
"""

from math import inf

from quotad.config.health_model import HealthRules

LEAST_SHARE = 0.1
"""Of its turns, of which one that comes back gets this many at first."""

RETURNING_FAILURES = 2
"""Without an answer, in a row, while it comes back: it has not recovered."""


class Health:
    """What is known of one backend."""

    __slots__ = (
        "_asked",
        "_back_since_s",
        "_credit",
        "_ejection_s",
        "_fallen",
        "_out_until_s",
        "_risen",
        "_rules",
        "down",
        "ejections",
        "failures",
        "troubled",
    )

    def __init__(self, rules: HealthRules) -> None:
        self._rules = rules
        self.failures = 0
        """Of requests, in a row."""
        self.ejections = 0
        """How often it was ejected."""
        self.down = False
        """Whether its checks say that it is not well."""
        self.troubled = False
        """False: it has its whole share, and nothing else need be asked. True: ask ``admits``."""
        self._out_until_s = -inf
        """The end of its last ejection."""
        self._ejection_s = 0.0
        """How long that was."""
        self._back_since_s = -inf
        """When its checks brought it in."""
        self._asked = False
        self._risen = 0
        self._fallen = 0
        """Good and bad checks in a row."""
        self._credit = 0.0
        """Of a turn, while its share is less than 1."""

    def failed(self, now_s: float, answered: bool) -> bool:
        """A request failed on it, with an answer or without; answers whether that ejects it."""
        rules = self._rules
        if not rules.failures or now_s < self._out_until_s:
            return False
        self.failures += 1
        enough = rules.failures
        if not answered and self.share(now_s) < 1.0:
            enough = min(enough, RETURNING_FAILURES)
        if self.failures < enough:
            return False
        # One that did not stay for as long as it was out has not recovered.
        lasted = now_s - self._out_until_s > self._ejection_s
        self._ejection_s = min(rules.ejection_s if lasted else 2 * self._ejection_s, rules.max_ejection_s)
        self._out_until_s = now_s + self._ejection_s
        self.failures = 0
        self.ejections += 1
        self.troubled = True
        return True

    def checked(self, good: bool, now_s: float) -> bool:
        """A check ended; answers whether that brings it in or leaves it out."""
        check = self._rules.check
        if check is None:
            return False
        first, self._asked = not self._asked, True
        was_down = self.down
        if good:
            self._risen, self._fallen = self._risen + 1, 0
            if was_down and self._risen >= check.rise:
                self.down = False
                self._back_since_s = now_s
        else:
            self._risen, self._fallen = 0, self._fallen + 1
            if first or self._fallen >= check.fall:
                self.down = self.troubled = True
        return self.down != was_down

    def is_out(self, now_s: float) -> bool:
        """Whether it should get no requests."""
        return self.down or now_s < self._out_until_s

    def share(self, now_s: float) -> float:
        """How many of its turns it takes, 0 to 1."""
        if self.is_out(now_s):
            return 0.0
        back_s = now_s - max(self._out_until_s, self._back_since_s)
        return_s = self._rules.return_s
        if back_s >= return_s:
            self.troubled = False
            return 1.0
        return max(LEAST_SHARE, back_s / return_s)

    def admits(self, now_s: float) -> bool:
        """It is its turn: whether it takes it."""
        share = self.share(now_s)
        self._credit += share
        if share and self._credit >= 1.0:
            self._credit -= 1.0
            return True
        return False
