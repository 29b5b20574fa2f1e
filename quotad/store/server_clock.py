"""The store's time between two answers, for picking windows; decisions take the script's own."""

from quotad.clock import MonotonicClock


class ServerClock:
    """What the server last said of its time, carried on by a monotonic clock; never goes back."""

    __slots__ = ("_last_us", "_lead_us", "_monotonic")

    def __init__(self, monotonic: MonotonicClock) -> None:
        self._monotonic = monotonic
        self._lead_us: int | None = None
        self._last_us = 0

    def hear(self, server_us: int) -> None:
        """The server just said that it is ``server_us`` microseconds since the epoch."""
        self._lead_us = server_us - self._elapsed_us()

    def now_us(self) -> int | None:
        """Microseconds since the epoch by the server; None until it was heard."""
        if self._lead_us is None:
            return None
        self._last_us = max(self._last_us, self._elapsed_us() + self._lead_us)
        return self._last_us

    def _elapsed_us(self) -> int:
        return int(self._monotonic() * 1_000_000)
