"""A connection whose replies count only once enough replicas have what was written (``WAIT``).

One WAIT ends each write: it covers all calls of the write, and those before. While it waits the
server runs nothing more of this connection, so at most two writes are under way: the second is
there when the first is answered, and where no replica answers little piles up.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

import hiredis

from quotad.errors import StoreError
from quotad.store.resp import command
from quotad.store.wire import OpenCall, Wire, WireOwner, report

_WRITES_AT_MOST = 2


class ReplicatedWire(Wire):
    """A Wire on which durable calls hear ``unreplicated`` unless ``replicas`` had them within ``wait_ms``."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, owner: WireOwner, replicas: int, wait_ms: int
    ) -> None:
        super().__init__(loop, owner)
        self.replicas = replicas
        self._wait = command("WAIT", replicas, wait_ms)
        self._groups: deque[_Group] = deque()

    def write(self, calls: Sequence[OpenCall]) -> None:
        """See ``Wire.write``."""
        if not any(call.durable for call in calls):
            super().write(calls)
            return
        group = _Group(self)
        self._groups.append(group)
        super().write([*calls, OpenCall(self._wait, group, 0.0)])
        self._consider()

    def _deliver(self, call: OpenCall, reply: object) -> None:
        if call.durable and type(reply) is not hiredis.ReplyError:
            # Replies come in order: it belongs to the oldest write whose WAIT is not answered.
            self._groups[0].held.append((call, reply))
        else:
            super()._deliver(call, reply)

    def _must_pause(self) -> bool:
        return len(self._groups) >= _WRITES_AT_MOST or super()._must_pause()

    def answer(self, group: "_Group") -> None:
        """Enough replicas have the calls of this write: their replies count."""
        while group.held:
            # A reply that cannot be read ends the connection, and the rest is not believed either.
            call, reply = group.held.popleft()
            super()._deliver(call, reply)
        if not self.lost.is_set():
            self._groups.popleft()
            self._consider()

    def refuse(self, group: "_Group", error: StoreError) -> None:
        """The server has run the calls of this write, but may forget them at a failover."""
        self._groups.popleft()
        for call, _ in group.held:
            self._end(call)
            try:
                call.sink.on_failed(error)
            except Exception as problem:  # noqa: BLE001 - one broken sink must not keep the news from others
                report(self._loop, problem)
        self._consider()

    def _lose(self, kind: str) -> None:
        if not self.lost.is_set():
            held = [call for group in self._groups for call, _ in group.held]
            for group in self._groups:
                group.held.clear()
            self._groups.clear()
            self.open.extendleft(reversed(held))
            self.open = deque(call for call in self.open if not isinstance(call.sink, _Group))
        super()._lose(kind)


class _Group:
    """The calls of one write, which have their replies but wait for that of the WAIT (``wire.Sink``)."""

    __slots__ = ("_wire", "held")

    def __init__(self, wire: ReplicatedWire) -> None:
        self.held: deque[tuple[OpenCall, object]] = deque()
        self._wire = wire

    def on_reply(self, reply: object) -> None:
        """How many replicas have the calls."""
        wanted = self._wire.replicas
        if isinstance(reply, int) and reply >= wanted:
            self._wire.answer(self)
        else:
            self._wire.refuse(self, _unreplicated(f"{reply} of {wanted} replicas had it in time"))

    def on_late(self) -> None:
        """Each of the calls is told of its own deadline."""

    def on_failed(self, error: StoreError) -> None:
        """The server refused to wait."""
        self._wire.refuse(self, _unreplicated(str(error)))


def _unreplicated(why: str) -> StoreError:
    return StoreError("unreplicated", f"the store ran the call, but may forget it: {why}", executed=None)
