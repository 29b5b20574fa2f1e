"""Which connection to a backend serves which request: state in, actions out.

The caller opens and closes connections; this decides. Connections and waiters may be any objects.
"""

from collections import OrderedDict
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
    """Connections to one backend: at most ``size`` at a time, and ``queue`` requests waiting for one."""

    __slots__ = ("_idle", "_queue", "_size", "_waiting", "total")

    def __init__(self, size: int, queue: int) -> None:
        self._size = size
        self._queue = queue
        self._idle: list[C] = []
        # In order of arrival; whoever leaves the middle of a long line costs no more than one at its end.
        self._waiting: OrderedDict[W, None] = OrderedDict()
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
        if len(self._waiting) >= self._queue:
            return Todo.REFUSE
        self._waiting[waiter] = None
        return Todo.WAIT

    def returned(self, connection: C) -> W | None:
        """A connection may be used again: by the waiter answered, or it is kept idle."""
        if self._waiting:
            return self._waiting.popitem(last=False)[0]
        self._idle.append(connection)
        return None

    def left(self, connection: C | None) -> W | None:
        """A connection is gone (None: it never came to be).

        A waiter answered must open one; its place is taken already.
        """
        if connection is not None and connection in self._idle:
            self._idle.remove(connection)
        if self._waiting:
            return self._waiting.popitem(last=False)[0]
        self.total -= 1
        return None

    @property
    def is_full(self) -> bool:
        """Whether no further connection may be opened."""
        return self.total >= self._size

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def busy(self) -> int:
        """Connections that serve a request or are being opened for one, and requests that wait."""
        return self.total - len(self._idle) + len(self._waiting)

    def cancel(self, waiter: W) -> None:
        """A waiter left. One that does not wait changes nothing."""
        self._waiting.pop(waiter, None)

    def idle(self) -> list[C]:
        """The idle connections, the longest unused first."""
        return list(self._idle)
