"""The life of one request, top to bottom: see ``Exchange.run``.

An exchange waits for one kind of event at a time: a Verdict, a connection, a response head, the end
of a body. Protocol callbacks resume it directly. Whatever happens, an admitted request is settled or
released exactly once, and every request is counted once (``account``).
"""

from quotad.core.forwarding import forwarded_head, request_framing
from quotad.core.framing import UNTIL_CLOSE, FramingError, body_of, response_framing
from quotad.core.limit_headers import limit_headers
from quotad.core.replies import Refusal, refusal_of, render, status_of
from quotad.core.request import RequestFields, RequestLine
from quotad.core.response import (
    CONNECTION_LINES,
    ResponseHead,
    added_lines,
    interim_head,
    response_head,
)
from quotad.core.verdict import Verdict
from quotad.dataplane.account import Account
from quotad.dataplane.backend import Ticket
from quotad.dataplane.caller import BrokeOffError, CallerLeftError, Client, RefusedError, Stage
from quotad.dataplane.entrance import authenticate_caller, parse, route
from quotad.dataplane.flow import EMPTY, pause
from quotad.dataplane.plane import Plane
from quotad.dataplane.relay import Discard, Download, Patience, Upload
from quotad.dataplane.snapshot import Caller, Entry
from quotad.dataplane.upstream import Connection

_IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"))
"""RFC 9110, section 9.2.2."""


class Exchange(Account):
    """One request and its answer. Also the engine's Waiter, and the user of a backend's connection."""

    __slots__ = (
        "_answered",
        "_client",
        "_connection",
        "_entry",
        "_fields",
        "_line",
        "_request_id",
        "_stage",
        "_ticket",
        "_unread",
        "_upload",
        "keep",
    )

    _line: RequestLine
    _fields: RequestFields
    _entry: Entry

    def __init__(self, plane: Plane, client: Client, started_s: float) -> None:
        Account.__init__(self, plane, started_s)
        self._client = client
        self.outcome.client = client.peer
        self.outcome.request_id = request_id = plane.ids.next()
        self._request_id = request_id.encode()
        self.keep = False
        """Whether the connection may serve another request afterwards."""
        self._stage = Stage.BUSY
        self._unread = True
        self._answered = False
        """Whether a byte of the final answer went to the caller."""
        self._ticket: Ticket | None = None
        self._connection: Connection | None = None
        self._upload: Upload | None = None

    async def run(self, head: bytes) -> None:
        """Serve the request with this head (lines with their CRLF, without the empty line)."""
        plane, outcome = self._plane, self.outcome
        try:
            self._line, self._fields = line, fields = parse(plane, head, outcome)
            self.keep = (not fields.close if line.minor else fields.keep_alive) and not plane.draining
            self._unread = fields.chunked or fields.length > 0
            self._entry = entry = route(plane, line, fields, outcome)
            caller = authenticate_caller(entry, line, fields, plane.wall(), outcome)
            if caller is not None:
                await self._reserve(caller)
            response = await self._forward(caller)
            self.settle(response.status)
            await self._respond(response)
        except RefusedError as refused:
            await self._refuse(refused.refusal)
        except CallerLeftError:
            self._break_off("client_left")
        except BrokeOffError:
            self._break_off("upstream_reset")
        finally:
            if self._upload is not None:
                outcome.bytes_in += self._upload.payload_bytes
            self.count()

    async def refuse(self, key: str) -> None:
        """Answer a request whose head could not be read; its connection ends with it."""
        try:
            await self._refuse(Refusal(key))
        finally:
            self.count()

    def client_left(self) -> None:
        """The caller's connection is gone, or it has said that it sends no more of what it owes.

        A request that a backend has goes on until the backend's head tells what it was worth.
        """
        if self.gone:
            return
        self.gone = True
        if self._stage is Stage.RESPONSE:
            upload, connection = self._upload, self._connection
            if upload is not None and not upload.done and connection is not None:
                upload.stop()
                connection.write_eof()
                connection.answer_by(self._plane.clock() + self._entry.rule.response_timeout_s)
        else:
            self.abandon()

    def client_ended(self) -> None:
        """The caller sends no more.

        Before its request went to a backend, or with bytes of it owed, it is taken to have left; after,
        it may just have closed its side.
        """
        if not self.dispatched or not self._uploaded or self._stage is Stage.DISCARD:
            self.client_left()

    def abandon(self) -> None:
        """End it now, wherever it waits."""
        if self._stage is Stage.VERDICT:
            self.gone = True
        if self._stage is not Stage.BUSY:
            self._client.interrupt(CallerLeftError())

    # (5) reserve

    async def _reserve(self, caller: Caller) -> None:
        plane = self._plane
        asked_s = plane.clock()
        plane.admission.reserve(caller.subject, self)
        self._stage = Stage.VERDICT
        verdict: Verdict = await pause()
        self._stage = Stage.BUSY
        self.verdict = verdict
        self.outcome.store_s = plane.clock() - asked_s
        if not verdict.admitted:
            raise RefusedError(refusal_of(verdict))

    def on_verdict(self, verdict: Verdict) -> None:
        """The engine's answer (``core.verdict.Waiter``)."""
        self._client.resume(verdict)

    # (6) forward

    async def _forward(self, caller: Caller | None) -> ResponseHead:
        """Send the request; answers the head of the final response.

        A kept connection that turns out closed before any answer is replaced by a new one, once, when
        sending twice does no harm; a backend that takes no connection, by the next.
        """
        entry = self._entry
        extra = b"%b%bX-Request-Id: %b\r\n" % (
            self._client.about,
            caller.lines if caller is not None else entry.anonymous_lines,
            self._request_id,
        )
        request = forwarded_head(self._line, self._fields, entry.rule, entry.upstream_host, extra)
        framing = request_framing(self._fields)
        if framing:
            request += self._begin_upload(framing)
        again = False
        while True:
            connection = await self._connect(fresh=again)
            if isinstance(connection, str):
                failure, may_repeat = connection, entry.has_others
            else:
                answer = await self._send(connection, request)
                if isinstance(answer, ResponseHead):
                    return answer
                failure = answer
                may_repeat = answer == "upstream_reset" and self._may_repeat(connection)
            if again or not may_repeat:
                raise RefusedError(Refusal(failure))
            again = True

    def _begin_upload(self, framing: int) -> bytes:
        bound = self._entry.rule.body_bytes
        self._upload = Upload(body_of(framing), framing < 0, bound, self._client, self)
        try:
            return self._upload.first()
        except FramingError as error:
            raise RefusedError(Refusal(error.key)) from None

    async def _connect(self, fresh: bool) -> Connection | str:
        """A connection to the backend whose turn it is, or the key of a refusal."""
        backend = self._plane.upstreams.backend(self._entry.upstream())
        self.outcome.upstream = backend.name
        if not fresh:
            connection = backend.acquire(self)
            if connection is not None:
                return connection
        self._ticket = backend.enter(self)
        if self._ticket is None:
            return "upstream_busy"
        self._stage = Stage.CONNECTION
        got: Connection | str = await pause()
        self._stage = Stage.BUSY
        self._ticket = None
        return got

    async def _send(self, connection: Connection, request: bytes) -> ResponseHead | str:
        """Send what there is, let the rest follow, and wait for the response's head."""
        plane, upload, rule = self._plane, self._upload, self._entry.rule
        sent_s = plane.clock()
        self._connection = connection
        self.dispatched = True
        if upload is None:
            connection.answer_by(sent_s + rule.response_timeout_s)
        else:
            patience = Patience(plane.clock, plane.listen.body_idle_timeout_s, rule.response_timeout_s)
            upload.start(connection, patience, invited=not self._fields.expects)
        connection.write(request)
        self._stage = Stage.RESPONSE
        answer: ResponseHead | str = await pause()
        self._stage = Stage.BUSY
        self.outcome.upstream_s = plane.clock() - sent_s
        if not isinstance(answer, ResponseHead):
            self._connection = None
        return answer

    def _may_repeat(self, connection: Connection) -> bool:
        """RFC 9110, section 9.2.2: all of the request is at hand, and nothing of an answer came."""
        whole = self._upload is None or (self._upload.done and not self._upload.streamed)
        untouched = connection.reused and not connection.ahead and not self.gone
        return whole and untouched and self._line.method in _IDEMPOTENT

    def on_connection(self, connection: Connection) -> None:
        """A connection is there (``upstream.User``)."""
        self._client.resume(connection)

    def on_interim(self, response: ResponseHead) -> None:
        """A 1xx response goes on, but not to HTTP/1.0 (RFC 9110, section 15.2)."""
        if self._line.minor:
            self._client.write(interim_head(response))
        if self._upload is not None and not self._upload.done:
            self._upload.invite()

    def on_response(self, response: ResponseHead) -> None:
        """The final head is there."""
        self._client.resume(response)

    def on_failure(self, key: str) -> None:
        """There is no connection, or will be no answer."""
        self._client.resume(key)

    def on_upload_broken(self, key: str) -> None:
        """The request body is not what was announced, or does not come (``relay.Owner``)."""
        self.keep = False
        if self._stage is Stage.RESPONSE:
            self._client.interrupt(RefusedError(Refusal(key)))
        elif self._stage is Stage.BODY:
            self._client.interrupt(BrokeOffError())
        elif self._stage is Stage.DISCARD:
            self._client.resume(False)

    # (8) respond

    async def _respond(self, response: ResponseHead) -> None:
        """Pass the answer on, and the connection it came on back to where it is kept."""
        connection, uploaded, minor = self._connection, self._uploaded, self._line.minor
        if connection is None or self.gone:
            raise CallerLeftError
        framing = response_framing(self._line.method, response.status, response.length, response.chunked)
        if not uploaded or self._client.ending or self._plane.draining or (framing < 0 and not minor):
            self.keep = False
        chunked = framing < 0 and minor == 1
        head = response_head(response, chunked, self._extra(response), not self._entry.rule.limit_headers)
        self.outcome.status = response.status
        ahead = connection.ahead
        if framing == len(ahead):
            connection.ahead = EMPTY
            self.outcome.bytes_out = len(head) + framing
            self._answered = True
            self._client.write(head + ahead)
        else:
            await self._relay(connection, head, framing)
        self._connection = None
        if uploaded and response.persistent and framing != UNTIL_CLOSE:
            connection.release(self._plane.clock())
        else:
            connection.drop()
        if self._upload is not None:
            self._upload.stop()

    def _extra(self, response: ResponseHead) -> bytes:
        return added_lines(
            self._request_id,
            self._limits(),
            EMPTY if response.dated else self._plane.date.now(),
            CONNECTION_LINES[self._line.minor][self.keep],
        )

    def _limits(self) -> bytes:
        if self.verdict is None or not self._entry.rule.limit_headers:
            return EMPTY
        return limit_headers(self.verdict)

    async def _relay(self, connection: Connection, head: bytes, framing: int) -> None:
        """Pass on a body that was not all there when its head was."""
        client, plane = self._client, self._plane
        chunked = framing < 0 and self._line.minor == 1
        download = Download(body_of(framing), chunked, framing == UNTIL_CLOSE, client, self)
        try:
            first = download.first(connection.ahead)
        except FramingError:
            raise RefusedError(Refusal("upstream_bad_response")) from None
        self._answered = True
        self.outcome.status = int(head[9:12])
        client.source = connection
        client.write(head + first)
        if not download.done:
            connection.stream(download, plane.listen.body_idle_timeout_s)
            self._stage = Stage.BODY
            whole = await pause()
            self._stage = Stage.BUSY
            if not whole:
                raise BrokeOffError
        client.source = None
        connection.ahead = download.rest
        self.outcome.bytes_out = len(head) + download.payload_bytes

    def on_body_over(self, whole: bool) -> None:
        """The answer's body, or that of a refused request, has ended or broken off (``relay.Owner``)."""
        self._client.resume(whole)

    async def _refuse(self, refusal: Refusal) -> None:
        """Answer for ourselves."""
        outcome = self.outcome
        outcome.limit = refusal.limit
        status = status_of(refusal.key)
        if not self.gone or self._uploaded:
            self.settle(status)
        if self._answered or self.gone:
            self._break_off(refusal.key)
            return
        outcome.reason = refusal.key
        outcome.status = status
        self._let_go()
        discard = self._discard()
        answer = render(
            refusal,
            self._request_id,
            self._plane.date.now(),
            self._limits(),
            close=not self.keep,
            body=outcome.method != "HEAD",
        )
        outcome.bytes_out = len(answer)
        self._client.write(answer)
        if discard is not None:
            discard.start(self._plane.clock() + self._plane.listen.body_idle_timeout_s)
            self._stage = Stage.DISCARD
            whole = await pause()
            self._stage = Stage.BUSY
            self.keep, self._unread = self.keep and whole, not whole

    def _discard(self) -> Discard | None:
        """What is to be read of the refused request's body before the next request; None for nothing."""
        if not self.keep or not self.unread:
            return None
        fields = self._fields
        body = body_of(request_framing(fields)) if self._upload is None else self._upload.body
        discard = Discard(body, self._client, self)
        self.keep = discard.is_short(fields)
        self._unread = not body.done
        return discard if self.keep and self._unread else None

    def _break_off(self, reason: str) -> None:
        """End without an answer, or without the rest of it."""
        self.keep = False
        self.outcome.reason = reason
        self._let_go()
        if not self.gone:
            self._client.reset()

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
    def unread(self) -> bool:
        """Whether the caller may still be sending what nobody will read."""
        return self._unread if self._upload is None else not self._upload.done

    @property
    def _uploaded(self) -> bool:
        return self._upload is None or self._upload.done
