"""The hot link: calls of one event-loop tick in one write, one connection, deadlines that hold.

No Task, Future, closure or timer per call. ``Link`` owns what outlives a connection: the queue, the
deadlines, the server's clock; ``wire.Wire`` is one connection; ``handshake`` makes the next one.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import hiredis

from quotad.clock import MonotonicClock, monotonic_s
from quotad.errors import StoreError
from quotad.store.breaker import Breaker
from quotad.store.chores import Chore, Heartbeat
from quotad.store.endpoint import Endpoint
from quotad.store.handshake import Locate, Reconnector, Replies, server_time_us
from quotad.store.outbox import Outbox
from quotad.store.replicated import ReplicatedWire
from quotad.store.resp import RENEWING, command, fault
from quotad.store.server_clock import ServerClock
from quotad.store.wire import Deaf, OpenCall, Sink, UnreadableError, Wire, report

_TIME = command("TIME")
_ASKING = command("ASKING")
# A timer this much behind says that the loop stood still: answers may wait in the socket, unread.
_LAG_S = 0.005
_GRAIN_S = 0.001


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """How a link behaves. Seconds, bytes, counts."""

    deadline_s: float = 0.050
    scripts: tuple[str, ...] = ()
    """Loaded at every connect, and again when the server has forgotten them."""
    client_name: str = "quotad"
    inspect: Callable[[Endpoint, bytes], None] | None = None
    """Asked at every connect: raises StoreError when a server that says this (``INFO``) is unfit."""
    connect_timeout_s: float = 1.0
    """Until the connection stands, is logged in and has the scripts."""
    heartbeat_s: float = 1.0
    """Between two questions for the server's time."""
    stuck_s: float = 1.0
    """Silence for this long while calls are open: the connection is made anew."""
    late_calls: int = 1024
    """So many calls open past their deadline: likewise."""
    renewing: frozenset[str] = RENEWING
    """Kinds of error replies after which a new connection is made."""
    min_replicas: int = 0
    """A durable call's reply counts only once so many replicas have it, within the deadline (``WAIT``)."""
    doubt: Callable[[], None] | None = None
    """Called after a missed deadline, where a topology can be asked: the connection is believed again
    only after ``Link.confirm``."""
    queued_calls: int = 4096
    queued_bytes: int = 4 * 1024 * 1024
    """What may wait for a connection, or for room in the send buffer; beyond: ``overflow``."""


class Link:
    """One multiplexed connection that is kept up. All methods belong to the event loop's thread.

    Kinds of failure that arise here: ``disconnected`` (no connection within the deadline; or the
    kind that the last attempt failed with), ``deadline`` (never written for lack of room),
    ``overflow``, ``closed``: surely not executed. ``broken``, ``stuck``, ``protocol``, ``failover``,
    ``unreplicated``: may have been.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        locate: Locate,
        options: LinkOptions,
        monotonic: MonotonicClock = monotonic_s,
    ) -> None:
        self._loop = loop
        self._options = options
        self._clock = ServerClock(monotonic)
        self._reconnector = Reconnector(loop, locate, options.client_name, options.connect_timeout_s, self)
        self._loads = [command("SCRIPT", "LOAD", text) for text in options.scripts]
        self._wire: Wire | None = None
        self._outbox = Outbox(options.queued_calls, options.queued_bytes)
        self._flush_due = False
        self._loading_scripts = False
        self._renewing = False
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due_s = 0.0
        self._caught_up = False
        self._heartbeat_due_s = 0.0
        self._heartbeat = Heartbeat(self.on_time)
        self._was_ready = asyncio.Event()
        self._breaker = Breaker(options.deadline_s, loop.time())

    @property
    def ready(self) -> bool:
        """Whether there is a connection that is logged in and has the scripts."""
        return self._wire is not None

    @property
    def reconnects(self) -> int:
        """How many connections were made after the first."""
        return self._reconnector.reconnects

    @property
    def last_error(self) -> StoreError | None:
        """Why the latest attempt to connect failed; None once one succeeded."""
        return self._reconnector.last_error

    def now_us(self) -> int | None:
        """The server's time, about; None until it was heard. See ``ServerClock``."""
        return self._clock.now_us()

    def start(self) -> None:
        """Begin to connect, and keep connected until ``close``."""
        self._reconnector.start()

    async def wait_attempt(self) -> None:
        """Return when the first attempt to connect has ended, well or not (``ready``, ``last_error``)."""
        await self._reconnector.attempted.wait()

    async def wait_ready(self, timeout_s: float) -> bool:
        """Whether the link became ready within this time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._was_ready.wait()
        return self.ready

    def send(self, payload: bytes, sink: Sink, durable: bool = True) -> None:
        """Send a whole command that has one reply, with whatever else is sent in this tick.

        ``durable``: see ``LinkOptions.min_replicas``; what changes nothing needs no replica.
        Never raises, never calls the sink before returning.
        """
        self.post(payload, sink, durable)
        self.flush_soon()

    def post(self, payload: bytes, sink: Sink, durable: bool = True, *, asking: bool = False) -> None:
        """Like ``send``, but it goes out with the next ``flush``, which the caller owes.

        ``asking``: ASKING goes just before it, for a slot that is moving to this node of a Cluster.
        """
        call = OpenCall(payload, sink, self._loop.time() + self._options.deadline_s, durable)
        if self._closed:
            self._loop.call_soon(self._fail, call, _never("closed", "the store link was closed"))
        elif not self._outbox.has_room(payload):
            self._loop.call_soon(self._fail, call, _never("overflow", "too much waits for the store"))
        elif self._breaker.holds(self._wire, self._loop.time()):
            self._loop.call_soon(self._fail, call, self._unwritten())
        else:
            if asking:
                self._outbox.put(OpenCall(_ASKING, Deaf(), call.expires_s))
            self._outbox.put(call)
            if self._timer is None or call.expires_s < self._timer_due_s:
                self._arm(call.expires_s)

    def flush_soon(self) -> None:
        """``flush`` at the end of this tick."""
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what waits, if the connection stands and has room."""
        self._flush_due = False
        wire = self._wire
        if wire is not None and not wire.paused and self._outbox:
            wire.write(self._outbox.take())

    def renew(self, kind: str) -> None:
        """Make a new connection; replies that have already arrived are read first."""
        if not self._renewing:
            self._renewing = True
            self._loop.call_soon(self._renew, self._wire, kind)

    def confirm(self, host: str, port: int) -> None:
        """The topology was asked, and says that the server is there: go on, or leave for it at once."""
        endpoint, wire = self._reconnector.endpoint, self._wire
        if endpoint is not None and (endpoint.host, endpoint.port) != (host, port):
            self._reconnector.hurry()
            if wire is not None:
                wire.cut("failover")
        elif wire is not None:
            wire.trust()

    async def close(self) -> None:
        """Let open calls end within the deadline, then disconnect. What is open then fails."""
        last = Replies(self._loop, 1)
        if self._wire is not None:
            self.send(_TIME, last, durable=False)
        else:
            last.on_reply(None)
        self._closed = True
        with contextlib.suppress(TimeoutError):
            # Replies come in order: the last one's means that all have come.
            async with asyncio.timeout(self._options.deadline_s):
                await last.all
        await self._reconnector.stop()
        wire = self._wire
        if wire is not None:
            wire.cut("closed")
            await wire.closed.wait()
        for call in self._outbox.take():
            self._fail(call, _never("closed", "the store link was closed"))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # What connections tell (wire.WireOwner, handshake.Tenant).

    @property
    def preparations(self) -> list[tuple[str, bytes]]:
        """What loads all scripts, and what shows that replicas may be waited for."""
        waits = [("WAIT", command("WAIT", 0, 0))] if self._options.min_replicas else []
        return [("SCRIPT LOAD", load) for load in self._loads] + waits

    def new_wire(self) -> Wire:
        """Plain, or one that waits for replicas."""
        options = self._options
        if not options.min_replicas:
            return Wire(self._loop, self)
        # WAIT takes 0 as for ever.
        wait_ms = max(1, round(options.deadline_s * 1000))
        return ReplicatedWire(self._loop, self, options.min_replicas, wait_ms)

    def inspect(self, endpoint: Endpoint, info: bytes) -> None:
        """Whether the server is fit."""
        if self._options.inspect is not None:
            self._options.inspect(endpoint, info)

    def on_connected(self, wire: Wire, server_us: int) -> None:
        """A connection is ready for calls; those that waited go out."""
        self._clock.hear(server_us)
        self._wire = wire
        self._loading_scripts = self._renewing = False
        self._heartbeat.open = False
        self._heartbeat_due_s = self._loop.time() + self._options.heartbeat_s
        self._was_ready.set()
        self.flush()
        if self._timer is None or self._heartbeat_due_s < self._timer_due_s:
            self._arm(self._heartbeat_due_s)

    def on_lost(self, wire: Wire, kind: str) -> None:
        """A connection is gone: its open calls may have run."""
        if wire is self._wire:
            self._wire = None
            self._breaker.lost(self._loop.time())
            self._was_ready.clear()
        error = StoreError(kind, "the connection to the store broke", executed=None)
        lost, wire.open = wire.open, deque()
        for call in lost:
            self._fail(call, error)

    def on_writable(self) -> None:
        """The send buffer has room again."""
        self.flush()

    def on_fault(self, call: OpenCall, error: hiredis.ReplyError) -> None:
        """An error reply: forgotten scripts are loaded and the call repeated once, all else fails."""
        failure = fault(error)
        if failure.kind in self._options.renewing:
            self.renew(failure.kind)
        if failure.kind == "noscript" and not (call.resent or call.late or self._closed):
            self._repeat(call)
        else:
            call.sink.on_failed(failure)

    def _repeat(self, call: OpenCall) -> None:
        call.done = call.written = False
        call.resent = True
        if not self._loading_scripts:
            self._loading_scripts = True
            done = Chore(self.on_scripts_loaded)
            for load in self._loads:
                self.post(load, done, durable=False)
        self._outbox.put_again(call)
        self.flush_soon()

    def on_time(self, reply: object) -> None:
        """The answer to a heartbeat."""
        server_us = server_time_us(reply)
        if server_us is None:
            raise UnreadableError
        self._clock.hear(server_us)

    def on_scripts_loaded(self) -> None:
        """The server has the scripts again, or refused them: a later NOSCRIPT loads them anew."""
        self._loading_scripts = False

    def _renew(self, wire: Wire | None, kind: str) -> None:
        self._renewing = False
        if wire is not None and wire is self._wire:
            wire.cut(kind)

    def _fail(self, call: OpenCall, error: StoreError) -> None:
        if call.done:
            return
        call.done = True
        try:
            call.sink.on_failed(error)
        except Exception as problem:  # noqa: BLE001 - one broken sink must not keep the news from others
            report(self._loop, problem)

    # Time: one timer for all deadlines, the heartbeat and the watch over a silent server.

    def _arm(self, due_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due_s = due_s
        self._timer = self._loop.call_at(due_s, self._on_timer)

    def _on_timer(self) -> None:
        now_s = self._loop.time()
        self._timer = None
        if now_s - self._timer_due_s > _LAG_S and not self._caught_up:
            self._caught_up = True
            self._arm(now_s + _GRAIN_S)
            return
        self._caught_up = False
        self._expire(now_s)
        if self._wire is not None:
            self._watch(self._wire, now_s)
        self._arm_next(now_s)

    def _expire(self, now_s: float) -> None:
        overdue = self._outbox.overdue(now_s)
        for call in overdue:
            if call.written:
                self._mark_late(call)
            else:
                self._fail(call, self._unwritten())
        if overdue and self._options.doubt is not None:
            self._doubt(self._options.doubt)

    def _doubt(self, ask: Callable[[], None]) -> None:
        wire = self._wire
        if wire is None:
            ask()
        elif wire.trusted:
            wire.distrust()
            ask()

    def _mark_late(self, call: OpenCall) -> None:
        call.late = True
        # A late call is never repeated, so its bytes need not be kept.
        call.payload = b""
        if self._wire is not None:
            self._wire.late_open += 1
        try:
            call.sink.on_late()
        except Exception as problem:  # noqa: BLE001 - as in _fail
            report(self._loop, problem)

    def _unwritten(self) -> StoreError:
        if self._wire is not None:
            return _never("deadline", "the store took no calls within the deadline")
        error = self._reconnector.last_error
        if error is None:
            return _never("disconnected", "there is no connection to the store")
        return _never(error.kind, str(error))

    def _watch(self, wire: Wire, now_s: float) -> None:
        options = self._options
        if wire.heard or not wire.open:
            wire.heard = False
            wire.heard_s = now_s
        elif now_s - max(wire.heard_s, wire.open[0].expires_s - options.deadline_s) > options.stuck_s:
            wire.cut("stuck")
            return
        if wire.late_open > options.late_calls:
            wire.cut("stuck")
        elif now_s >= self._heartbeat_due_s and not self._closed:
            self._heartbeat_due_s = now_s + options.heartbeat_s
            if not self._heartbeat.open:
                self._heartbeat.open = True
                self.send(_TIME, self._heartbeat, durable=False)

    def _arm_next(self, now_s: float) -> None:
        deadline_s = self._outbox.due_s
        if self._wire is None:
            if deadline_s is not None:
                self._arm(max(deadline_s, now_s + _GRAIN_S))
            return
        due_s = self._heartbeat_due_s if deadline_s is None else min(deadline_s, self._heartbeat_due_s)
        if self._wire.open:
            due_s = min(due_s, now_s + self._options.stuck_s / 4)
        self._arm(max(due_s, now_s + _GRAIN_S))


def _never(kind: str, message: str) -> StoreError:
    return StoreError(kind, message, executed=False)
