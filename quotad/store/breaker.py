"""The breaker: nobody is made to wait for a server that does not answer anyway."""

from quotad.store.wire import Wire

PROBE_S = 0.1
"""How often a call is let through to a silent server, to find out whether it still is."""


class Breaker:
    """Open once there has been no connection for a deadline, or silence for two."""

    __slots__ = ("_deadline_s", "_lost_s", "_probe_s")

    def __init__(self, deadline_s: float, now_s: float) -> None:
        self._deadline_s = deadline_s
        self._lost_s = now_s
        self._probe_s = 0.0

    def lost(self, now_s: float) -> None:
        """There is no connection since now."""
        self._lost_s = now_s

    def holds(self, wire: Wire | None, now_s: float) -> bool:
        """Whether a call now is to fail at once."""
        if wire is None:
            return now_s - self._lost_s > self._deadline_s
        # Replies come in order: the oldest open call is the one that the server owes next.
        if not wire.open or now_s < wire.open[0].expires_s + self._deadline_s:
            return False
        if now_s >= self._probe_s:
            self._probe_s = now_s + PROBE_S
            return False
        return True
