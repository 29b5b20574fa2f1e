"""Which requests are recorded as OpenTelemetry spans. The others cost one look, and go on as they came."""

import os

from quotad.config.model import Tracing
from quotad.core.outcome import Outcome
from quotad.core.trace import Trace


class Sampler:
    """Decides for every request of one process. Lives on one event loop."""

    __slots__ = ("_passed", "rules")

    def __init__(self, rules: Tracing) -> None:
        self.rules = rules
        """May be replaced at any time."""
        self._passed = 0

    def begin(self, trace: Trace | None, outcome: Outcome) -> None:
        """Record this request, or do not; ``trace``: the one that it came with."""
        rules = self.rules
        if trace is not None:
            if trace.sampled and rules.follow:
                outcome.parent_id = trace.parent_id
                outcome.span_id = os.urandom(8).hex()
        elif rules.one_in:
            self._passed += 1
            if self._passed % rules.one_in == 0:
                outcome.trace_id = os.urandom(16).hex()
                outcome.span_id = os.urandom(8).hex()
