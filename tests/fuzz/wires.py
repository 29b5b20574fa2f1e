"""Both ends of a data plane without a network: every byte in order, every moment under control."""

import asyncio
from collections.abc import Callable
from typing import Any

from quotad.config.health_model import HealthRules
from quotad.core.health import Health
from quotad.dataplane.connection import HEAD, TURN
from quotad.dataplane.connection import Connection as CallerConnection
from quotad.dataplane.crowd import Crowd
from quotad.dataplane.fleet import Place
from quotad.dataplane.flow import Wheel
from quotad.dataplane.plane import Plane
from quotad.dataplane.snapshot import SnapshotHolder
from quotad.dataplane.upstream import Connection as BackendConnection
from quotad.dataplane.upstream import Responses, User
from tests.support.dataplane import LISTEN, Gate, Outcomes, route, snapshot

FAR_S = 3600.0
"""Beyond every deadline."""


class Wire(asyncio.Transport):
    """What quotad holds of a connection. Nothing happens on it but what ``World`` lets happen."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = bytearray()
        self.closed = False
        self.aborted = False
        self.half_closed = False
        self.paused = False
        self.lost = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("192.0.2.1", 4711) if name == "peername" else default

    def is_closing(self) -> bool:
        return self.closed

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self.closed:
            assert not self.half_closed, "written after the end"
            self.sent += data

    def write_eof(self) -> None:
        self.half_closed = True

    def can_write_eof(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Backends:
    """Every backend of the plane (``fleet.Upstreams``, ``Fleet``, ``Backend``): connected at once."""

    name = "backend"

    def __init__(self, wheel: Wheel, plane: Plane) -> None:
        self.wheel = wheel
        self.responses: Responses = plane.heads.responses
        self.wires: list[tuple[BackendConnection, Wire]] = []
        self.idle: list[BackendConnection] = []
        self.health = Health(HealthRules())

    def fleet(self, place: Place) -> "Backends":
        return self

    def pick(self) -> "Backends":
        return self

    def next_unsent(self, tried: list[object]) -> None:
        """There is no other."""

    def next_unanswered(self, tried: list[object], stale: bool) -> "Backends | None":
        return self if stale and len(tried) == 1 else None

    def failed(self, answered: bool) -> None:
        """It is not left out."""

    def acquire(self, user: User) -> BackendConnection:
        while self.idle:
            connection = self.idle.pop()
            if not connection.closed:
                connection.user = user
                return connection
        connection = BackendConnection(self)
        wire = Wire()
        connection.connection_made(wire)
        connection.user = user
        self.wires.append((connection, wire))
        return connection

    def keep(self, connection: BackendConnection, now_s: float) -> None:
        self.idle.append(connection)

    def left(self, connection: BackendConnection | None) -> None:
        pass


class World:
    """One caller, the plane, and what is behind it. Made on a running loop, which has nothing to do."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.wheel = Wheel(clock=self.clock)
        self.gate, self.outcomes, self.crowd = Gate(), Outcomes(), Crowd()
        self.gate.at_once = True
        holder = SnapshotHolder(snapshot(route(1)))
        self.plane = Plane(LISTEN, holder, self.gate, self.outcomes, self.wheel)
        self.backends = Backends(self.wheel, self.plane)
        self.plane.upstreams = self.backends  # type: ignore[assignment]
        self.broken: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: self.broken.append(context))
        self.caller = CallerConnection(self.plane, self.crowd)
        self.wire = Wire()
        self.caller.connection_made(self.wire)

    @property
    def is_idle(self) -> bool:
        """Whether the caller has nothing to wait for and may ask again."""
        return self.caller._phase == HEAD and not self.caller.ahead and not self.wire.closed

    def feed(self, pieces: list[bytes], between: Callable[[], None]) -> None:
        """The caller sends; ``between`` lets the backends do something after each piece."""
        for piece in pieces:
            if self.wire.closed:
                break
            if self.wire.paused:
                between()
            if not self.wire.paused:
                self.caller.data_received(piece)
            self.take_turns()
            between()

    def take_turns(self) -> None:
        """What the loop would do in its next turns: nobody else is there."""
        while self.caller._phase == TURN:
            self.caller._take_turn()

    def end(self) -> None:
        """The caller says that it sends no more, and time passes until nothing can be waited for."""
        if not self.wire.closed:
            self.caller.eof_received()
        self.take_turns()
        self.lose()
        for _ in range(4):
            self.take_turns()
            self.clock.now_s += FAR_S
            self.wheel.advance(self.clock.now_s)
            self.lose()

    def lose(self) -> None:
        """Connections that were closed are gone, as the loop would say in its next turn."""
        for protocol, wire in [(self.caller, self.wire), *self.backends.wires]:
            if wire.closed and not wire.lost:
                wire.lost = True
                protocol.connection_lost(None)
