"""The data plane between a caller and a backend that are made of nothing: no socket, no kernel, no store.

What is left is quotad's own work on a request, on uvloop's calls. Bytes that it writes to the backend
come back as an answer in the next turn of the loop, bytes that it writes to the caller bring the next
request.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import uvloop

from bench.micro.exchange import BODY, RESPONSE, Admit
from quotad.config.model import Address, Listen, Route, UpstreamAddress
from quotad.core.plans import Binding, Secret, Service, UsagePlan
from quotad.core.table import PlanTable
from quotad.dataplane.connection import Connection
from quotad.dataplane.crowd import Crowd, most_connections
from quotad.dataplane.flow import Wheel
from quotad.dataplane.plane import Plane
from quotad.dataplane.snapshot import Snapshot, SnapshotHolder
from quotad.telemetry.metrics import Recorder

CALLERS = 200
CONNECTIONS = 32
_PLACE = ("service-bench", "release")


class Nothing(asyncio.Transport):
    """A transport that takes bytes and hands them to a function."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        super().__init__()
        self._take = take

    def write(self, data: Any) -> None:
        self._take(bytes(data))

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Nobody has an address."""
        return default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is kept."""

    def get_write_buffer_size(self) -> int:
        """Nothing is kept."""
        return 0

    def is_closing(self) -> bool:
        """Never: the loop ends first."""
        return False

    def pause_reading(self) -> None:
        """Nobody sends faster than it is read."""

    def resume_reading(self) -> None:
        """Nobody sends faster than it is read."""

    def close(self) -> None:
        """Nothing is open."""

    def abort(self) -> None:
        """Nothing is open."""


class StillLoop(uvloop.Loop):
    """A loop whose connections lead to backends made of nothing."""

    async def create_connection(self, protocol_factory: Any, *args: Any, **kwargs: Any) -> Any:
        """Connected at once; each head that is written is answered in the next turn."""
        protocol = protocol_factory()

        def answer(data: bytes) -> None:
            self.call_soon(protocol.data_received, RESPONSE * data.count(b"\r\n\r\n"))

        transport = Nothing(answer)
        protocol.connection_made(transport)
        return transport, protocol


class Caller:
    """A connection that asks again as soon as it was answered, while there is something left to ask."""

    def __init__(self, plane: Plane, crowd: Crowd, world: "World") -> None:
        self._world = world
        self._connection = Connection(plane, crowd)
        self._connection.connection_made(Nothing(self._answered))

    def ask(self) -> None:
        """Send the next request."""
        self._connection.data_received(self._world.next_request())

    def _answered(self, data: bytes) -> None:
        if data.startswith(b"HTTP/1.1") and not data.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"not admitted: {data[:200]!r}")
        if data.endswith(BODY):
            self._world.answered(self)


class World:
    """All of it. Made and used on a running ``StillLoop``."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        plane, crowd = _plane(loop)
        self._loop = loop
        self._requests = [_request(number) for number in range(CALLERS)]
        self._callers = [Caller(plane, crowd, self) for _ in range(CONNECTIONS)]
        self._asked = self._wanted = self._last = 0
        self.answers = 0
        """Of the present ``exchange``."""
        self._done: asyncio.Future[None] = loop.create_future()

    async def exchange(self, count: int) -> None:
        """So many requests, from the first byte of the first to the last byte of the last."""
        self.answers, self._wanted = 0, count
        self._done = self._loop.create_future()
        asking = self._callers[:count]
        self._asked = len(asking)
        for caller in asking:
            caller.ask()
        await self._done

    def next_request(self) -> bytes:
        """Of the next caller."""
        self._last = (self._last + 1) % CALLERS
        return self._requests[self._last]

    def answered(self, caller: Caller) -> None:
        """One of them was."""
        self.answers += 1
        if self.answers == self._wanted:
            self._done.set_result(None)
        elif self._asked < self._wanted:
            self._asked += 1
            self._loop.call_soon(caller.ask)


def run(main: Callable[[World], Any]) -> Any:
    """What ``main`` returns, run in such a world."""

    async def lived() -> Any:
        return await main(World())

    with asyncio.Runner(loop_factory=StillLoop) as runner:
        return runner.run(lived())


def _plane(loop: asyncio.AbstractEventLoop) -> tuple[Plane, Crowd]:
    plan = UsagePlan("usagePlan-bench", "bench", rate_rps=1000)
    keys = [Secret(f"s{n}", _id(n), _key(n).encode()) for n in range(CALLERS)]
    binding = Binding(plan.usage_plan_id, tuple(key.secret_id for key in keys), (_PLACE,))  # type: ignore[arg-type]
    table = PlanTable([Service("service-bench", "bench")], [plan], keys, [binding])
    route = Route("", "/", *_PLACE, (UpstreamAddress("127.0.0.1", 9),))  # type: ignore[arg-type]
    recorder = Recorder()
    recorder.configure((route,), table)
    snapshot = Snapshot((route,), table)
    wheel = Wheel()
    plane = Plane(Listen(Address("127.0.0.1", 0)), SnapshotHolder(snapshot), Admit(), recorder, wheel)
    wheel.start(loop)
    plane.adopt(snapshot)
    return plane, Crowd(most_connections(0, 0), 0)


def _request(number: int) -> bytes:
    return (
        f"GET /items/42?page=1 HTTP/1.1\r\nHost: bench.example\r\nUser-Agent: bench\r\nAccept: */*\r\n"
        f"X-Secret-Id: {_id(number)}\r\nX-Secret-Key: {_key(number)}\r\n\r\n"
    ).encode()


def _id(number: int) -> str:
    return f"AKID{number:036d}"


def _key(number: int) -> str:
    return f"{number:032d}"
