"""Which connection to a backend serves which request: state in, actions out.

The caller opens and closes connections; this decides. Connections and waiters may be any objects.
"""

from collections import deque
from enum import Enum
from typing import Generic, TypeVar

C = TypeVar("C")
W = TypeVar("W")


class Todo(Enum):
    """What a request without an idle connection has to do."""

    OPEN = "open"
    """Open a connection: its place is taken already, until ``left``."""
    WAIT = "wait"
    """Nothing: ``returned`` or ``left`` will name it."""
    REFUSE = "refuse"
    """Leave: the queue is full."""


class Pool(Generic[C, W]):
    """Connections to one backend: at most ``size`` at a time, and ``size`` requests waiting for one."""

    __slots__ = ("_idle", "_size", "_waiting", "total")

    def __init__(self, size: int) -> None:
        self._size = size
        self._idle: list[C] = []
        self._waiting: deque[W] = deque()
        self.total = 0
        """Connections open or being opened."""

    def take(self) -> C | None:
        """An idle connection, the latest used first so that the others may age."""
        return self._idle.pop() if self._idle else None

    def enter(self, waiter: W) -> Todo:
        """What a request does that found no idle connection, or wants a new one."""
        if self.total < self._size:
            self.total += 1
            return Todo.OPEN
        if len(self._waiting) >= self._size:
            return Todo.REFUSE
        self._waiting.append(waiter)
        return Todo.WAIT

    def returned(self, connection: C) -> W | None:
        """A connection may be used again: by the waiter answered, or it is kept idle."""
        if self._waiting:
            return self._waiting.popleft()
        self._idle.append(connection)
        return None

    def left(self, connection: C | None) -> W | None:
        """A connection is gone (None: it never came to be).

        A waiter answered must open one; its place is taken already.
        """
        if connection is not None and connection in self._idle:
            self._idle.remove(connection)
        if self._waiting:
            return self._waiting.popleft()
        self.total -= 1
        return None

    @property
    def is_full(self) -> bool:
        """Whether no further connection may be opened."""
        return self.total >= self._size

    def cancel(self, waiter: W) -> None:
        """A waiter left. One that does not wait changes nothing."""
        if waiter in self._waiting:
            self._waiting.remove(waiter)

    def idle(self) -> list[C]:
        """The idle connections, the longest unused first."""
        return list(self._idle)
