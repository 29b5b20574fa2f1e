"""A TCP proxy that breaks connections on purpose: of a Sidecar to its store, of a replica to its primary.

    async with fault_proxy(("127.0.0.1", 6379)) as proxy:
        proxy.port                   # what to connect to
        proxy.cut_after_write()      # the next commands reach the server, their answers reach nobody
        proxy.delay_s = 0.2          # each way

It knows no protocol: it counts and moves bytes. What was done is counted in ``proxy.done``.
"""

import asyncio
import contextlib
import socket
import struct
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from typing import Literal, NamedTuple, cast

from tests.support.waiting import until

Address = tuple[str, int]
Armed = Literal["", "cut before", "cut after"]

_RESET = struct.pack("ii", 1, 0)
_HELD_BYTES = 1 << 20


class FaultProxy:
    """One listening port in front of one server. All fields may be changed at any time."""

    def __init__(self, target: Address) -> None:
        self.target = target
        """Where new connections lead; those that stand stay where they are."""
        self.port = 0
        self.delay_s = 0.0
        """How much later each piece goes on, in each direction; order is kept."""
        self.refuses = False
        """New connections are reset at once."""
        self.stalled = False
        """Half open: connections are taken and nothing goes on, in either direction, until ``resume``."""
        self.swallows_replies = False
        """What the server says is dropped; the connection stays."""
        self.done: Counter[str] = Counter()
        """What was done, by name: connections, cut before, cut after, replies lost, reset, stalled."""
        self.pairs: set[Pair] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on a free loopback port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Pair(self).client, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Reset everything, and listen no more."""
        self.refuses = True
        if self._server is not None:
            self._server.close()
        self.reset()
        await until(lambda: not self.pairs)

    def reset(self) -> int:
        """RST on every connection, both sides; answers how many there were."""
        pairs = list(self.pairs)
        for pair in pairs:
            pair.reset()
        self.done["reset"] += len(pairs)
        return len(pairs)

    def cut_before_write(self) -> int:
        """The next thing that each client says is lost, and its connection with it."""
        return self._arm("cut before")

    def cut_after_write(self) -> int:
        """The next thing that each client says reaches the server; the answer is lost with the connection."""
        return self._arm("cut after")

    def disarm(self) -> None:
        """Cut nothing that has not been cut yet."""
        self._arm("")

    def stall(self) -> None:
        """Nothing goes on until ``resume``: the peers see neither an end nor a byte."""
        self.stalled = True
        self.done["stalled"] += len(self.pairs)

    def resume(self) -> None:
        """What was held goes on."""
        self.stalled = False
        for pair in list(self.pairs):
            pair.pump()

    def _arm(self, armed: Armed) -> int:
        for pair in self.pairs:
            pair.armed = armed
        return len(self.pairs)


class Pair:
    """One client's connection and the one to the server that belongs to it."""

    def __init__(self, proxy: FaultProxy) -> None:
        self.proxy = proxy
        self.armed: Armed = ""
        self.client = Side(self)
        self.server = Side(self)
        self.client.peer, self.server.peer = self.server, self.client
        self._asked_since_armed = False
        self._connecting: asyncio.Task[None] | None = None

    def opened(self, side: "Side") -> None:
        """The client is there: find the server."""
        if side is self.server:
            return
        self.proxy.pairs.add(self)
        if self.proxy.refuses:
            self.reset()
            return
        self.proxy.done["connections"] += 1
        self._connecting = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: self.server, *self.proxy.target)
        except OSError:
            self.reset()
        else:
            self.pump()

    def said(self, side: "Side", data: bytes) -> None:
        """A piece arrived from one side."""
        proxy = self.proxy
        if side is self.client:
            if self.armed == "cut before":
                proxy.done["cut before"] += 1
                self.reset()
                return
            self._asked_since_armed = bool(self.armed)
        elif self.armed == "cut after" and self._asked_since_armed:
            proxy.done["cut after"] += 1
            self.reset()
            return
        elif proxy.swallows_replies:
            proxy.done["replies lost"] += 1
            return
        side.peer.take(data, proxy.delay_s)

    def lost(self, side: "Side") -> None:
        """One side is gone: the other one follows, once it was told everything."""
        if side is self.client or not self.client.takes:
            self.reset()
        else:
            side.peer.take(b"", self.proxy.delay_s)
        if self.client.is_gone and self.server.is_gone:
            self.proxy.pairs.discard(self)

    def pump(self) -> None:
        """Send on what is due."""
        self.client.pump()
        self.server.pump()

    def reset(self) -> None:
        """RST on both sides; what was held is lost."""
        if self._connecting is not None:
            self._connecting.cancel()
        self.client.reset()
        self.server.reset()
        if self.client.is_gone and self.server.is_gone:
            self.proxy.pairs.discard(self)


class _Piece(NamedTuple):
    due_s: float
    data: bytes
    """Empty: the end."""


class Side(asyncio.Protocol):
    """One of the two connections of a Pair."""

    peer: "Side"

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._held: deque[_Piece] = deque()
        self._held_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self.takes = False
        """Connected, and not closing."""
        self.is_gone = False

    @property
    def holds(self) -> int:
        """Bytes that are not sent on to this side yet."""
        return self._held_bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Tell the Pair."""
        # uvloop's transports are asyncio's in all but their ancestry.
        self._transport = cast("asyncio.Transport", transport)
        self.takes = True
        self._pair.opened(self)

    def data_received(self, data: bytes) -> None:
        """Hand it to the Pair."""
        self._pair.said(self, bytes(data))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the Pair."""
        self._end()
        self._pair.lost(self)

    def pause_writing(self) -> None:
        """This side reads slowly: the other one is read no further."""
        self.peer.read(go_on=False)

    def resume_writing(self) -> None:
        """Read on."""
        self.peer.read(go_on=True)

    def read(self, go_on: bool) -> None:
        """Stop or go on reading from this side."""
        transport = self._transport
        if transport is not None and self.takes and not transport.is_closing():
            act: Callable[[], None] = transport.resume_reading if go_on else transport.pause_reading
            act()

    def take(self, data: bytes, delay_s: float) -> None:
        """To be written to this side, after the delay and after all that came before."""
        self._held.append(_Piece(self._loop.time() + delay_s, data))
        self._held_bytes += len(data)
        if self._held_bytes > _HELD_BYTES:
            self.peer.read(go_on=False)
        self.pump()

    def pump(self) -> None:
        """Write what is due; come back for the rest."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self.takes or self._pair.proxy.stalled:
            return
        assert self._transport is not None
        now_s = self._loop.time()
        held_much = self._held_bytes > _HELD_BYTES
        while self._held and self._held[0].due_s <= now_s:
            piece = self._held.popleft()
            self._held_bytes -= len(piece.data)
            if not piece.data:
                self.takes = False
                self._transport.close()
                return
            self._transport.write(piece.data)
        if held_much and self._held_bytes <= _HELD_BYTES:
            self.peer.read(go_on=True)
        if self._held:
            self._timer = self._loop.call_at(self._held[0].due_s, self.pump)

    def reset(self) -> None:
        """RST. A side that never connected is gone at once."""
        transport = self._transport
        if transport is None:
            self._end()
        elif not self.is_gone:
            self.takes = False
            sock = transport.get_extra_info("socket")
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            transport.abort()

    def _end(self) -> None:
        self.takes = False
        self.is_gone = True
        self._held.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


@contextlib.asynccontextmanager
async def fault_proxy(target: Address) -> AsyncIterator[FaultProxy]:
    """A started proxy, gone afterwards."""
    proxy = FaultProxy(target)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.close()
