"""The life of one request, top to bottom: see ``Exchange.run``.

An exchange waits for one kind of event at a time: a Verdict, a connection, a response head, the end
of a body. Protocol callbacks resume it directly. Whatever happens, an admitted request is settled or
released exactly once, and every request is counted once (``account``). Step 6 is in ``forward``, what
follows a 101 in ``switch``.
"""

from quotad.config.model import AuthRules
from quotad.core.framing import CHUNKED, UNTIL_CLOSE, FramingError, body_of
from quotad.core.limit_headers import limit_headers
from quotad.core.outcome import Outcome
from quotad.core.quota import Usage
from quotad.core.replies import Refusal, render, render_json, render_options, status_of
from quotad.core.response import CONNECTION_LINES, SWITCHING, ResponseHead
from quotad.core.signature import is_signed
from quotad.dataplane.caller import (
    BODY,
    BUSY,
    DISCARD,
    PROOF,
    RESPONSE,
    TUNNEL,
    USE,
    VERDICT,
    BrokeOffError,
    CallerLeftError,
    Client,
    RefusedError,
)
from quotad.dataplane.entrance import authenticate_caller, parse, route
from quotad.dataplane.flow import EMPTY, pause
from quotad.dataplane.forward import upload_error
from quotad.dataplane.heads import Head
from quotad.dataplane.own_use import OwnUse
from quotad.dataplane.own_view import own_view
from quotad.dataplane.plane import Plane
from quotad.dataplane.proof import spend_nonce
from quotad.dataplane.relay import Discard, Download
from quotad.dataplane.switch import Switch
from quotad.dataplane.upstream import Connection


class Exchange(Switch):
    """One request and its answer. Also the engine's Waiter, and the user of a backend's connection."""

    __slots__ = ("keep",)

    def __init__(self, plane: Plane, client: Client, started_s: float) -> None:
        self._plane = plane
        self._client = client
        self._stage = BUSY
        self._settled = False
        self._shadow = None
        self._throttles = ()
        self._digest = None
        self.verdict = None
        self.dispatched = False
        self.gone = False
        self.keep = False
        """Whether the connection may serve another request afterwards."""
        self._behind = None
        self._owed = True
        self._answered = False
        self._ticket = None
        self._connection = None
        self._upload = None
        self.outcome = outcome = Outcome(started_s)
        outcome.client = client.origin.address
        outcome.request_id = request_id = plane.next_id()
        self._request_id = request_id.encode()

    async def run(self, head: bytes | Head) -> None:
        """Serve the request with this head: its lines, the last one without its CRLF; or what it says."""
        plane, outcome = self._plane, self.outcome
        refusal: Refusal | None = None
        try:
            try:
                self._line, self._fields = line, fields = parse(plane, head, outcome)
                self._owed = fields.has_body
                if fields.hops:
                    self._believe(fields.hops)
                self.keep = (not fields.close if line.minor else fields.keep_alive) and not plane.draining
                if fields.upgrades:
                    # Whether what comes next is HTTP depends on the answer, so after this one nothing does.
                    self.keep = False
                if line.may_end_here and await self._ends_here():
                    return
                self._entry = entry = route(plane, line, fields, outcome)
                caller = (
                    await self._prove(entry)
                    if fields.signed and is_signed(fields, entry.auth)
                    else authenticate_caller(plane, entry, line, fields, outcome)
                )
                if caller is not None:
                    if not entry.throttled:
                        verdict = self._reserve(caller.subject)
                        self._decided(await pause() if verdict is None else verdict)
                    else:
                        await self._reserve_under(entry, caller.subject)
                    self._ask_shadow(caller.shadow)
                sent = self._hear(await pause()) if self._send_kept(caller) else None
                response = sent if isinstance(sent, ResponseHead) else await self._forward(sent)
                if response.status == SWITCHING:
                    await self._switch(response)
                    return
                self._settle_proven(response.status)
                download = self._respond(response)
                if download is None:
                    # Nothing was waited for since: it is the same moment.
                    outcome.ended_s = self._sent_s + outcome.upstream_s
                else:
                    await self._relay(response, download)
                self.settle(response.status)
            except RefusedError as refused:
                refusal = refused.refusal
            except CallerLeftError:
                self._break_off("client_left")
            except BrokeOffError as broken:
                self._break_off(broken.reason)
            if refusal is not None:
                # Not in the handler: a wait there would, compiled, leave its exception to all others.
                await self._refuse(refusal)
        finally:
            self._over()

    def _over(self) -> None:
        if self._upload is not None:
            self.outcome.bytes_in += self._upload.payload_bytes
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
        if self._stage == RESPONSE:
            upload, connection = self._upload, self._connection
            if upload is not None and not upload.done and connection is not None:
                upload.stop()
                connection.write_eof()
                connection.answer_by(self._plane.clock() + self._entry.response_timeout_s)
        else:
            self.abandon()

    def client_ended(self) -> None:
        """The caller sends no more.

        Before its request went to a backend, or with bytes of it owed, it is taken to have left; after,
        it may just have closed its side.
        """
        if not self.dispatched or not self._uploaded or self._stage == DISCARD:
            self.client_left()
        elif self._stage == TUNNEL:
            self._tunnel.on_caller_end()

    def abandon(self) -> None:
        """End it now, wherever it waits."""
        if self._stage in (VERDICT, USE, PROOF):
            self.gone = True
        if self._stage != BUSY:
            self._client.interrupt(CallerLeftError())

    # What no backend answers: nothing of (4) to (7), it asks for no unit

    async def _ends_here(self) -> bool:
        """Answer what is for us; answers whether it was."""
        plane, outcome, line = self._plane, self.outcome, self._line
        if line.own_use:
            if plane.own_use is None:
                return False
            await self._show_own_use(plane.own_use)
            return True
        if line.method != b"OPTIONS" or self._fields.max_forwards != 0:
            return False
        # RFC 9110, section 7.6.2.
        outcome.status, outcome.reason = 200, "last_hop"
        discard = self._discard()
        await self._say(render_options(self._request_id, plane.date.now(), not self.keep), discard)
        return True

    async def _show_own_use(self, own_use: OwnUse) -> None:
        plane, outcome = self._plane, self.outcome
        message = self._message() if self._fields.signed else None
        view = own_view(plane, own_use, (self._line, self._fields, outcome), message)
        if view.proof is not None:
            self._stage = PROOF
            await spend_nonce(plane, self._client, view.proof, AuthRules())
            self._stage = BUSY
        own_use.ask(view.subjects, self)
        self._stage = USE
        usages: list[Usage] | None = await pause()
        self._stage = BUSY
        if usages is None:
            raise RefusedError(Refusal("own_use_unknown"))
        outcome.status, outcome.reason = 200, "own_use"
        discard = self._discard()
        content, body = view.body(usages), outcome.method != "HEAD"
        await self._say(
            render_json(content, self._request_id, plane.date.now(), not self.keep, body), discard
        )

    def on_use(self, usages: list[Usage] | None) -> None:
        """What the caller has in use (``own_use.Asker``)."""
        self._client.wake(usages)

    # (8) respond

    def _respond(self, response: ResponseHead) -> Download | None:
        """Send the answer as far as it is there; answers the rest, None when there is none."""
        connection, client, line, outcome = self._connection, self._client, self._line, self.outcome
        if connection is None or self.gone:
            raise CallerLeftError
        framing = 0 if line.method == b"HEAD" else response.framing
        upload = self._upload
        owed = upload is not None and not upload.done
        if owed or client.ending or self._plane.draining or (framing < 0 and not line.minor):
            self.keep = False
        head = self._answer_head(response, framing < 0 and line.minor == 1)
        outcome.status = response.status
        outcome.bytes_out = len(head)
        ahead = connection.ahead
        if framing != len(ahead):
            download = self._begin_download(connection, framing, head)
            if download is not None:
                return download
        else:
            connection.ahead = EMPTY
            outcome.bytes_out += framing
            self._answered = True
            client.write(head + ahead)
        self._give_back(connection, response)
        return None

    def _answer_head(self, response: ResponseHead, chunked: bool) -> bytes:
        """The backend's lines that go on, then ours."""
        last = CONNECTION_LINES[self._line.minor][self.keep]
        if chunked:
            last = b"Transfer-Encoding: chunked\r\n" + last
        if not response.dated:
            # RFC 9110, section 6.6.1.
            last = b"Date: %b\r\n%b" % (self._plane.date.now(), last)
        return self._head(response, last)

    def _give_back(self, connection: Connection, response: ResponseHead) -> None:
        """The answer is over: its connection may serve another, when it is in order."""
        self._connection = None
        upload = self._upload
        if response.persistent and (upload is None or upload.done):
            connection.release(self._sent_s + self.outcome.upstream_s)
        else:
            connection.drop()
        if upload is not None:
            upload.stop()

    def _begin_download(self, connection: Connection, framing: int, head: bytes) -> Download | None:
        """Pass on what has come; answers the rest, None when there is none."""
        client = self._client
        download = Download(body_of(framing), framing < 0 < self._line.minor, framing == UNTIL_CLOSE, self)
        try:
            first = download.first(connection.ahead)
        except FramingError:
            # The head's status was settled already: no other may be seen.
            raise BrokeOffError from None
        self._answered = True
        client.source = connection
        client.write(head + first)
        if download.done:
            self._end_download(connection, download)
            return None
        connection.stream(download, self._entry.rule.stream_idle_s)
        return download

    def _end_download(self, connection: Connection, download: Download) -> None:
        self._client.source = None
        connection.ahead = download.rest
        self.outcome.bytes_out += download.payload_bytes

    async def _relay(self, response: ResponseHead, download: Download) -> None:
        """Wait until the body has passed; the backend's bytes go to ``download`` as they come."""
        self._stage = BODY
        whole = await pause()
        self._stage = BUSY
        connection = self._connection
        if connection is None or not whole:
            raise BrokeOffError
        self._end_download(connection, download)
        self._give_back(connection, response)

    async def _refuse(self, refusal: Refusal) -> None:
        """Answer for ourselves."""
        plane, outcome = self._plane, self.outcome
        outcome.limit = refusal.limit
        outcome.verdict = self.verdict
        status = status_of(refusal.key)
        if status < 500 and not self.dispatched:
            # Its body was wrong from the start, so it was no request: it costs nothing.
            self.leave()
        elif not self.gone or self._uploaded:
            self.settle(status)
        if self._answered or self.gone:
            self._break_off(refusal.key)
            return
        outcome.reason = refusal.key
        outcome.status = status
        self._let_go()
        discard = self._discard()
        limits = EMPTY
        if self.verdict is not None and self._entry.shows_limits:
            limits = limit_headers(self.verdict)
        body = outcome.method != "HEAD"
        answer = render(refusal, self._request_id, plane.date.now(), limits, not self.keep, body)
        await self._say(answer, discard)

    async def _say(self, answer: bytes, discard: Discard | None) -> None:
        """Send an answer of ours, then read away what is left of the request."""
        plane = self._plane
        self.outcome.bytes_out = len(answer)
        self._client.write(answer)
        if discard is not None:
            discard.start(plane.clock() + plane.listen.body_idle_timeout_s)
            self._stage = DISCARD
            try:
                whole = await pause()
            except CallerLeftError:
                whole = False
            self._stage = BUSY
            self._owed = not whole
            self.keep = self.keep and whole

    def _discard(self) -> Discard | None:
        """What is to be read of the refused request's body before the next request; None for nothing."""
        if not self.keep or not self.unread:
            return None
        fields = self._fields
        framing = CHUNKED if fields.chunked else fields.length
        body = body_of(framing) if self._upload is None else self._upload.body
        discard = Discard(body, self._client, self)
        self.keep = discard.is_short(fields)
        self._owed = not body.done
        return discard if self.keep and self._owed else None

    def _break_off(self, reason: str) -> None:
        """End without an answer, or without the rest of it."""
        self.keep = False
        self.outcome.reason = reason
        self._let_go()
        if not self.gone:
            self._client.reset()

    def on_upload_broken(self, key: str) -> None:
        """The request body is not what was announced, or does not come (``relay.Owner``)."""
        self.keep = False
        if self._stage == RESPONSE:
            self._client.interrupt(upload_error(key))
        elif self._stage == PROOF:
            self._client.interrupt(RefusedError(Refusal(key)))
        elif self._stage == BODY:
            self._client.interrupt(BrokeOffError("upstream_reset" if key != "digest_mismatch" else key))
        elif self._stage == DISCARD:
            self._client.wake(False)

    @property
    def unread(self) -> bool:
        """Whether the caller may still be sending what nobody will read."""
        return self._owed if self._upload is None else not self._upload.done
