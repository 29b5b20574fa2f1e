"""One connection to one server: payloads out, replies in the same order to whoever waits for them."""

import asyncio
import re
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol, cast

import hiredis

from quotad.errors import StoreError
from quotad.store.endpoint import Endpoint

_WRITE_HIGH_BYTES = 256 * 1024
_UNPARSED_BYTES: Final = 16 * 1024 * 1024
# A length of 100 million or more. Whole numbers below 2**53, as answers hold them, have a zero byte
# among any eight, so none of them looks like this.
_HUGE: Final = re.compile(rb"[$*%~>|=]\d{9,}")
_LENGTH_BYTES: Final = 12
_LF: Final = 10

_NOTHING: Final = object()


class UnreadableError(Exception):
    """Raised by a Sink's ``on_reply``: this cannot be the reply to what was asked. The connection is cut."""


class Sink(Protocol):
    """Who waits for one reply. Hears exactly one of ``on_reply`` and ``on_failed``. Must not raise else."""

    def on_reply(self, reply: object) -> None:
        """The reply, decoded by hiredis; error replies inside an array stay ``ReplyError`` values.

        Raises UnreadableError, after all who wait for it were told.
        """

    def on_late(self) -> None:
        """The deadline passed after the call was written; it stays open. At most once, before the others."""

    def on_failed(self, error: StoreError) -> None:
        """There is no reply to use; ``error.executed`` says whether the server may have run the call."""


class Deaf:
    """A Sink for a command whose reply says nothing that the next one's does not."""

    def on_reply(self, reply: object) -> None:
        """Nobody waits for it."""

    def on_late(self) -> None:
        """Nobody waits for it."""

    def on_failed(self, error: StoreError) -> None:
        """The next command's says so too."""


class OpenCall:
    """One payload on its way, from ``send`` until its sink heard the end of it."""

    __slots__ = ("done", "durable", "expires_s", "late", "payload", "resent", "sink", "written")

    def __init__(self, payload: bytes, sink: Sink, expires_s: float, durable: bool = False) -> None:
        self.payload = payload
        self.sink = sink
        self.expires_s = expires_s
        self.durable = durable
        """Its reply counts only once enough replicas have it, where that is asked for (``replicated``)."""
        self.written = False
        self.late = False
        self.resent = False
        self.done = False


class WireOwner(Protocol):
    """What a connection needs of the link that made it."""

    def on_fault(self, call: OpenCall, error: hiredis.ReplyError) -> None:
        """The server answered this call with an error."""

    def on_writable(self) -> None:
        """The send buffer has room again."""

    def on_lost(self, wire: "Wire", kind: str) -> None:
        """The connection is gone; ``wire.open`` holds the calls that will hear nothing from it."""


class Wire(asyncio.Protocol):
    """One connection. ``open`` are the calls written and not yet answered, oldest first."""

    def __init__(self, loop: asyncio.AbstractEventLoop, owner: WireOwner) -> None:
        self.open: deque[OpenCall] = deque()
        self.late_open = 0
        """How many of ``open`` are past their deadline."""
        self.heard = False
        """A whole reply arrived since the owner last put this to False. Bytes alone may never become one."""
        self.heard_s = loop.time()
        """When the owner last saw ``heard``."""
        self.paused = False
        """Nothing may be written now; ``WireOwner.on_writable`` follows."""
        self.trusted = True
        """False: replies stay unread until the owner knows that they may be believed."""
        self.reason = ""
        """What ended the connection, where more is known than that it ended."""
        self.lost = asyncio.Event()
        """Set when the connection is of no more use."""
        self.closed = asyncio.Event()
        """Set when asyncio has let go of its socket."""
        self._loop = loop
        self._owner = owner
        self._full = False
        self._reader = hiredis.Reader(notEnoughData=_NOTHING)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the connection stands."""
        # uvloop's transports are none of asyncio's classes, so isinstance cannot tell.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_WRITE_HIGH_BYTES)

    def write(self, calls: Sequence[OpenCall]) -> None:
        """Send the payloads in this order with one write."""
        for call in calls:
            call.written = True
        self.open.extend(calls)
        if self._transport is not None:
            self._transport.write(
                calls[0].payload if len(calls) == 1 else b"".join([call.payload for call in calls])
            )

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes arrived. Every complete reply goes to the oldest open call."""
        reader = self._reader
        if _announces_too_much(data):
            self.cut("protocol")
            return
        try:
            reader.feed(data)
            reply = reader.gets()
            if reply is _NOTHING:
                self._check_part(data)
                return
            self.heard = True
            while reply is not _NOTHING:
                if not self.open:
                    # Also after a loss: what still arrives belongs to nobody.
                    self.cut("protocol")
                    return
                self._deliver(self.open.popleft(), reply)
                reply = reader.gets()
        except (hiredis.ProtocolError, MemoryError, TypeError):
            # MemoryError: no room for an array within a reply. TypeError: a map of maps.
            self.cut("protocol")

    def _check_part(self, data: bytes) -> None:
        """What arrived completes no reply: it must not be the beginning of one that nobody would send."""
        if self._reader.len() > _UNPARSED_BYTES or _HUGE.search(data):
            self.cut("protocol")

    def _deliver(self, call: OpenCall, reply: object) -> None:
        self._end(call)
        try:
            if type(reply) is hiredis.ReplyError:
                self._owner.on_fault(call, reply)
            else:
                call.sink.on_reply(reply)
        except UnreadableError:
            # Whoever answers something else than was asked may have lost count: what follows could be
            # taken for the answer to another call.
            self.cut("protocol")
        except Exception as error:  # noqa: BLE001 - one broken sink must not take the replies of others
            report(self._loop, error)

    def _end(self, call: OpenCall) -> None:
        call.done = True
        if call.late:
            self.late_open -= 1

    def pause_writing(self) -> None:
        """asyncio: the send buffer is full; nothing more is written until it drains."""
        self._full = True
        self._consider()

    def resume_writing(self) -> None:
        """asyncio: the send buffer has room again."""
        self._full = False
        self._consider()

    def distrust(self) -> None:
        """Read and write nothing until ``trust``: another server may have taken this one's place."""
        if self.trusted and self._transport is not None and not self.lost.is_set():
            self.trusted = False
            self._transport.pause_reading()
            self._consider()

    def trust(self) -> None:
        """Go on after ``distrust``."""
        if not self.trusted and self._transport is not None and not self.lost.is_set():
            self.trusted = True
            self._transport.resume_reading()
            self._consider()

    def _consider(self) -> None:
        """Something changed that decides whether may be written."""
        was_paused, self.paused = self.paused, self._must_pause()
        if was_paused and not self.paused:
            self._owner.on_writable()

    def _must_pause(self) -> bool:
        return self._full or not self.trusted

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the connection ended, by either side."""
        self.closed.set()
        if isinstance(exc, ssl.SSLError):
            self.reason = exc.reason or ""
        self._lose("broken")

    def cut(self, kind: str) -> None:
        """End the connection now. What was written may have run."""
        if self._transport is not None:
            self._transport.abort()
        self._lose(kind)

    def _lose(self, kind: str) -> None:
        if self.lost.is_set():
            return
        self.lost.set()
        self._owner.on_lost(self, kind)


def _announces_too_much(data: bytes) -> bool:
    """Whether a reply begins here that must not be shown to the reader.

    It makes room for an array as soon as its length is there; to let go of two thousand million places
    takes seconds in which nobody is served.
    """
    place = 0
    while data.find(b"\r\n", place, place + _LENGTH_BYTES) >= 0 or not _HUGE.match(data, place):
        # One byte is found many times faster than two.
        place = data.find(b"*", place + 1)
        while place > 0 and data[place - 1] != _LF:
            place = data.find(b"*", place + 1)
        if place < 0:
            return False
    return True


def report(loop: asyncio.AbstractEventLoop, error: Exception) -> None:
    """A sink raised, against its contract: say so the way asyncio does."""
    loop.call_exception_handler({"message": "a store reply's receiver failed", "exception": error})


async def connect(loop: asyncio.AbstractEventLoop, endpoint: Endpoint, make: Callable[[], Wire]) -> Wire:
    """Open a connection. Raises OSError; bound it with a timeout."""
    if endpoint.path:
        _, wire = await loop.create_unix_connection(make, endpoint.path)
    else:
        _, wire = await loop.create_connection(make, endpoint.host, endpoint.port, ssl=endpoint.tls)
    return wire
