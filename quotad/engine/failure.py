"""What happens to requests while the store does not answer: ``onStoreFailure``.

An outage begins with the first call that failed and ends when the store has answered without a
failure for ``CALM_S``. The ``open`` policy's budget belongs to one process and one outage, so a
store that fails every other second does not buy a fresh budget each time.
"""

from quotad.clock import MonotonicClock
from quotad.core.plans import UsagePlan

CALM_S = 10.0
"""Longer than a Sentinel or Cluster failover with its aftershocks (2-5 s measured)."""


class Outage:
    """Whether the store is failing, and what was admitted without it since it began to."""

    def __init__(self, monotonic_s: MonotonicClock) -> None:
        self._monotonic_s = monotonic_s
        self._last_failure_s: float | None = None
        self._spent: dict[str, int] = {}
        self.unaccounted: dict[str, int] = {}
        """Plan id to requests admitted without the store since the process started; only grows."""

    @property
    def failing(self) -> bool:
        """Whether an outage has begun and not ended."""
        return self._last_failure_s is not None

    def failed(self) -> None:
        """A call was not answered."""
        self._last_failure_s = self._monotonic_s()

    def answered(self) -> None:
        """A call was decided. Ends the outage once the store has been calm for long enough."""
        if self._last_failure_s is not None and self._monotonic_s() - self._last_failure_s >= CALM_S:
            self._last_failure_s = None
            self._spent.clear()

    def admits(self, plan: UsagePlan) -> bool:
        """Whether one more request of a plan may go on without the store."""
        policy = plan.on_store_failure
        return policy.mode == "open" and self._spent.get(plan.usage_plan_id, 0) < policy.budget

    def admitted(self, plan: UsagePlan) -> None:
        """One more did."""
        plan_id = plan.usage_plan_id
        self._spent[plan_id] = self._spent.get(plan_id, 0) + 1
        self.unaccounted[plan_id] = self.unaccounted.get(plan_id, 0) + 1
