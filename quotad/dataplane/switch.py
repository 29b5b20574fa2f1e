"""What follows a 101 (Switching Protocols): the exchange becomes a tunnel, and is over with it."""

from math import inf

from quotad.core.forwarding import is_answer_to, offered
from quotad.core.limit_headers import limit_headers
from quotad.core.replies import Refusal
from quotad.core.response import SWITCHING, ResponseHead
from quotad.dataplane.admit import Admit
from quotad.dataplane.caller import BUSY, TUNNEL, BrokeOffError, CallerLeftError, RefusedError
from quotad.dataplane.flow import EMPTY, pause
from quotad.dataplane.tunnel import CUT, Tunnel


class Switch(Admit):
    """How an exchange goes on after a 101. The base of ``exchange.Exchange``, which makes it."""

    __slots__ = ("_answered", "_owed", "_tunnel")

    _answered: bool
    """Whether a byte of the final answer went to the caller."""
    _owed: bool
    """Whether the caller may send bytes that nobody will read; ``_upload`` knows better, if there is one."""
    _tunnel: Tunnel
    """Made with a 101."""

    def _head(self, response: ResponseHead, last: bytes) -> bytes:
        """The backend's lines that go on, the limits, and the last line of ours."""
        if not self._entry.shows_limits:
            limits = response.limit_lines
        else:
            limits = EMPTY if self.verdict is None else limit_headers(self.verdict)
        return b"%b%bX-Request-Id: %b\r\n%b\r\n" % (response.lines, limits, self._request_id, last)

    async def _switch(self, response: ResponseHead) -> None:
        """101: it is charged, and from here on bytes go both ways (RFC 9110, section 7.8)."""
        plane, client, outcome, connection = self._plane, self._client, self.outcome, self._connection
        offers = offered(self._line, self._fields, self._entry.rule.upgrades)
        if not self._uploaded or not is_answer_to(response.upgrades, offers):
            raise RefusedError(Refusal("upstream_bad_response"))
        self.settle(SWITCHING)
        if connection is None or self.gone:
            raise CallerLeftError
        stall_s = plane.listen.body_idle_timeout_s
        self._tunnel = tunnel = Tunnel(client, connection, self, self._entry.rule.tunnel_idle_s, stall_s)
        outcome.status = SWITCHING
        outcome.bytes_out = len(head := self._head(response, EMPTY))
        self._answered = True
        connection.stream(tunnel, inf)
        connection.leave_pool()
        began_s = plane.clock()
        plane.recorder.tunnels += 1
        try:
            tunnel.start(head, plane.wheel)
            self._stage = TUNNEL
            how = await pause()
            self._stage = BUSY
        finally:
            plane.recorder.tunnels -= 1
            tunnel.stop()
            outcome.tunnel_s = plane.clock() - began_s
            outcome.bytes_in += tunnel.bytes_in
            outcome.bytes_out += tunnel.bytes_out
        if how == CUT:
            raise BrokeOffError
        outcome.reason = how
        self._owed = not client.ending
        self._connection = None
        connection.finish(stall_s)

    def on_tunnel_over(self, how: str) -> None:
        """The tunnel has ended (``tunnel.TunnelOwner``)."""
        self._client.wake(how)
