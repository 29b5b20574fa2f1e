"""The callers' port: opened, drained, closed."""

import asyncio
import contextlib
import os

from quotad.config.model import Listen
from quotad.core.verdict import Admission
from quotad.dataplane.arrival import Porch
from quotad.dataplane.connection import Crowd
from quotad.dataplane.flow import Wheel
from quotad.dataplane.nonces import FleetNonces
from quotad.dataplane.own_use import OwnUse
from quotad.dataplane.plane import Plane, Recorder, Shares
from quotad.dataplane.snapshot import SnapshotHolder

BACKLOG = 1024


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
        self._crowd = Crowd()
        self._server: asyncio.Server | None = None
        self._plane: Plane | None = None
        self._porch: Porch | None = None

    async def start(self, shared: bool = False) -> int:
        """Open the port; answers its number. Raises OSError when it cannot be bound.

        ``shared``: other processes of this user may listen on it too (SO_REUSEPORT); the kernel gives
        each new connection to one of them.
        """
        loop = asyncio.get_running_loop()
        plane = Plane(self._listen, self._snapshot, self._admission, self._recorder, self._wheel)
        plane.own_use = self._own_use
        plane.id_prefix = self.id_prefix
        plane.shares = self.shares
        plane.fleet_nonces = self.fleet_nonces
        address = self._listen.address
        self._porch = porch = Porch(plane, self._crowd)
        self._server = await loop.create_server(
            porch.receive,
            address.host or None,
            address.port,
            backlog=BACKLOG,
            reuse_port=shared or None,
        )
        self._plane = plane
        self._wheel.start(loop)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def is_open(self) -> bool:
        """Whether callers are accepted."""
        return self._server is not None and self._server.is_serving()

    @property
    def connections(self) -> int:
        """How many callers are connected, or have left a request that is not over."""
        return len(self._crowd)

    async def drain(self, grace_s: float) -> None:
        """Accept no more, and let what is in flight end.

        Answers that are being made go out with ``Connection: close``; what is not over after ``grace_s``
        is cut off. Every admitted request is settled or released at the end.
        """
        self._stop_accepting()
        if self._plane is not None:
            self._plane.draining = True
        for connection in tuple(self._crowd):
            connection.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._crowd.gone()
        await self.close()

    async def close(self) -> None:
        """Cut off everybody, and let go of the backends."""
        self._stop_accepting()
        for connection in tuple(self._crowd):
            connection.abandon()
        await self._crowd.gone()
        if self._plane is not None:
            self._plane.upstreams.close()
        self._wheel.stop()

    def _stop_accepting(self) -> None:
        if self._server is not None:
            self._server.close()
        if self._porch is not None:
            self._porch.close()
