"""Calls that wait to be written, and the deadlines of all that are under way. Decides; sends nothing."""

from collections import deque

from quotad.store.wire import OpenCall


class Outbox:
    """Bounded in calls and bytes. Calls enter in the order of their deadlines, so no heap is needed."""

    __slots__ = ("_bytes", "_bytes_at_most", "_calls_at_most", "_deadlines", "_queue")

    def __init__(self, calls_at_most: int, bytes_at_most: int) -> None:
        self._calls_at_most = calls_at_most
        self._bytes_at_most = bytes_at_most
        self._queue: deque[OpenCall] = deque()
        self._bytes = 0
        self._deadlines: deque[OpenCall] = deque()

    def __len__(self) -> int:
        """How many calls wait to be written."""
        return len(self._queue)

    @property
    def watched(self) -> int:
        """How many calls' deadlines are still looked at."""
        return len(self._deadlines)

    @property
    def due_s(self) -> float | None:
        """When ``overdue`` has news, at the earliest; None while nothing has a deadline ahead."""
        return self._deadlines[0].expires_s if self._deadlines else None

    def has_room(self, payload: bytes) -> bool:
        """Whether one more call with this payload may wait."""
        return len(self._queue) < self._calls_at_most and self._bytes + len(payload) <= self._bytes_at_most

    def put(self, call: OpenCall) -> None:
        """A new call, whose deadline is not before those of earlier ones.

        Answered ones leave here, not only at their deadlines: a deadline's worth of requests kept alive
        cost the garbage collector 10 ms at a time.
        """
        deadlines = self._deadlines
        while deadlines and deadlines[0].done:
            deadlines.popleft()
        deadlines.append(call)
        self.put_again(call)

    def put_again(self, call: OpenCall) -> None:
        """A call that was taken before its deadline and must be written once more."""
        self._queue.append(call)
        self._bytes += len(call.payload)

    def take(self) -> list[OpenCall]:
        """All that wait, in order; none waits any more."""
        calls = list(self._queue)
        self._queue.clear()
        self._bytes = 0
        return calls

    def overdue(self, now_s: float) -> list[OpenCall]:
        """The calls whose deadline has passed, each told once. The unwritten ones wait no more."""
        deadlines = self._deadlines
        passed: list[OpenCall] = []
        while deadlines and (deadlines[0].done or deadlines[0].expires_s <= now_s):
            call = deadlines.popleft()
            if not call.done:
                passed.append(call)
        if any(not call.written for call in passed):
            self._queue = deque(call for call in self._queue if call.expires_s > now_s)
            self._bytes = sum(len(call.payload) for call in self._queue)
        return passed
