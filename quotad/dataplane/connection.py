"""A caller's connection: one coroutine serves its requests one after the other, in order.

What a caller sends ahead of its answers waits, bounded, and reading stops meanwhile.
"""

import asyncio
import socket
import struct
from collections.abc import Coroutine
from math import inf
from typing import Any, Final, cast

from quotad.core.http import HeadError, has_stray
from quotad.core.request import oversize
from quotad.dataplane.caller import Client
from quotad.dataplane.crowd import Crowd
from quotad.dataplane.decision import exchange_for
from quotad.dataplane.exchange import Exchange
from quotad.dataplane.flow import EMPTY, NEVER_S, Timed, pause
from quotad.dataplane.heads import Head
from quotad.dataplane.plane import Plane

LINGER_S = 2.0
"""After the last answer: how long to read on, so that it is not lost to a reset (RFC 9112, 9.6)."""

WRITE_BYTES = 64 * 1024
"""What may wait for the caller before its answer's source is slowed down."""

EMPTY_LINE: Final = b"\r\n"

_SHORT_LINE_BYTES = 1024
"""A first line up to this length is read before the rest of its head is there."""

_RESET = struct.pack("ii", 1, 0)


HEAD: Final = 0
EXCHANGE: Final = 1
FLUSH: Final = 2
CLOSING: Final = 3
TURN: Final = 4
"""What a connection is doing: it is idle or receives a head, serves a request, waits for the caller to
take its answers, drops what it still receives, or lets others have their turn."""

AT_ONCE: Final = 4
"""How many requests that were sent ahead are served before everybody else has a turn."""


class Connection(asyncio.Protocol, Client):
    """The server side of one caller's connection."""

    __slots__ = (
        "_address",
        "_begun_s",
        "_coroutine",
        "_crowd",
        "_exchange",
        "_head_bytes",
        "_phase",
        "_plane",
        "_reading",
        "_served_at_once",
        "_unread",
        "_unsent_bytes",
        "_write_paused",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, plane: Plane, crowd: Crowd, address: str = "") -> None:
        """``address``: the caller's, where it is not the peer that the transport has."""
        Timed.__init__(self)
        self._address = address
        self._plane = plane
        self._crowd = crowd
        self._coroutine: Coroutine[Any, Any, None] = self._serve()
        self.wake = self._coroutine.send
        self._phase = HEAD
        self._exchange: Exchange | None = None
        self._begun_s = 0.0
        self._head_bytes = plane.listen.head_bytes
        self._unread = False
        """Whether the caller may still be sending what nobody will read."""
        self._reading = True
        self._served_at_once = 0
        self._write_paused = False
        self._unsent_bytes = 0
        """Waiting to be sent when the deadline was set: less by then is progress."""
        self.ahead = EMPTY
        self.ending = False
        self.inlet = None
        self.source = None

    # The coroutine.

    async def _serve(self) -> None:
        try:
            while not self.ending:
                if self._served_at_once >= AT_ONCE and not await self._let_others():
                    break
                head: bytes | str | Head | None = self._cut() if self.ahead else None
                if head is None:
                    self._await_head()
                    head = await pause()
                if not head:
                    break
                self._phase = EXCHANGE
                self.deadline_s = NEVER_S
                self._exchange = exchange = exchange_for(self._plane, self, self._begun_s)
                if isinstance(head, str):
                    await exchange.refuse(head)
                else:
                    await exchange.run(head)
                self._exchange = None
                if not exchange.keep:
                    self._unread = exchange.unread
                    break
                if self._write_paused:
                    # Requests sent ahead must not pile up answers that nobody takes.
                    self._phase = FLUSH
                    await pause()
                self._begun_s = exchange.outcome.ended_s
                self._served_at_once += 1
            self._close()
        except Exception as error:  # noqa: BLE001 - whatever broke, its connection ends and it is told.
            self._broken(error)
        while True:
            # Whoever wakes this one finds it; ``connection_lost`` ends it.
            await pause()

    async def _let_others(self) -> bool:
        """One caller's requests must not keep the loop from the others. False: it has ended meanwhile."""
        self._served_at_once = 0
        self._phase = TURN
        asyncio.get_running_loop().call_soon(self._take_turn)
        await pause()
        return not self.ending

    def _take_turn(self) -> None:
        if self._phase == TURN:
            self.wake(None)

    def _await_head(self) -> None:
        """What comes next is a request's head; or the key of a refusal; or nothing: there is none."""
        self._phase = HEAD
        self._served_at_once = 0
        if not self._reading:
            self.resume_flow()
        plane = self._plane
        if self.ahead:
            plane.wheel.arm(self, self._begun_s + plane.listen.head_timeout_s)
        else:
            idle_s = plane.drain_idle_s if plane.draining else plane.idle_s
            self.deadline_s = deadline_s = self._begun_s + idle_s
            if deadline_s < self.due_s:
                plane.wheel.arm(self, deadline_s)

    def _cut(self) -> bytes | str | None:
        """Take a request's head from what came; the key of a refusal; None when more must come."""
        ahead = self.ahead
        head, end, rest = ahead.partition(b"\r\n\r\n")
        if end and 0 < len(head) <= self._head_bytes and 65 <= head[0] <= 90:
            self.ahead = rest
            return head
        if ahead in (b"\r", EMPTY_LINE):
            return None
        if ahead.startswith(EMPTY_LINE) and 65 <= ahead[2] <= 90:
            # RFC 9112, section 2.2: one empty line before a request is forgiven.
            self.ahead = ahead[2:]
            return self._cut()
        if not 65 <= ahead[0] <= 90:
            return "bad_request"
        if len(head) > self._head_bytes:
            return oversize(ahead, self._plane.listen.target_bytes)
        return self._unfinished(ahead)

    def _unfinished(self, ahead: bytes) -> str | None:
        """What is wrong already with a head that is not all there: no use to wait for the rest of it.

        It is looked at with each piece that comes, so this must be cheap: a long first line waits.
        """
        if has_stray(ahead):
            return "bad_request"
        line_end = ahead.find(b"\r\n", 0, _SHORT_LINE_BYTES)
        if line_end >= 0:
            try:
                self._plane.heads.request_lines[ahead[:line_end]]
            except HeadError as error:
                return error.key
        return None

    # caller.Client

    def write(self, data: bytes) -> None:
        """Send; nothing happens when the caller is gone."""
        try:
            self.transport.write(data)
        except RuntimeError:
            # uvloop: closed by an error that ``connection_lost`` is about to tell.
            self.ending = True

    def pause_flow(self) -> None:
        """Read no more for now."""
        if self._reading and not self.transport.is_closing():
            self._reading = False
            self.transport.pause_reading()

    def resume_flow(self) -> None:
        """Read on."""
        if not self._reading and not self.transport.is_closing():
            self._reading = True
            self.transport.resume_reading()

    def moved_by(self, deadline_s: float) -> None:
        """Until when the next byte of the request's body must have come."""
        self._plane.wheel.arm(self, deadline_s)

    def reset(self) -> None:
        """End the connection so that what was sent cannot pass for a whole answer."""
        endpoint = self.transport.get_extra_info("socket")
        if endpoint is not None and not self.transport.is_closing():
            endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    def write_eof(self) -> None:
        """Say that no more will be sent; what comes is still taken."""
        if not self.transport.is_closing():
            self.transport.write_eof()

    def interrupt(self, error: Exception) -> None:
        """Let the exchange go on by raising ``error`` in it."""
        self._coroutine.throw(error)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller is there."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(WRITE_BYTES)
        peer = transport.get_extra_info("peername")
        address = self._address or (peer[0] if isinstance(peer, tuple) else "")
        self.origin = self._plane.origin(address, transport.get_extra_info("ssl_object") is not None)
        self._begun_s = self._plane.clock()
        if self._crowd.join(self, self.origin.bounded_as):
            self.wake(None)
        else:
            self._phase = CLOSING
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Bytes from the caller."""
        if self.inlet is not None:
            self.inlet.on_data(data)
        elif self._phase == HEAD:
            if self.ahead:
                self.ahead += data
            else:
                self._begun_s = self._plane.clock()
                known = self._plane.heads.known(data)
                if known is not None:
                    self.wake(known)
                    return
                self.ahead = data
            head = self._cut()
            if head is not None:
                self.wake(head)
            else:
                self._plane.wheel.arm(self, self._begun_s + self._plane.listen.head_timeout_s)
        elif self._phase != CLOSING:
            self.ahead += data
            if len(self.ahead) > self._head_bytes:
                self.pause_flow()

    def eof_received(self) -> bool:
        """The caller will send no more; it may still take an answer."""
        self.ending = True
        if self._phase == HEAD:
            self.wake("")
        elif self._phase == CLOSING:
            self.transport.close()
        elif self._exchange is not None:
            self._exchange.client_ended()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller is gone, or was sent away."""
        self.ending = True
        self.deadline_s = inf
        if self._phase == TURN:
            self._phase = CLOSING
        if self._exchange is not None:
            self._exchange.client_left()
        else:
            self._coroutine.close()
        if self._exchange is None:
            self._crowd.leave(self)

    def pause_writing(self) -> None:
        """The caller is slow to take its answer."""
        self._write_paused = True
        if self.source is not None:
            self.source.pause_flow()
        self._watch_unsent()

    def resume_writing(self) -> None:
        """The caller takes more."""
        self._write_paused = False
        self.deadline_s = inf
        if self.source is not None:
            self.source.resume_flow()
        if self._phase == FLUSH:
            self.wake(None)

    def on_deadline(self, now_s: float) -> None:
        """The caller did not do in time what it had to."""
        unsent = self.transport.get_write_buffer_size()
        if unsent and self._takes_enough(unsent):
            self._watch_unsent()
        elif unsent or self._phase == CLOSING:
            self.transport.abort()
        elif self._phase == HEAD:
            if self.ahead in (EMPTY, EMPTY_LINE):
                self.send_away()
            else:
                self.wake("head_timeout")
        elif self._exchange is not None and self.inlet is not None:
            self._exchange.on_upload_broken("body_timeout")

    # What the listener does with it.

    @property
    def is_waiting(self) -> bool:
        """Whether it has no request that is served, be it idle or still sending a head."""
        return self._phase == HEAD and not self.ending

    def make_room(self) -> None:
        """Go at once, without a word: others need the place."""
        self.ending = True
        self.transport.close()

    def send_away(self) -> None:
        """End it, idle as it is; a request that is on its way is read away, so that nobody is reset."""
        self._unread = True
        self.wake("")

    def drain(self) -> None:
        """Go when idle for ``Plane.drain_idle_s``; else after the answer that is being made."""
        if self._phase == HEAD and not self.ahead:
            self._plane.wheel.arm(self, self._plane.clock() + self._plane.drain_idle_s)

    def abandon(self) -> None:
        """Go now."""
        if self._exchange is not None:
            self._exchange.abandon()
        self.transport.abort()

    def _takes_enough(self, unsent: int) -> bool:
        """Whether the caller took as much of what waits for it as it must since it was looked at."""
        listen = self._plane.listen
        taken = self._unsent_bytes - unsent
        # Less than none: something was added meanwhile, and will be looked at next time.
        return taken < 0 or taken > listen.body_idle_timeout_s * listen.body_bytes_per_s

    def _watch_unsent(self) -> None:
        self._unsent_bytes = self.transport.get_write_buffer_size()
        self._plane.wheel.arm(self, self._plane.clock() + self._plane.listen.body_idle_timeout_s)

    def _close(self) -> None:
        """Say goodbye.

        With something unread the kernel would answer with a reset, and the last answer might be lost to
        it: then only our side is closed, and the rest is read and dropped.
        """
        self._phase = CLOSING
        self.inlet = None
        if self.transport.is_closing():
            self._crowd.leave(self)
            return
        wait_s = self._plane.listen.body_idle_timeout_s
        self._unsent_bytes = self.transport.get_write_buffer_size()
        if (self._unread or self.ahead) and not self.ending:
            self.ahead = EMPTY
            self.resume_flow()
            self.transport.write_eof()
            wait_s = LINGER_S
        else:
            self.transport.close()
        self._plane.wheel.arm(self, self._plane.clock() + wait_s)

    def _broken(self, error: Exception) -> None:
        self._exchange = None
        self.transport.abort()
        self._crowd.leave(self)
        asyncio.get_running_loop().call_exception_handler(
            {"message": "an exchange broke", "exception": error, "protocol": self}
        )
