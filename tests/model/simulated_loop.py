"""An event loop in which nothing takes time but waiting, and waiting takes none."""

import asyncio
from collections.abc import Callable
from typing import Any


class _Skip:
    """Stands in for the selector: there are no files, so the next timer is due at once."""

    def __init__(self, loop: "SimulatedLoop") -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[object]:
        """Move the loop's time to its next timer. Raises RuntimeError when there is none."""
        if timeout is None:
            raise RuntimeError("everybody waits, and nothing will ever happen")
        self._loop.now_s += max(0.0, timeout)
        return []


class SimulatedLoop(asyncio.BaseEventLoop):
    """Runs callbacks in the order of their time. What would be given to a thread runs at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self._selector = _Skip(self)

    def time(self) -> float:
        """Seconds since the beginning."""
        return self.now_s

    def _process_events(self, event_list: list[object]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps, so nobody is to be woken."""

    def run_in_executor(  # type: ignore[override]
        self, executor: object, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run it now."""
        del executor
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is the caller's
            future.set_exception(error)
        return future
