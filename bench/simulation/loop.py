"""An event loop whose time jumps to whatever is due next: nothing sleeps, the order never varies."""

import asyncio
from asyncio import _set_running_loop
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from heapq import heappop, heappush
from typing import Any, TypeVarTuple

_Args = TypeVarTuple("_Args")


class SimulatedLoop(asyncio.AbstractEventLoop):
    """What the engine and its Tasks ask of a loop. Seconds since its own start; one thread.

    An exception in a callback ends the run: a simulation must not go on with half of what happened.
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        self._order = 0
        self._ready: deque[asyncio.Handle] = deque()
        self._due: list[tuple[float, int, Callable[..., object] | asyncio.TimerHandle, tuple[Any, ...]]] = []

    @classmethod
    def make(cls) -> "SimulatedLoop":
        """One with nothing due. What it has nothing of (sockets, threads, signals) it leaves out."""
        return cls()

    # Cheap events of the simulation itself: they cannot be cancelled.

    def at(self, when_s: float, callback: Callable[[*_Args], object], *args: *_Args) -> None:
        """Call at this time; of two at the same time the earlier asked first."""
        self._order += 1
        heappush(self._due, (when_s, self._order, callback, args))

    def run_to(self, end_s: float) -> None:
        """Do all that is due before ``end_s``, then let it be that time."""
        _set_running_loop(self)
        try:
            self._run(end_s)
        finally:
            _set_running_loop(None)

    def _run(self, end_s: float) -> None:
        ready, due = self._ready, self._due
        while True:
            while ready:
                handle = ready.popleft()
                if not handle.cancelled():
                    handle._run()  # noqa: SLF001 - this is what a loop does with its Handles
            if not due or due[0][0] >= end_s:
                break
            self.now_s, _, callback, args = heappop(due)
            if not isinstance(callback, asyncio.TimerHandle):
                callback(*args)
            elif not callback.cancelled():
                callback._run()  # noqa: SLF001 - as above
        self.now_s = max(self.now_s, end_s)

    def finish(self, work: Coroutine[Any, Any, bool], within_s: float) -> bool:
        """Run until a coroutine has ended; False also when it has not within this time."""
        task: asyncio.Task[bool] = self.create_task(work)
        end_s = self.now_s + within_s
        while not task.done() and self.now_s < end_s:
            self.run_to(self.now_s + 0.01)
        if not task.done():
            task.cancel()
            self.run_to(self.now_s + 0.01)
            return False
        return task.result()

    # asyncio's.

    def time(self) -> float:
        return self.now_s

    def call_soon(
        self,
        callback: Callable[[*_Args], object],
        *args: *_Args,
        context: Context | None = None,
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(
        self,
        when: float,
        callback: Callable[[*_Args], object],
        *args: *_Args,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._order += 1
        heappush(self._due, (when, self._order, handle, ()))
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[*_Args], object],
        *args: *_Args,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self.now_s + delay, callback, *args, context=context)

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Any, *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        return asyncio.Task(coro, loop=self, name=name, context=context)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        raise RuntimeError(context.get("message")) from (error if isinstance(error, Exception) else None)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """A cancelled timer stays in the heap until its time."""
