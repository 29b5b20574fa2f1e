"""Bodies on their way through, piece by piece: nothing is held back, a slow taker slows the giver.

Each knows its own time: whoever has to send the next byte has a deadline, the other has none.
"""

from math import inf
from typing import Protocol

from quotad.clock import MonotonicClock
from quotad.core.digests import BodyDigest
from quotad.core.framing import LAST_CHUNK, Body, FramingError, chunk
from quotad.core.request import RequestFields
from quotad.dataplane.flow import EMPTY, Flow

DISCARD_BYTES = 64 * 1024
"""A refused request's body up to this length is read and dropped, so that its connection lives on."""


KEPT_BYTES = 16 * 1024
"""Of a body that came after its head: so much is kept to send it again."""


class Caller(Protocol):
    """The caller's connection: gives the request, takes the answer."""

    ahead: bytes
    """Bytes received after the request's head, not taken yet."""
    inlet: "Inlet | None"
    """Takes what is received, instead of ``ahead``."""

    def write(self, data: bytes) -> None:
        """Send; nothing happens when the caller is gone."""

    def pause_flow(self) -> None:
        """Read no more for now."""

    def resume_flow(self) -> None:
        """Read on."""

    def moved_by(self, deadline_s: float) -> None:
        """Until when the next byte of the request's body must have come."""


class Inlet(Protocol):
    """Takes the bytes of a request's body."""

    def on_data(self, data: bytes) -> None:
        """The next bytes from the caller, and perhaps of what follows the body."""


class Server(Protocol):
    """The backend's connection: takes the request, gives the answer."""

    giver: Flow | None
    """Slowed down while the backend is slow to take the request."""
    write_paused: bool

    def write(self, data: bytes) -> None:
        """Send."""

    def answer_by(self, deadline_s: float) -> None:
        """Until when the next byte of the answer must have come."""


class Owner(Protocol):
    """The exchange whose bodies these are."""

    def write(self, data: bytes) -> None:
        """Bytes of the response body, for the caller."""

    def on_body_over(self, whole: bool) -> None:
        """The response body, or one that nobody wants, has ended; not ``whole``: it broke off."""

    def on_upload_broken(self, key: str) -> None:
        """The request body is not what was announced: a key of ``core.replies``."""


class Patience:
    """How long a body may take."""

    __slots__ = ("answer_s", "bytes_per_s", "clock", "idle_s")

    def __init__(self, clock: MonotonicClock, idle_s: float, answer_s: float, bytes_per_s: int = 0) -> None:
        self.clock = clock
        self.idle_s = idle_s
        """From one byte of a body to the next."""
        self.answer_s = answer_s
        """From the request's end to the answer's head."""
        self.bytes_per_s = bytes_per_s
        """At least, on average, after the first ``idle_s``; 0: however slow."""

    def left_s(self, payload_bytes: int, waited_s: float) -> float:
        """How long to wait for the next byte, after so many bytes for which so long was waited."""
        if not self.bytes_per_s:
            return self.idle_s
        return min(self.idle_s, self.idle_s + payload_bytes / self.bytes_per_s - waited_s)


class Download:
    """A response body, from a backend to the caller."""

    __slots__ = ("_body", "_chunked", "_ends_by_close", "_owner", "payload_bytes", "rest")

    def __init__(self, body: Body, chunked: bool, ends_by_close: bool, owner: Owner) -> None:
        self._body = body
        self._chunked = chunked
        self._ends_by_close = ends_by_close
        self._owner = owner
        self.rest = EMPTY
        """What came after the body: a backend has nothing to say there."""
        self.payload_bytes = 0

    @property
    def done(self) -> bool:
        """Whether all of it has come."""
        return self._body.done

    def first(self, data: bytes) -> bytes:
        """The part of the body that came with its head, framed for the caller. Raises FramingError."""
        payload, self.rest = self._body.take(data)
        self.payload_bytes += len(payload)
        return _framed(payload, self._chunked, self._body.done)

    def on_data(self, data: bytes) -> None:
        """The next bytes from the backend (``upstream.Sink``)."""
        try:
            framed = self.first(data)
        except FramingError:
            self._owner.on_body_over(whole=False)
            return
        if framed:
            self._owner.write(framed)
        if self._body.done:
            self._owner.on_body_over(whole=True)

    def on_end(self) -> bool:
        """The backend will send no more: with nothing left to send it, the connection ends (``on_lost``)."""
        return False

    def on_lost(self, clean: bool) -> None:
        """The backend's connection has ended."""
        whole = clean and self._ends_by_close
        if whole and self._chunked:
            self._owner.write(LAST_CHUNK)
        self._owner.on_body_over(whole)


class Upload:
    """A request body, from the caller to a backend."""

    __slots__ = (
        "_bound",
        "_caller",
        "_chunked",
        "_owner",
        "_patience",
        "_paused",
        "_server",
        "_turn_s",
        "_waited_s",
        "body",
        "digest",
        "kept",
        "payload_bytes",
    )

    _server: Server
    _patience: Patience

    def __init__(self, body: Body, chunked: bool, bound: int, caller: Caller, owner: Owner) -> None:
        self.body = body
        self._chunked = chunked
        self._bound = bound
        self._caller = caller
        self._owner = owner
        self._paused = False
        self._turn_s = 0.0
        """Since when it is the caller's turn; 0: it is not."""
        self._waited_s = 0.0
        """For the caller, in all."""
        self.kept: bytes | None = None
        """What came later than the request's head, framed, to be sent again; None: it is not kept. Set it
        to nothing at the start to have it kept, as long as it is short."""
        self.payload_bytes = 0
        self.digest: BodyDigest | None = None
        """What the body must turn out to be; None: whatever comes is taken."""

    @property
    def done(self) -> bool:
        """Whether all of it has come."""
        return self.body.done

    @property
    def unproven(self) -> bool:
        """Whether it may still turn out to be another body than the one that was signed."""
        return self.digest is not None and not self.body.done

    def first(self) -> bytes:
        """The part of the body that is there already, framed for the backend. Raises FramingError."""
        return self._take(self._caller.ahead)

    def start(self, server: Server, patience: Patience, invited: bool) -> None:
        """Send what came since ``first``, and let the rest flow. Raises FramingError.

        Not ``invited``: the caller waits for 100 (Continue), so it is the backend's turn (RFC 9110,
        section 10.1.1).
        """
        self._server = server
        self._patience = patience
        if self._caller.ahead and not self.done:
            self._send(self._take(self._caller.ahead))
        now_s = patience.clock()
        if self.done:
            server.answer_by(now_s + patience.answer_s)
            return
        server.giver = self
        self._caller.inlet = self
        self._caller.resume_flow()
        if invited:
            self._turn_s = now_s
            self._caller.moved_by(now_s + patience.idle_s)
        else:
            server.answer_by(now_s + patience.answer_s)
        if server.write_paused:
            self.pause_flow()

    def on_data(self, data: bytes) -> None:
        """The next bytes from the caller."""
        try:
            framed = self._take(data)
        except FramingError as error:
            self.stop()
            self._owner.on_upload_broken(error.key)
            return
        if framed:
            self._send(framed)
        if self.body.done:
            self.stop()
            self._server.answer_by(self._patience.clock() + self._patience.answer_s)
        elif not self._paused:
            self.invite()

    def invite(self) -> None:
        """It is the caller's turn."""
        self._server.answer_by(inf)
        now_s = self._patience.clock()
        if self._turn_s:
            self._waited_s += now_s - self._turn_s
        self._turn_s = now_s
        self._caller.moved_by(now_s + self._patience.left_s(self.payload_bytes, self._waited_s))

    def pause_flow(self) -> None:
        """The backend is slow to take it: its own time runs, the caller's does not."""
        self._paused = True
        self._caller.pause_flow()
        self._caller.moved_by(inf)
        now_s = self._patience.clock()
        if self._turn_s:
            self._waited_s += now_s - self._turn_s
            self._turn_s = 0.0
        self._server.answer_by(now_s + self._patience.answer_s)

    def resume_flow(self) -> None:
        """The backend takes more."""
        self._paused = False
        self._caller.resume_flow()
        if not self.done:
            self.invite()

    def stop(self) -> None:
        """No more of it is wanted, or to come."""
        if self._caller.inlet is self:
            self._caller.inlet = None
            self._caller.moved_by(inf)

    def _send(self, framed: bytes) -> None:
        kept = self.kept
        if kept is not None:
            self.kept = kept + framed if len(kept) + len(framed) <= KEPT_BYTES else None
        self._server.write(framed)

    def _take(self, data: bytes) -> bytes:
        payload, self._caller.ahead = self.body.take(data)
        self.payload_bytes += len(payload)
        if self._bound and self.payload_bytes > self._bound:
            raise FramingError("body_too_large")
        digest = self.digest
        if digest is not None:
            digest.update(payload)
            # Before its end goes on: a backend never has the whole of a wrong body.
            if self.body.done and not digest.matches():
                raise FramingError("digest_mismatch")
        return _framed(payload, self._chunked, self.body.done)


class Discard:
    """The rest of a refused request's body: read and dropped, so that its connection lives on."""

    __slots__ = ("_body", "_caller", "_owner")

    def __init__(self, body: Body, caller: Caller, owner: Owner) -> None:
        self._body = body
        self._caller = caller
        self._owner = owner

    def is_short(self, fields: RequestFields) -> bool:
        """Drop what is there already; answers whether the rest is worth waiting for.

        It is not when it is long, of unknown length, broken, or may never come (RFC 9110, section
        10.1.1: a caller that was refused need not send what it asked about).
        """
        try:
            _, self._caller.ahead = self._body.take(self._caller.ahead)
        except FramingError:
            return False
        return self._body.done or (0 < fields.length <= DISCARD_BYTES and not fields.expects)

    def start(self, deadline_s: float) -> None:
        """Take what is still to come, all of it before ``deadline_s``."""
        self._caller.inlet = self
        self._caller.resume_flow()
        self._caller.moved_by(deadline_s)

    def on_data(self, data: bytes) -> None:
        """The next bytes from the caller."""
        try:
            _, self._caller.ahead = self._body.take(data)
        except FramingError:
            self._caller.inlet = None
            self._owner.on_body_over(whole=False)
            return
        if self._body.done:
            self._caller.inlet = None
            self._owner.on_body_over(whole=True)


def _framed(payload: bytes, chunked: bool, done: bool) -> bytes:
    if not chunked:
        return payload
    framed = chunk(payload) if payload else EMPTY
    return framed + LAST_CHUNK if done else framed
