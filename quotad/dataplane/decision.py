"""A request that asks whether another may pass, for a proxy that forwards it itself.

Steps 2 to 5 are those of any request (``exchange``). Then, instead of being forwarded, it is counted and
answered; or held, until the proxy tells the status (``settling``). Nothing is answered 200 before.
"""

from dataclasses import replace

from quotad.config.model import Authorize, Listen
from quotad.core.asking import (
    BODILESS,
    SETTLE,
    asked,
    knows_token,
    permit,
    refusal_for,
    settled,
    taken,
    with_host,
)
from quotad.core.digests import BodyDigest
from quotad.core.http import HeadError
from quotad.core.limit_headers import limit_headers
from quotad.core.replies import Refusal
from quotad.core.request import check_request, host_name
from quotad.core.signature import Message, Proof, is_signed
from quotad.core.verdict import Verdict
from quotad.dataplane.caller import BrokeOffError, CallerLeftError, Client, RefusedError
from quotad.dataplane.entrance import authenticate_caller, parse, place
from quotad.dataplane.exchange import Exchange
from quotad.dataplane.flow import EMPTY
from quotad.dataplane.heads import Head
from quotad.dataplane.plane import Plane
from quotad.dataplane.relay import Discard
from quotad.dataplane.settling import Desk
from quotad.dataplane.snapshot import Caller

IDLE_S = 86_400.0
"""Proxies keep connections for their next question; who closed first would have it fail."""

FIRST_NUMBER = 1 << 40
"""Request ids of decisions begin here: those of the same process's callers never get so far."""


def listen_for_askers(listen: Listen, rules: Authorize) -> Listen:
    """The bounds of the port on which proxies ask: those of the callers' port, for connections that stay."""
    return replace(
        listen,
        address=rules.address,
        idle_timeout_s=IDLE_S,
        tls=rules.tls,
        proxy_protocol=False,
        trusted_proxies=rules.proxies,
        trusted_header="x-forwarded",
        max_connections_per_address=0,
    )


class Decision(Exchange):
    """One question of a proxy, and its answer."""

    __slots__ = ("_asked_method", "_desk", "_settles")

    def __init__(self, plane: Plane, client: Client, started_s: float, desk: Desk) -> None:
        Exchange.__init__(self, plane, client, started_s)
        self._desk = desk
        self._asked_method = ""
        """Of the request that is asked about; empty until it is known."""
        self._settles = False
        """It tells a status, so it is nobody's request."""

    async def run(self, head: bytes | Head) -> None:
        """Answer the question with this head (see ``Exchange.run``)."""
        refusal: Refusal | None = None
        try:
            try:
                self._read(head)
                if self._line.target.startswith(SETTLE):
                    await self._take_status()
                    return
                caller = await self._decide()
                await self._permit(caller)
            except RefusedError as refused:
                refusal = refused.refusal
            except CallerLeftError:
                self._break_off("client_left")
            except BrokeOffError as broken:
                self._break_off(broken.reason)
            if refusal is not None:
                # Not in the handler, as in ``Exchange.run``.
                await self._refuse(refusal)
        finally:
            self.count()

    def count(self) -> None:
        """It is over; who tells a status has been counted with the request that it is about."""
        if self._settles and self.outcome.status == 204:
            # From now on its connection waits for the next question.
            self.outcome.ended_s = self._plane.clock()
        else:
            super().count()

    def _read(self, head: bytes | Head) -> None:
        """The asking request itself, and whether its sender may ask."""
        plane = self._plane
        self._line, self._fields = line, fields = parse(plane, head, self.outcome)
        self._owed = fields.has_body
        self.keep = (not fields.close if line.minor else fields.keep_alive) and not plane.draining
        if self._client.origin.networks is None or not knows_token(fields, self._desk.rules.token):
            self.keep = False
            raise RefusedError(Refusal("asker_unknown"))
        if fields.hops:
            self._believe(fields.hops)

    async def _take_status(self) -> None:
        self._settles = True
        plane = self._plane
        try:
            request_id, status = settled(self._line)
        except HeadError as error:
            raise RefusedError(Refusal(error.key)) from None
        if not self._desk.book.settle(request_id, status):
            raise RefusedError(Refusal("settle_unknown"))
        self.outcome.status = 204
        discard = self._discard()
        await self._say(taken(self._request_id, plane.date.now(), not self.keep), discard)

    def _look_behind(self) -> None:
        """From here on the request is the one that is asked about."""
        plane, outcome = self._plane, self.outcome
        try:
            said = asked(self._line, self._fields, self._desk.rules)
            if said.host != self._fields.host:
                self._fields = plane.heads.request_fields[with_host(self._fields.block, said.host)]
            self._line = line = plane.heads.request_lines[said.line]
            self._asked_method = line.method_text
            outcome.target = line.target_text
            outcome.host = host_name(line.authority) if line.authority else self._fields.host_name
            check_request(line, self._fields)
        except HeadError as error:
            raise RefusedError(Refusal(error.key)) from None

    async def _decide(self) -> Caller | None:
        """Steps 3 to 5; None: a CORS preflight that passes uncounted. Raises RefusedError."""
        self._look_behind()
        plane, outcome, line, fields = self._plane, self.outcome, self._line, self._fields
        self._entry = entry = place(plane, line, fields, outcome)
        caller = (
            await self._prove(entry)
            if fields.signed and is_signed(fields, entry.auth)
            else authenticate_caller(plane, entry, line, fields, outcome)
        )
        if caller is None:
            return None
        if not entry.throttled:
            await self._reserve_alone(caller.subject)
        else:
            await self._reserve_under(entry, caller.subject)
        self._ask_shadow(caller.shadow)
        return caller

    def _message(self) -> Message:
        """As its caller signed it; without its content, which only some methods are known not to have."""
        line, fields = self._line, self._fields
        has_body = fields.has_body or line.method not in BODILESS
        return super()._message()._replace(authority=line.authority or fields.host, has_body=has_body)

    async def _check_body(self, proof: Proof, check_bytes: int) -> BodyDigest | None:
        """Hold the content to its digest where the proxy sends it along; else that is the backend's to do."""
        if self._fields.has_body and await super()._check_body(proof, check_bytes) is not None:
            raise RefusedError(Refusal("body_unverified"))
        return None

    async def _permit(self, caller: Caller | None) -> None:
        """Count the request, or hold it; then let it pass."""
        plane, outcome, verdict = self._plane, self.outcome, self.verdict
        about = self._entry.anonymous_lines if caller is None else caller.lines
        limits = EMPTY
        if verdict is not None:
            about += self._charge_or_hold(verdict, caller)
            if self._entry.shows_limits:
                limits = limit_headers(verdict)
        outcome.status, outcome.reason = 200, "authorized"
        discard = self._discard()
        await self._say(permit(about, self._request_id, plane.date.now(), limits, not self.keep), discard)

    def _charge_or_hold(self, verdict: Verdict, caller: Caller | None) -> bytes:
        """Answers the header line with which the proxy can tell the status, if it is waited for."""
        plans = [each.plan for each in (verdict.subject, caller and caller.shadow) if each]
        shadow, desk, outcome = self._shadow, self._desk, self.outcome
        if desk.rules.settles and any(plan.quota_condition for plan in plans):
            self._end_throttles(used=True)
            if desk.book.hold(outcome.request_id, verdict, shadow, outcome.secret_id):
                self._settled = True
                return b"X-Quotad-Settle: %b\r\n" % self._request_id
        if shadow is not None:
            shadow.settle(0, hung_up=True)
        self._charge(verdict, counted=True)
        return EMPTY

    async def _say(self, answer: bytes, discard: Discard | None) -> None:
        self.outcome.method = self._asked_method or self.outcome.method
        if self.outcome.status >= 300:
            answer = refusal_for(answer, self._desk.rules.shape)
        await super()._say(answer, discard)


def exchange_for(plane: Plane, client: Client, started_s: float) -> Exchange:
    """What serves the next request of a connection: the port says which of the two it is."""
    desk = plane.desk
    return Exchange(plane, client, started_s) if desk is None else Decision(plane, client, started_s, desk)
