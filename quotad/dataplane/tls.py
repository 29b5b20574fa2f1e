"""TLS between a raw connection and the protocol that speaks over it.

Of our own, since the event loop's would take no bytes that were read before the handshake (a PROXY
header's segment holds more), knows no half-close, and cannot tell a cut connection from a closed one
(RFC 9112, section 9.8). The protocol above comes to be once the handshake is over.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import Any, Final, cast

from quotad.dataplane.flow import EMPTY

RECORD_BYTES: Final = 16 * 1024
"""Most that one record carries (RFC 8446, section 5.1)."""

_HANDSHAKE_BYTES = 128 * 1024
"""What a peer may send before its handshake is over: many times a long chain of certificates."""
_REPLY_BYTES = 1024 * 1024
"""What may wait for a peer that makes us answer below the protocol (key updates) and does not read."""

_OUT: Final = ssl.MemoryBIO()
"""What OpenSSL has to send: one for all connections, emptied after each call before anything else happens.

Each would keep the room of the largest answer that it ever sent, and there may be thousands of idle ones.
"""

Step = Callable[[], None]


class Tls(asyncio.Protocol):
    """One connection's TLS. Callers of its transport side find what asyncio's transports have."""

    __slots__ = (
        "_app",
        "_context",
        "_ending",
        "_error",
        "_failed",
        "_greet",
        "_incoming",
        "_is_server",
        "_leaving",
        "_object",
        "_over",
        "_pace",
        "_paused",
        "_raw",
        "_stepping",
        "_waiting",
    )

    _raw: asyncio.Transport

    def __init__(
        self,
        context: ssl.SSLContext,
        server_name: str | None,
        greet: Callable[[], asyncio.Protocol],
        failed: Callable[[Exception | None], None],
        pace: "Callable[[Step], None] | None" = None,
    ) -> None:
        """``server_name``: None on the server's side.

        ``greet`` makes the protocol above, once the handshake is over; else ``failed`` is called, once.
        ``pace`` calls a handshake's step when it is its turn.
        """
        self._incoming = ssl.MemoryBIO()
        self._is_server = server_name is None
        self._object = context.wrap_bio(
            self._incoming, _OUT, server_side=self._is_server, server_hostname=server_name
        )
        self._greet = greet
        self._failed = failed
        self._pace = pace
        self._app: asyncio.Protocol | None = None
        self._error: Exception | None = None
        self._stepping = False
        """A step of the handshake waits for its turn."""
        self._paused = False
        self._waiting = False
        """A look at what came while reading was paused is under way."""
        self._ending = False
        """``write_eof`` waits until what has come is read."""
        self._leaving = False
        """Nothing more is sent: the peer was told so."""
        self._over = False
        """Nothing more is read."""

    # asyncio.Protocol, towards the raw connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        self._raw = cast(asyncio.Transport, transport)
        if not self._is_server:
            self._shake_hands()

    def data_received(self, data: bytes) -> None:
        """Records, in whatever pieces."""
        if self._over:
            return
        if self._app is not None and len(data) > RECORD_BYTES:
            self._take_by_pieces(data, self._app)
            return
        self._incoming.write(data)
        if self._app is not None:
            self._read(self._app)
        elif self._incoming.pending > _HANDSHAKE_BYTES:
            self.abort()
        elif self._pace is None:
            self._shake_hands()
        elif not self._stepping:
            self._stepping = True
            self._pace(self._shake_hands)

    def eof_received(self) -> bool:
        """The peer's side was closed, in whichever way."""
        self._incoming.write_eof()
        if self._app is None:
            self.abort()
        elif self._over:
            # It had said so before; the protocol above has been told.
            return not self._leaving
        else:
            self._read(self._app)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._over = True
        app, failed = self._app, self._failed
        # They refer to what refers to this one.
        self._greet, self._failed = _nobody, _nothing
        if app is None:
            failed(self._error or exc)
        else:
            app.connection_lost(self._error or exc)

    def pause_writing(self) -> None:
        """The peer takes no more for now."""
        if self._app is not None:
            self._app.pause_writing()

    def resume_writing(self) -> None:
        """The peer takes more."""
        if self._app is not None:
            self._app.resume_writing()

    # What a transport has, towards the protocol above

    def write(self, data: bytes) -> None:
        """Send."""
        if self._leaving or not data:
            return
        try:
            sent = self._object.write(data)
            while sent < len(data):
                sent += self._object.write(memoryview(data)[sent:])
        except ssl.SSLError as error:
            self._break(error)
            return
        self._flush()

    def can_write_eof(self) -> bool:
        """It can: RFC 8446, section 6.1."""
        return True

    def write_eof(self) -> None:
        """Say that no more will be sent, once what has come is read; what comes later is read too."""
        if self._leaving:
            return
        if self._incoming.pending or self._object.pending():
            # OpenSSL looks for the peer's goodbye when it says ours, and drops what stands before it. Whoever
            # reads now, or will when it is resumed, says it afterwards.
            self._ending = True
            return
        self._say_goodbye()
        if self._raw.can_write_eof() and not self._raw.is_closing():
            self._raw.write_eof()

    def close(self) -> None:
        """Send what waits, then end."""
        if not self._leaving:
            self._say_goodbye()
        self._over = True
        self._raw.close()

    def abort(self) -> None:
        """End now: without a word, so that what was sent cannot pass for whole."""
        self._leaving = self._over = True
        self._raw.abort()

    def is_closing(self) -> bool:
        """Whether it has ended, or is about to."""
        return self._raw.is_closing()

    def pause_reading(self) -> None:
        """Read no more for now."""
        self._paused = True
        self._raw.pause_reading()

    def resume_reading(self) -> None:
        """Read on; first what has come already."""
        self._paused = False
        self._raw.resume_reading()
        if not self._waiting and (self._incoming.pending or self._object.pending()):
            self._waiting = True
            asyncio.get_running_loop().call_soon(self._read_on)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """What may wait to be sent before the protocol above is paused."""
        self._raw.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """What waits to be sent."""
        return self._raw.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As asyncio's; ``ssl_object`` is there too."""
        return self._object if name == "ssl_object" else self._raw.get_extra_info(name, default)

    # Inside

    def _shake_hands(self) -> None:
        self._stepping = False
        if self._over or self._app is not None:
            return
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except (ssl.SSLError, ssl.CertificateError) as error:
            # An alert may say why; whoever speaks plain HTTP gets it too, and the end.
            self._error = error
            self._over = True
            self._flush()
            self._raw.close()
            return
        self._flush()
        app = self._greet()
        self._app = app
        app.connection_made(cast(asyncio.Transport, self))
        self._read(app)

    def _take_by_pieces(self, data: bytes, app: asyncio.Protocol) -> None:
        """The room for what came is kept for good, so it is not to be large."""
        for start in range(0, len(data), RECORD_BYTES):
            if self._over:
                return
            self._incoming.write(data[start : start + RECORD_BYTES])
            self._read(app)

    def _read(self, app: asyncio.Protocol) -> None:
        while not self._paused and not self._over:
            try:
                data = self._object.read(RECORD_BYTES)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                data = EMPTY
            except ssl.SSLEOFError as error:
                # Closed without a word. A request says itself where it ends; an answer may not.
                if not self._is_server:
                    self._break(error)
                    return
                data = EMPTY
            except ssl.SSLError as error:
                self._break(error)
                return
            finally:
                # Before the protocol above does anything, perhaps with another connection.
                if _OUT.pending:
                    self._reply()
            if not data:
                self._over = True
                if not app.eof_received():
                    self.close()
                return
            app.data_received(data)
        if self._ending and not self._paused:
            self._ending = False
            self.write_eof()

    def _read_on(self) -> None:
        self._waiting = False
        if self._app is not None:
            self._read(self._app)

    def _flush(self) -> None:
        """Send what OpenSSL has to send; what can be sent no more is dropped, and nothing is left behind."""
        if _OUT.pending:
            data = _OUT.read()
            if not self._raw.is_closing():
                self._raw.write(data)

    def _reply(self) -> None:
        """Send what OpenSSL answers by itself; a peer that asks on and does not read is cut off."""
        if self._leaving:
            _OUT.read()
            return
        self._flush()
        if self._raw.get_write_buffer_size() > _REPLY_BYTES:
            self.abort()

    def _say_goodbye(self) -> None:
        """RFC 8446, section 6.1: close_notify, in one direction."""
        self._leaving = True
        # It waits for the peer's, or finds data on the way: ours is written then.
        with contextlib.suppress(ssl.SSLError):
            self._object.unwrap()
        self._flush()

    def _break(self, error: ssl.SSLError) -> None:
        self._error = error
        self.abort()
        self._flush()


def _nobody() -> asyncio.Protocol:
    return asyncio.Protocol()


def _nothing(_: Exception | None) -> None:
    pass


class Pace:
    """Handshakes one after the other: what they cost is spread, and those who are served go on meanwhile."""

    __slots__ = ("_at_once", "_waiting")

    def __init__(self, at_once: int = 4) -> None:
        """``at_once``: how many steps one turn of the event loop takes; each costs up to a millisecond."""
        self._at_once = at_once
        self._waiting: list[Step] = []

    def enter(self, step: Step) -> None:
        """``step`` is called in its turn."""
        self._waiting.append(step)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        now, self._waiting = self._waiting[: self._at_once], self._waiting[self._at_once :]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._turn)
        for step in now:
            step()
