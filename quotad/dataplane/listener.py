"""The callers' port: opened, drained, closed."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Sequence
from typing import NamedTuple

from quotad import sockets
from quotad.config.model import Authorize, Listen
from quotad.core.verdict import Admission, Verdict
from quotad.dataplane.arrival import Porch
from quotad.dataplane.crowd import Crowd, most_connections
from quotad.dataplane.decision import FIRST_NUMBER
from quotad.dataplane.fleet import Upstreams
from quotad.dataplane.flow import Wheel
from quotad.dataplane.nonces import FleetNonces
from quotad.dataplane.own_use import OwnUse
from quotad.dataplane.plane import Plane, Recorder, Shares
from quotad.dataplane.sampling import Sampler
from quotad.dataplane.settling import Desk, SettleBook
from quotad.dataplane.snapshot import SnapshotHolder

BACKLOG = 4096
"""Connected and not accepted yet; the system's own bound (somaxconn) may be less."""

IDLE_S = 0.5
"""While draining: how long a connection may have no request; who has just connected sends one by then."""

LAST_S = 1.0
"""Before the grace is over: idle connections end in order, not by being cut off."""

ROUND_TRIP_S = 0.25
"""Longer than a segment of a caller's and its acknowledgement are on their way."""


class Door(NamedTuple):
    """Where callers are accepted."""

    server: asyncio.Server
    listening: socket.socket


class Listener:
    """Accepts callers and serves them. Lives on one event loop."""

    def __init__(
        self,
        listen: Listen,
        snapshot: SnapshotHolder,
        admission: Admission,
        recorder: Recorder,
        wheel: Wheel | None = None,
        own_use: OwnUse | None = None,
    ) -> None:
        self._listen = listen
        self._snapshot = snapshot
        self._admission = admission
        self._recorder = recorder
        self._wheel = wheel or Wheel()
        self._own_use = own_use
        self.id_prefix = os.urandom(6).hex()
        """Of its request ids, unlike any other process's; to be changed before ``start``."""
        self.shares: Shares | None = None
        """Who keeps use by Secret; likewise."""
        self.fleet_nonces: FleetNonces | None = None
        """Who keeps signatures' nonces for all processes; likewise."""
        self.sampler: Sampler | None = None
        """Who says which requests are recorded as spans; likewise."""
        self.authorize: Authorize | None = None
        """Set: other proxies ask on this port, instead of callers; likewise."""
        self.beside: Listener | None = None
        """Opened before, in the same process: a nonce that was used there is used here too; likewise."""
        self._desk: Desk | None = None
        rules = [entry.rule for entry in snapshot.current.entries]
        pooled = sum(rule.pool_connections * len(rule.upstreams) for rule in rules) + listen.max_tunnels
        self.crowd = Crowd(
            most_connections(listen.max_connections, pooled), listen.max_connections_per_address
        )
        """Who is connected."""
        self._own: list[socket.socket] = []
        self._doors: dict[int, Door] = {}
        """By the descriptor of the socket that each was made for."""
        self._plane: Plane | None = None
        self._porch: Porch | None = None

    async def start(self) -> int:
        """Open the port; answers its number. Raises OSError when it cannot be bound."""
        address = self._listen.address
        port = address.port
        try:
            for place in sockets.places(address.host, port):
                self._own.append(sockets.bind(place, port, shared=False))
                port = self._own[-1].getsockname()[1]
            await self.serve_on(self._own)
        except OSError:
            self._let_go()
            raise
        return port

    async def serve_on(self, listening: Sequence[socket.socket]) -> None:
        """From now on callers are accepted from these bound sockets, and from no other. Raises OSError.

        They stay the caller's, who may have others accept from them too: what is let go of is not closed
        for those who wait there.
        """
        porch = self._open() if self._porch is None else self._porch
        for number in self._doors.keys() - {each.fileno() for each in listening}:
            self._doors.pop(number).server.close()
        for each in listening:
            if each.fileno() not in self._doors:
                self._doors[each.fileno()] = await _door(porch, each.dup())

    def _open(self) -> Porch:
        plane = Plane(self._listen, self._snapshot, self._admission, self._recorder, self._wheel)
        plane.own_use = self._own_use
        plane.id_prefix = self.id_prefix
        plane.shares = self.shares
        plane.sampler = self.sampler
        plane.fleet_nonces = self.fleet_nonces
        beside = None if self.beside is None else self.beside.plane
        if beside is not None:
            plane.nonces, plane.auth_failures = beside.nonces, beside.auth_failures
        self._plane = plane
        self._porch = porch = Porch(plane, self.crowd)
        self._wheel.start(asyncio.get_running_loop())
        if self.authorize is None:
            plane.adopt(self._snapshot.current)
            self._snapshot.watchers.append(plane.adopt)
        else:
            book = SettleBook(self._wheel, self.authorize.settle_s, self._charge)
            self._desk = plane.desk = Desk(self.authorize, book)
            plane.requests = FIRST_NUMBER
        return porch

    def _charge(self, verdict: Verdict, counted: bool, secret_id: str) -> None:
        if counted and self.shares is not None and not verdict.subject.secret_id:
            self.shares.count(verdict, secret_id)
        self._admission.settle(verdict, counted)

    @property
    def is_open(self) -> bool:
        """Whether callers are accepted."""
        return bool(self._doors) and self._plane is not None and not self._plane.draining

    @property
    def plane(self) -> Plane | None:
        """What its connections share; None before ``start``."""
        return self._plane

    @property
    def upstreams(self) -> Upstreams | None:
        """The backends; None before ``start``."""
        return None if self._plane is None else self._plane.upstreams

    @property
    def statuses_told(self) -> dict[str, int]:
        """What became of the requests that were held for their status, by ``SettleBook.told``."""
        return {} if self._desk is None else self._desk.book.told

    @property
    def refused(self) -> dict[str, int]:
        """By reason: connections that were closed unserved."""
        crowd, porch = self.crowd, self._porch
        arriving = 0 if porch is None else porch.refused
        return {**crowd.refused, "arriving": arriving, "made_room": crowd.replaced}

    @property
    def connections(self) -> int:
        """How many callers are connected, or have left a request that is not over."""
        return len(self.crowd)

    async def drain(self, grace_s: float, *, handed_over: bool = False) -> None:
        """Accept no more, and let what is in flight end.

        Answers that are being made go out with ``Connection: close``; who is idle is sent away soon. What
        is not over after ``grace_s`` is cut off. Every admitted request is settled or released at the end.
        ``handed_over``: somebody else accepts from the same sockets, so nobody need hurry: connections
        may wait for one more request nearly as long as ``grace_s``.
        """
        plane = self._plane
        if plane is not None:
            plane.draining = True
            plane.drain_idle_s = max(grace_s - LAST_S, grace_s / 2) if handed_over else min(IDLE_S, grace_s)
        for connection in tuple(self.crowd):
            connection.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                if not handed_over:
                    await self._accept_the_last()
                self._let_go()
                if self._porch is not None:
                    await self._porch.gone()
                await self.crowd.gone()
        await self.close()

    async def close(self) -> None:
        """Cut off everybody, and let go of the backends."""
        self._let_go()
        if self._porch is not None:
            self._porch.close()
        for connection in tuple(self.crowd):
            connection.abandon()
        await self.crowd.gone()
        if self._desk is not None:
            self._desk.book.close()
        elif self._plane is not None:
            self._snapshot.watchers.clear()
            self._plane.upstreams.close()
        self._wheel.stop()

    async def _accept_the_last(self) -> None:
        """Let nobody be reset who is connected already and waits to be accepted."""
        listening = [door.listening for door in self._doors.values()]
        for each in listening:
            sockets.admit_no_more(each)
        # For who has been answered by the kernel, and whose own answer is on its way.
        await asyncio.sleep(ROUND_TRIP_S)
        while any(map(sockets.has_waiting, listening)):  # noqa: ASYNC110 - the kernel tells of no such event
            await asyncio.sleep(0)

    def _let_go(self) -> None:
        while self._doors:
            self._doors.popitem()[1].server.close()
        while self._own:
            self._own.pop().close()


async def _door(porch: Porch, copy: socket.socket) -> Door:
    try:
        sockets.keep_alive(copy)
        copy.setblocking(False)
        loop = asyncio.get_running_loop()
        return Door(await loop.create_server(porch.receive, sock=copy, backlog=BACKLOG), copy)
    except OSError:
        copy.close()
        raise
