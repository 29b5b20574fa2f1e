"""How late the event loop runs what it was asked to run."""

import asyncio

PERIOD_S = 0.5
_HALF_WINDOW_TICKS = 30
"""The greatest lag is kept for 15 to 30 seconds, so that scrapes up to 15 s apart miss none."""


class LoopLag:
    """Asks the loop for a call every half second and keeps by how much it came late, in seconds."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due_s = 0.0
        self._ticks = 0
        self._current_s = 0.0
        self._previous_s = 0.0

    def start(self) -> None:
        """Begin; to be called on the loop's thread."""
        self._loop = asyncio.get_running_loop()
        self._arm(self._loop)

    def stop(self) -> None:
        """End."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def greatest_s(self) -> float:
        """The greatest lag of the last 15 to 30 seconds."""
        return max(self._current_s, self._previous_s)

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due_s = loop.time() + PERIOD_S
        self._timer = loop.call_at(self._due_s, self._tick, loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._current_s = max(self._current_s, loop.time() - self._due_s)
        self._ticks += 1
        if self._ticks >= _HALF_WINDOW_TICKS:
            self._ticks = 0
            self._previous_s, self._current_s = self._current_s, 0.0
        self._arm(loop)
