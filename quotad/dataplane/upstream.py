"""One connection to a backend, used by one exchange at a time."""

import asyncio
from collections.abc import Mapping
from math import inf
from typing import Final, Protocol, cast

from quotad.core.health import Health
from quotad.core.http import HeadError, has_stray
from quotad.core.response import SWITCHING, VERSION, ResponseHead
from quotad.dataplane.flow import EMPTY, Flow, Timed, Wheel

HEAD_BYTES: Final = 64 * 1024
"""Largest response head."""

GATEWAY_ERRORS: Final = (502, 503, 504)
"""Answers that say that a backend, or what is behind it, cannot serve."""

INTERIM_HEADS: Final = 64
"""How many 1xx responses may come before the final one."""

Responses = Mapping[bytes, ResponseHead]
"""Heads to their meaning (``heads.Heads.responses``)."""


class User(Protocol):
    """The exchange on whose behalf a connection is opened and used."""

    def on_connection(self, connection: "Connection") -> None:
        """A connection that was asked for; the exchange owns it until it releases or drops it."""

    def on_interim(self, response: ResponseHead) -> None:
        """A 1xx response came; the final one is still to come."""

    def on_response(self, response: ResponseHead) -> None:
        """The final head came; ``Connection.ahead`` holds what came after it."""

    def on_failure(self, key: str) -> None:
        """No connection, or no response: a key of ``core.replies``. The connection is gone."""


class Sink(Protocol):
    """Who takes the response body."""

    def on_data(self, data: bytes) -> None:
        """Bytes of the body, framed as they came."""

    def on_end(self) -> bool:
        """The backend will send no more; answers whether it may still be sent something."""

    def on_lost(self, clean: bool) -> None:
        """The connection ended: by an orderly close of the backend, or in any other way."""


class Keeper(Protocol):
    """Where connections come from and go back to: ``backend.Backend``."""

    health: Health
    name: str
    wheel: Wheel
    responses: Responses

    def keep(self, connection: "Connection", now_s: float) -> None:
        """It may serve another request."""

    def left(self, connection: "Connection | None") -> None:
        """It is gone."""

    def failed(self, answered: bool) -> None:
        """A request failed: with an answer of ``GATEWAY_ERRORS``, or without one."""


class Connection(asyncio.Protocol, Timed):
    """One connection to a backend."""

    __slots__ = (
        "_backend",
        "_clean",
        "_health",
        "_idle_s",
        "_in_pool",
        "_interims",
        "_paused",
        "_responses",
        "_transport",
        "_wheel",
        "ahead",
        "closed",
        "giver",
        "name",
        "reused",
        "sink",
        "user",
        "write_paused",
    )

    def __init__(self, backend: Keeper) -> None:
        Timed.__init__(self)
        self._backend = backend
        self._health = backend.health
        self.name = backend.name
        self._wheel = backend.wheel
        self._responses = backend.responses
        self._clean = False
        self.closed = False
        """True once either side has ended it: it serves nobody any more."""
        self._paused = False
        self._idle_s = inf
        """From one byte of a response body to the next."""
        self._in_pool = False
        """Whether it takes one of the pool's places. Until ``adopt`` whoever opens it answers for it."""
        self._interims = 0
        """1xx heads of the present answer."""
        self.user: User | None = None
        self.giver: Flow | None = None
        """Slowed down while the backend is slow to take the request."""
        self.sink: Sink | None = None
        """Takes the response body once its head was delivered and not all of it was there."""
        self.ahead = EMPTY
        """Bytes received and not yet understood."""
        self.reused = False
        """True when it has served a request before: its backend may have closed it meanwhile."""
        self.write_paused = False

    # What an exchange does with it.

    def write(self, data: bytes) -> None:
        """Send bytes of the request."""
        try:
            self._transport.write(data)
        except RuntimeError:
            # uvloop: closed by an error that ``connection_lost`` is about to tell.
            self.closed = True

    def write_eof(self) -> None:
        """Say that no more of the request will come."""
        if not self._transport.is_closing() and self._transport.can_write_eof():
            self._transport.write_eof()

    def answer_by(self, deadline_s: float) -> None:
        """Until when the response head (later: the next byte of the body) must have come."""
        self.deadline_s = deadline_s
        if deadline_s < self.due_s:
            self._wheel.arm(self, deadline_s)

    def stream(self, sink: Sink, idle_s: float) -> None:
        """Give the rest of the response to ``sink``; its bytes may be ``idle_s`` apart."""
        self.sink = sink
        self._idle_s = idle_s
        self.answer_by(self._wheel.clock() + idle_s)

    def pause_flow(self) -> None:
        """Read no more for now: the caller is slow to take the answer, and it is its time that runs."""
        if not self._transport.is_closing():
            self._paused = True
            self.deadline_s = inf
            self._transport.pause_reading()

    def resume_flow(self) -> None:
        """Read on."""
        self._paused = False
        if not self._transport.is_closing():
            self._transport.resume_reading()
            if self.sink is not None:
                self.answer_by(self._wheel.clock() + self._idle_s)

    def release(self, now_s: float) -> None:
        """The exchange is over and the connection in order: keep it for another.

        Bytes that nobody asked for end it (RFC 9112, section 9.2).
        """
        self.sink = self.giver = None
        if self.ahead or self.write_paused or self.closed:
            self.drop()
            return
        if self._paused:
            self.resume_flow()
        self.user = None
        self.reused = True
        self._backend.keep(self, now_s)

    def drop(self) -> None:
        """The exchange is over, or wants no more of it: close it at once."""
        self.user = self.sink = self.giver = None
        self.closed = True
        self._leave()
        self._transport.abort()

    def leave_pool(self) -> None:
        """It will serve this exchange for long: its place in the pool is for others."""
        self._leave()

    def finish(self, within_s: float) -> None:
        """The exchange is over: close it once what was written has gone out, or after so many seconds."""
        self.user = self.sink = self.giver = None
        self.closed = True
        self._leave()
        if not self._transport.is_closing():
            self._transport.close()
            self.answer_by(self._wheel.clock() + within_s)

    def adopt(self) -> bool:
        """Answer for a place in the pool from now on; False when it has ended already."""
        self._in_pool = not self.closed
        return self._in_pool

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Bytes from the backend."""
        sink = self.sink
        if sink is not None:
            self.deadline_s = self._wheel.clock() + self._idle_s
            sink.on_data(data)
        elif self.user is None:
            self.drop()
        else:
            self.ahead = self.ahead + data if self.ahead else data
            self._read_heads(self.user)

    def eof_received(self) -> bool:
        """The backend will send no more; answers whether the connection stays open the other way."""
        self._clean = self.closed = True
        return self.sink is not None and self.sink.on_end()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended, by whomever."""
        clean = self._clean and exc is None
        user, sink = self.user, self.sink
        if user is not None and sink is None and not (self.reused and not self.ahead):
            # One that was kept may end at any time, and says nothing of its backend by it.
            self._backend.failed(answered=False)
        self.user = self.sink = self.giver = None
        self.deadline_s = inf
        self.closed = True
        self._leave()
        if sink is not None:
            sink.on_lost(clean)
        elif user is not None:
            user.on_failure("upstream_reset")

    def pause_writing(self) -> None:
        """The backend takes no more for now."""
        self.write_paused = True
        if self.giver is not None:
            self.giver.pause_flow()

    def resume_writing(self) -> None:
        """The backend takes more."""
        self.write_paused = False
        if self.giver is not None:
            self.giver.resume_flow()

    def on_deadline(self, now_s: float) -> None:
        """Idle for too long, or the answer (the rest of it) did not come in time."""
        user, sink = self.user, self.sink
        self.drop()
        if sink is not None:
            sink.on_lost(clean=False)
        elif user is not None:
            self._backend.failed(answered=False)
            user.on_failure("upstream_timeout")

    def _read_heads(self, user: User) -> None:
        while self.user is user:
            data = self.ahead
            head, end, rest = data.partition(b"\r\n\r\n")
            if not end or len(head) > HEAD_BYTES:
                if len(data) > HEAD_BYTES:
                    self._fail(user, "upstream_head_too_large")
                elif has_stray(data) or not VERSION.startswith(data[: len(VERSION)]):
                    # RFC 9112, section 2.2: such a head has no end to wait for.
                    self._fail(user, "upstream_bad_response")
                return
            try:
                response = self._responses[head]
            except HeadError as error:
                self._fail(user, error.key)
                return
            self.ahead = rest
            if response.status >= 200 or response.status == SWITCHING:
                self._interims = 0
                if response.status in GATEWAY_ERRORS:
                    self._backend.failed(answered=True)
                elif self._health.failures:
                    self._health.failures = 0
                user.on_response(response)
                return
            self._interims += 1
            if self._interims > INTERIM_HEADS:
                self._fail(user, "upstream_bad_response")
                return
            user.on_interim(response)

    def _fail(self, user: User, key: str) -> None:
        self.drop()
        self._backend.failed(answered=False)
        user.on_failure(key)

    def _leave(self) -> None:
        if self._in_pool:
            self._in_pool = False
            self._backend.left(self)
