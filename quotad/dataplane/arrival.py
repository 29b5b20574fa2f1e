"""What comes before a caller's first request: a PROXY header, then a TLS handshake, each as configured.

Until both are over there is no ``Connection``: whoever never gets so far costs little, for a bounded
time, and is one of a bounded number.
"""

import asyncio
from math import inf
from typing import cast

from quotad.core.client_address import plain_address
from quotad.core.proxy_protocol import ProxyProtocolError, read_header
from quotad.dataplane.connection import Connection
from quotad.dataplane.crowd import Crowd
from quotad.dataplane.flow import EMPTY, Timed
from quotad.dataplane.plane import Plane
from quotad.dataplane.tls import Pace, Tls

MAX_ARRIVALS = 512
"""Where there is no TLS that says its own number."""


class Porch:
    """Everybody who has connected and may not speak yet."""

    __slots__ = ("_arrivals", "_empty", "_most", "crowd", "pace", "plane", "refused", "timeout_s")

    def __init__(self, plane: Plane, crowd: Crowd) -> None:
        self.plane = plane
        self.crowd = crowd
        self.pace = Pace()
        tls = plane.listen.tls
        self.timeout_s = plane.listen.head_timeout_s if tls is None else tls.handshake_timeout_s
        self._most = MAX_ARRIVALS if tls is None else tls.max_handshakes
        self._arrivals: set[Arrival] = set()
        self._empty = asyncio.Event()
        self.refused = 0
        """Connections that were closed because too many were arriving."""

    def __len__(self) -> int:
        return len(self._arrivals)

    def receive(self) -> asyncio.Protocol:
        """A protocol for a new connection."""
        listen = self.plane.listen
        if listen.tls is None and not listen.proxy_protocol:
            return Connection(self.plane, self.crowd)
        return Arrival(self)

    def enter(self, arrival: "Arrival") -> bool:
        """Whether there is room for one more."""
        if len(self._arrivals) >= self._most:
            self.refused += 1
            return False
        self._arrivals.add(arrival)
        return True

    def leave(self, arrival: "Arrival") -> None:
        """It may speak now, or is gone."""
        self._arrivals.discard(arrival)
        if not self._arrivals:
            self._empty.set()

    async def gone(self) -> None:
        """Wait until nobody is arriving."""
        while self._arrivals:
            self._empty.clear()
            await self._empty.wait()

    def close(self) -> None:
        """Nobody may come in any more."""
        for arrival in tuple(self._arrivals):
            arrival.send_away()


class Arrival(asyncio.Protocol, Timed):
    """One connection that has not got so far. Reads the PROXY header; the handshake is ``Tls``'s."""

    __slots__ = ("_address", "_porch", "_seen", "_transport")

    _transport: asyncio.Transport

    def __init__(self, porch: Porch) -> None:
        Timed.__init__(self)
        self._porch = porch
        self._seen = EMPTY
        self._address = ""
        """The caller's, where a PROXY header says so."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody has connected."""
        self._transport = cast(asyncio.Transport, transport)
        porch = self._porch
        if not porch.enter(self):
            self._transport.abort()
            return
        plane = porch.plane
        plane.wheel.arm(self, plane.clock() + porch.timeout_s)
        if not plane.listen.proxy_protocol:
            self._go_on(EMPTY, self._peer())
        elif plane.networks and not plane.networks.trust(self._peer()):
            self.send_away()

    def data_received(self, data: bytes) -> None:
        """Bytes of the PROXY header, and perhaps of what follows."""
        self._seen += data
        try:
            header = read_header(self._seen)
        except ProxyProtocolError:
            self.send_away()
            return
        if header is not None:
            self._address = header.source
            rest = self._seen[header.length :]
            self._seen = EMPTY
            self._go_on(rest, plain_address(self._address) or self._peer())

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone before it had said who it is."""
        self._failed(exc)

    def on_deadline(self, now_s: float) -> None:
        """It took too long."""
        self.send_away()

    def send_away(self) -> None:
        """End it."""
        self.leave()
        self._transport.abort()

    def _failed(self, _: Exception | None) -> None:
        self.leave()

    def leave(self) -> None:
        """It is no arrival any more."""
        self.deadline_s = inf
        self._porch.leave(self)

    def _peer(self) -> str:
        peer = self._transport.get_extra_info("peername")
        return plain_address(peer[0]) if isinstance(peer, tuple) else ""

    def _go_on(self, rest: bytes, address: str) -> None:
        """``address``: the caller's, as far as it is known."""
        networks = self._porch.plane.networks
        # Before the handshake, which costs more than all that has been so far.
        if not (networks and networks.trust(address)) and not self._porch.crowd.has_room_at(address):
            self.send_away()
            return
        plane = self._porch.plane
        current = plane.snapshot.current
        context = current.tls if plane.desk is None else current.asking_tls
        following: asyncio.Protocol
        if context is None:
            following = self._greet()
        else:
            following = Tls(context, None, self._greet, self._failed, self._porch.pace.enter)
        self._transport.set_protocol(following)
        following.connection_made(self._transport)
        if rest:
            following.data_received(rest)

    def _greet(self) -> Connection:
        self.leave()
        return Connection(self._porch.plane, self._porch.crowd, self._address)
