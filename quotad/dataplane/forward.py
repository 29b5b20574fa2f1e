"""Step 6: the request goes to a backend, and the head of its answer comes back."""

from typing import Final

from quotad.core.client_address import Behind, Said
from quotad.core.digests import BodyDigest
from quotad.core.framing import CHUNKED, FramingError, body_of
from quotad.core.replies import Refusal
from quotad.core.request import RequestFields, RequestLine
from quotad.core.response import ResponseHead
from quotad.core.trace import Trace, trace_lines
from quotad.dataplane.account import Account
from quotad.dataplane.backend import Backend, Ticket
from quotad.dataplane.caller import BUSY, CONNECTION, RESPONSE, BrokeOffError, Client, RefusedError
from quotad.dataplane.fleet import Fleet
from quotad.dataplane.flow import EMPTY, pause
from quotad.dataplane.relay import Patience, Upload
from quotad.dataplane.snapshot import Caller, Entry
from quotad.dataplane.upstream import Connection

_IDEMPOTENT: Final = frozenset((b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"))
"""RFC 9110, section 9.2.2."""


def upload_error(key: str) -> Exception:
    """How a request ends whose body went wrong after a part of it went to a backend.

    One that is not what was signed gets no answer, and neither side may take it for whole.
    """
    return BrokeOffError(key) if key == "digest_mismatch" else RefusedError(Refusal(key))


class Forward(Account):
    """How a request is carried to a backend. The base of ``exchange.Exchange``, which makes it."""

    __slots__ = (
        "_backend",
        "_behind",
        "_client",
        "_connection",
        "_digest",
        "_entry",
        "_fields",
        "_fleet",
        "_line",
        "_message_sent",
        "_request_id",
        "_sent_s",
        "_stage",
        "_ticket",
        "_upload",
    )

    _backend: Backend
    """Who was tried first."""
    _behind: Behind | None
    """The caller behind trusted hops; None: it is the peer."""
    _client: Client
    _digest: BodyDigest | None
    """What the body must turn out to be as it passes."""
    _line: RequestLine
    _fields: RequestFields
    _entry: Entry
    _fleet: Fleet
    _message_sent: bytes
    """The forwarded head, and what had come of the body."""
    _request_id: bytes
    _sent_s: float
    _stage: int
    _ticket: Ticket | None
    _connection: Connection | None
    _upload: Upload | None

    def _send_kept(self, caller: Caller | None) -> bool:
        """Send the request over a kept connection, as nearly all are; False: its backend has none."""
        entry = self._entry
        self._message_sent = request = self._request(caller)
        self._fleet = fleet = entry.fleet or self._plane.upstreams.fleet(entry)
        self._backend = backend = fleet.pick()
        connection = backend.acquire(self)
        if connection is None:
            return False
        self._send(connection, request)
        return True

    def _hear(self, answer: ResponseHead | str) -> ResponseHead | str:
        """What came of a request that was sent: a head, or the key of a refusal."""
        self._stage = BUSY
        self.outcome.upstream_s = self._plane.clock() - self._sent_s
        return answer

    async def _forward(self, answer: ResponseHead | str | None) -> ResponseHead:
        """The head of the final response, after a first try by ``_send_kept``.

        ``answer``: what came of it; None: nothing was sent. A backend that takes no connection is replaced
        by another. So is one that gives no answer, when sending twice does no harm. However often it is
        tried, it is one request.
        """
        request, fleet, backend = self._message_sent, self._fleet, self._backend
        connection: Connection | str | None = self._connection
        tried: list[Backend] = []
        while True:
            if answer is None:
                if connection is None:
                    connection = await self._connect(backend)
                if isinstance(connection, str):
                    answer = connection
                else:
                    self._send(connection, request)
                    answer = self._hear(await pause())
            if isinstance(answer, ResponseHead):
                return answer
            self._connection = None
            tried.append(backend)
            found = None if connection is None else self._found_instead(fleet, tried, connection, answer)
            if found is None:
                raise RefusedError(Refusal(answer))
            backend, answer = found, None
            if isinstance(connection, str):
                connection = backend.acquire(self)
            else:
                # Kept ones may have ended as the last one did.
                connection = None
                if self._upload is not None and self._upload.kept:
                    request += self._upload.kept
                    self._upload.kept = EMPTY

    def _found_instead(
        self, fleet: Fleet, tried: list[Backend], connection: Connection | str, failure: str
    ) -> Backend | None:
        """Whoever serves the request after a failure; None: it has failed."""
        if isinstance(connection, str):
            # Of the request not a byte has been sent.
            return fleet.next_unsent(tried)
        if failure == "upstream_reset" and self._may_repeat(connection):
            return fleet.next_unanswered(tried, connection.reused)
        return None

    def _request(self, caller: Caller | None) -> bytes:
        """The forwarded head, and what has come of the body."""
        entry, line, fields = self._entry, self._line, self._fields
        behind, request_id = self._behind, self._request_id
        if caller is None or (behind is not None and behind.host):
            said_host = b"" if behind is None else behind.host
            standing = entry.standing_lines(line, fields, said_host)
        else:
            standing = entry.usual_lines(line, fields)
        about = self._client.origin.about if behind is None else behind.about
        head = b"%b%b%b%b%bX-Request-Id: %b\r\n\r\n" % (
            entry.start_line(line),
            standing,
            entry.anonymous_lines if caller is None else caller.lines,
            about,
            fields.trace_lines if not self.outcome.span_id else self._trace_lines(),
            request_id,
        )
        return head + self._begin_upload() if fields.has_body else head

    def _trace_lines(self) -> bytes:
        """The request is recorded: what is behind us is a part of its span."""
        trace, outcome = self._fields.trace, self.outcome
        state = b"" if trace is None else trace.state
        return trace_lines(Trace(outcome.trace_id, outcome.parent_id, True, state), outcome.span_id)

    def _believe(self, hops: Said) -> None:
        """What a request says of hops before us is taken from those who are trusted."""
        self._behind = behind = self._client.origin.behind(hops)
        if behind is not None:
            self.outcome.client = behind.address

    def _begin_upload(self) -> bytes:
        fields = self._fields
        framing = CHUNKED if fields.chunked else fields.length
        upload = Upload(body_of(framing), fields.chunked, self._entry.body_bytes, self._client, self)
        upload.digest = self._digest
        self._upload = upload
        if self._line.method in _IDEMPOTENT:
            upload.kept = EMPTY
        try:
            return upload.first()
        except FramingError as error:
            raise RefusedError(Refusal(error.key)) from None

    async def _connect(self, backend: Backend) -> Connection | str:
        """A connection, best a new one, or the key of a refusal."""
        self._ticket = backend.enter(self)
        if self._ticket is None:
            return "upstream_busy"
        self._stage = CONNECTION
        got: Connection | str = await pause()
        self._stage = BUSY
        self._ticket = None
        return got

    def _send(self, connection: Connection, request: bytes) -> None:
        """Send what there is, and let the rest follow."""
        plane, upload, answer_s = self._plane, self._upload, self._entry.response_timeout_s
        self._connection = connection
        self.outcome.upstream = connection.name
        self._sent_s = sent_s = plane.clock()
        self.dispatched = True
        connection.write(request)
        if upload is None:
            connection.answer_by(sent_s + answer_s)
        else:
            listen = plane.listen
            patience = Patience(plane.clock, listen.body_idle_timeout_s, answer_s, listen.body_bytes_per_s)
            try:
                upload.start(connection, patience, invited=not self._fields.expects)
            except FramingError as error:
                raise upload_error(error.key) from None
        self._stage = RESPONSE

    def on_upload_broken(self, key: str) -> None:
        """The request body is not what was announced, or does not come (``relay.Owner``)."""
        raise NotImplementedError

    def write(self, data: bytes) -> None:
        """Bytes of the answer's body (``relay.Owner``)."""
        self._client.write(data)

    def on_body_over(self, whole: bool) -> None:
        """The answer's body, or that of a refused request, has ended or broken off."""
        self._client.wake(whole)

    def _may_repeat(self, connection: Connection) -> bool:
        """RFC 9110, section 9.2.2: all of the request is at hand, and nothing of an answer came."""
        whole = self._upload is None or (self._upload.done and self._upload.kept is not None)
        untouched = not connection.ahead and not self.gone
        return whole and untouched and self._line.method in _IDEMPOTENT

    def on_connection(self, connection: Connection) -> None:
        """A connection is there (``upstream.User``)."""
        self._client.wake(connection)

    def on_interim(self, response: ResponseHead) -> None:
        """A 1xx response goes on, but not to HTTP/1.0 (RFC 9110, section 15.2)."""
        if self._line.minor:
            self._client.write(response.lines + b"\r\n")
        if self._upload is not None and not self._upload.done and not self.gone:
            self._upload.invite()

    def on_response(self, response: ResponseHead) -> None:
        """The final head is there."""
        self._client.wake(response)

    def on_failure(self, key: str) -> None:
        """There is no connection, or will be no answer."""
        self._client.wake(key)

    def _let_go(self) -> None:
        """Nothing more is wanted of the backend."""
        ticket, connection, upload = self._ticket, self._connection, self._upload
        self._ticket = self._connection = None
        self._client.source = None
        if upload is not None:
            upload.stop()
        if ticket is not None:
            ticket.leave()
        if connection is not None:
            connection.drop()

    @property
    def _uploaded(self) -> bool:
        return self._upload is None or self._upload.done
