"""A caller's connection: one coroutine serves its requests one after the other, in order.

What a caller sends ahead of its answers waits, bounded, and reading stops meanwhile.
"""

import asyncio
import socket
import struct
from collections.abc import Coroutine
from enum import IntEnum
from math import inf
from typing import Any, cast

from quotad.dataplane.exchange import Exchange
from quotad.dataplane.flow import EMPTY, Flow, Timed, pause
from quotad.dataplane.plane import Plane
from quotad.dataplane.relay import Inlet

LINGER_S = 2.0
"""After the last answer: how long to read on, so that it is not lost to a reset (RFC 9112, 9.6)."""

WRITE_BYTES = 64 * 1024
"""What may wait for the caller before its answer's source is slowed down."""

_EMPTY_LINE = (b"\r", b"\r\n")

_RESET = struct.pack("ii", 1, 0)


class Crowd(set["Connection"]):
    """Every connection of a listener that still has something to do; says when the last is done."""

    def __init__(self) -> None:
        super().__init__()
        self._empty = asyncio.Event()

    def leave(self, connection: "Connection") -> None:
        """``connection`` has nothing more to do."""
        self.discard(connection)
        if not self:
            self._empty.set()

    async def gone(self) -> None:
        """Wait until nobody is left."""
        while self:
            self._empty.clear()
            await self._empty.wait()


class Phase(IntEnum):
    """What a connection is doing."""

    HEAD = 0
    """Idle, or receiving a request's head."""
    EXCHANGE = 1
    FLUSH = 2
    """Waiting for the caller to take its answers, before the next request."""
    CLOSING = 3
    """Nothing more will be served; what is still received is dropped."""


class Connection(asyncio.Protocol, Timed):
    """The server side of one caller's connection (``caller.Client``)."""

    __slots__ = (
        "_begun_s",
        "_coroutine",
        "_crowd",
        "_exchange",
        "_phase",
        "_plane",
        "_reading",
        "_unsent_bytes",
        "_write_paused",
        "about",
        "ahead",
        "ending",
        "inlet",
        "peer",
        "source",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, plane: Plane, crowd: Crowd) -> None:
        Timed.__init__(self)
        self._plane = plane
        self._crowd = crowd
        self._coroutine: Coroutine[Any, Any, None] = self._serve()
        self._phase = Phase.HEAD
        self._exchange: Exchange | None = None
        self._begun_s = 0.0
        self._reading = True
        self._write_paused = False
        self._unsent_bytes = 0
        """Waiting to be sent when the deadline was set: less by then is progress."""
        self.ahead = EMPTY
        self.ending = False
        self.inlet: Inlet | None = None
        self.source: Flow | None = None
        self.peer = ""
        self.about = EMPTY

    # The coroutine.

    async def _serve(self) -> None:
        unread = False
        while head := await self._head():
            self._phase = Phase.EXCHANGE
            self.deadline_s = inf
            self._exchange = exchange = Exchange(self._plane, self, self._begun_s)
            if isinstance(head, bytes):
                await exchange.run(head)
            else:
                await exchange.refuse(head)
            self._exchange = None
            if not exchange.keep or self.ending:
                unread = exchange.unread
                break
            if self._write_paused:
                # Requests sent ahead must not pile up answers that nobody takes.
                self._phase = Phase.FLUSH
                await pause()
            self._phase = Phase.HEAD
        self._close(unread)

    async def _head(self) -> bytes | str:
        """The next request's head; or the key of a refusal; or nothing: there is no next request."""
        plane, listen = self._plane, self._plane.listen
        now_s = plane.clock()
        if self.ahead:
            self._begun_s = now_s
        else:
            self.resume_flow()
            plane.wheel.arm(self, now_s + listen.idle_timeout_s)
        while True:
            ahead = self.ahead
            if ahead:
                # RFC 9112, section 2.2: one empty line before a request is forgiven.
                start = 2 if ahead.startswith(b"\r\n") else 0
                end = ahead.find(b"\r\n\r\n", start)
                refusal = self._unfit(ahead, start, end)
                if refusal:
                    return refusal
                if end >= 0:
                    self.ahead = ahead[end + 4 :]
                    return ahead[start : end + 2]
                self.resume_flow()
                plane.wheel.arm(self, self._begun_s + listen.head_timeout_s)
            event: str | None = await pause()
            if event is not None:
                return event

    def _unfit(self, ahead: bytes, start: int, end: int) -> str:
        """The key of a refusal when this cannot become a head that we take, else nothing."""
        if not 65 <= ahead[start : start + 1][0] <= 90 if len(ahead) > start else ahead not in _EMPTY_LINE:
            return "bad_request"
        listen = self._plane.listen
        if (len(ahead) if end < 0 else end) - start <= listen.head_bytes:
            return ""
        line_end = ahead.find(b"\r\n", start)
        return "head_too_large" if 0 <= line_end <= listen.target_bytes else "target_too_long"

    # caller.Client

    def write(self, data: bytes) -> None:
        """Send; nothing happens when the caller is gone."""
        if not self.transport.is_closing():
            self.transport.write(data)

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

    def resume(self, event: object) -> None:
        """Let the coroutine go on, with ``event``."""
        try:
            self._coroutine.send(event)
        except StopIteration:
            pass
        except Exception as error:  # noqa: BLE001 - whatever broke, its connection must end and be told of.
            self._broken(error)

    def interrupt(self, error: Exception) -> None:
        """Let the coroutine go on by raising ``error`` in it."""
        try:
            self._coroutine.throw(error)
        except StopIteration:
            pass
        except Exception as broken:  # noqa: BLE001 - as above.
            self._broken(broken)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller is there."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(WRITE_BYTES)
        peer = transport.get_extra_info("peername")
        self.peer = peer[0] if isinstance(peer, tuple) else ""
        for_line = f"X-Forwarded-For: {self.peer}\r\n" if self.peer else ""
        self.about = f"{for_line}X-Forwarded-Proto: http\r\n".encode()
        self._crowd.add(self)
        self.resume(None)

    def data_received(self, data: bytes) -> None:
        """Bytes from the caller."""
        if self.inlet is not None:
            self.inlet.on_data(data)
        elif self._phase is Phase.HEAD:
            if self.ahead:
                self.ahead += data
            else:
                self.ahead = data
                self._begun_s = self._plane.clock()
            self.resume(None)
        elif self._phase is not Phase.CLOSING:
            self.ahead += data
            if len(self.ahead) > self._plane.listen.head_bytes:
                self.pause_flow()

    def eof_received(self) -> bool:
        """The caller will send no more; it may still take an answer."""
        self.ending = True
        if self._phase is Phase.HEAD:
            self.resume("")
        elif self._phase is Phase.CLOSING:
            self.transport.close()
        elif self._exchange is not None:
            self._exchange.client_ended()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller is gone, or was sent away."""
        self.ending = True
        self.deadline_s = inf
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
        if self._phase is Phase.FLUSH:
            self.resume(None)

    def on_deadline(self, now_s: float) -> None:
        """The caller did not do in time what it had to."""
        unsent = self.transport.get_write_buffer_size()
        if unsent and unsent != self._unsent_bytes:
            self._watch_unsent()
        elif unsent or self._phase is Phase.CLOSING:
            self.transport.abort()
        elif self._phase is Phase.HEAD:
            self.resume("head_timeout" if self.ahead else "")
        elif self._exchange is not None and self.inlet is not None:
            self._exchange.on_upload_broken("body_timeout")

    # What the listener does with it.

    def drain(self) -> None:
        """Go when idle; else after the answer that is being made (``Plane.draining``)."""
        if self._phase is Phase.HEAD and not self.ahead:
            self.transport.close()

    def abandon(self) -> None:
        """Go now."""
        if self._exchange is not None:
            self._exchange.abandon()
        self.transport.abort()

    def _watch_unsent(self) -> None:
        self._unsent_bytes = self.transport.get_write_buffer_size()
        self._plane.wheel.arm(self, self._plane.clock() + self._plane.listen.body_idle_timeout_s)

    def _close(self, unread: bool) -> None:
        """Say goodbye.

        With something unread the kernel would answer with a reset, and the last answer might be lost to
        it: then only our side is closed, and the rest is read and dropped.
        """
        self._phase = Phase.CLOSING
        if self.transport.is_closing():
            self._crowd.leave(self)
            return
        wait_s = self._plane.listen.body_idle_timeout_s
        self._unsent_bytes = self.transport.get_write_buffer_size()
        if (unread or self.ahead) and not self.ending:
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
