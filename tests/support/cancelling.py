"""A caller that leaves, or a listener that closes, at one chosen point of a request's life.

A point is a moment in which the coroutine of a connection has come to wait: an ``await pause()`` that it
reached. ``Watch`` counts them and strikes at one; what comes after is up to the real parts.
"""

import ast
import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, Literal

import quotad.dataplane
from quotad.dataplane.connection import FLUSH, Connection
from quotad.dataplane.crowd import Crowd
from quotad.dataplane.plane import Plane
from tests.support.rawhttp import Raw

Mode = Literal["reset", "wire", "half", "abandon"]
MODES: tuple[Mode, ...] = ("reset", "wire", "half", "abandon")
"""``reset``: the caller's connection is gone, and that is known at this very point. ``wire``: the caller
resets it, and the loop hears of it when it does. ``half``: the caller says that it sends no more, known at
this very point. ``abandon``: the listener is closing and ends what goes on."""

FLUSHING = 100
"""Beside the stages of ``dataplane.caller``: a connection that waits for its caller to take answers."""

NARROW_BYTES = 4096

Place = tuple[str, int]
"""File name and line of an ``await pause()``."""


def every_place() -> set[Place]:
    """Each ``await pause()`` in the data plane's sources."""
    folder = Path(quotad.dataplane.__file__ or "").parent
    found = set()
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Await) and ast.unparse(node.value) == "pause()":
                found.add((path.name, node.lineno))
    return found


class Watch:
    """Counts the points that connections reach, and strikes at the ``strike``-th; 0: at none."""

    def __init__(self, mode: Mode = "reset", strike: int = 0, narrow: bool = False) -> None:
        self.mode = mode
        self._strike = strike
        self.waited: Counter[int] = Counter()
        """How often connections waited in each stage of ``dataplane.caller``, or in ``FLUSHING``."""
        self._callers: dict[int, Raw] = {}
        self._owed: dict[int, Callable[[Raw], None]] = {}
        self.narrow = narrow
        """Little fits between a connection and its caller."""
        self.places: list[Place] = []
        """The points reached, in order."""
        self.struck = False
        self.over = False
        """True: what happens from now on is no part of it."""

    @contextlib.asynccontextmanager
    async def caller(self, port: int) -> AsyncIterator[Raw]:
        """A connection to the plane's port, whose other end is watched."""
        endpoint = socket.socket()
        if self.narrow:
            endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW_BYTES)
        endpoint.setblocking(False)
        await asyncio.get_running_loop().sock_connect(endpoint, ("127.0.0.1", port))
        own_port = endpoint.getsockname()[1]
        caller = Raw(*await asyncio.open_connection(sock=endpoint, limit=1 << 20))
        self._callers[own_port] = caller
        if own_port in self._owed:
            self._owed[own_port](caller)
        try:
            yield caller
        finally:
            caller.writer.close()

    def waits(self, connection: "Watched", coroutine: Coroutine[Any, Any, None]) -> None:
        """The connection's coroutine has come to wait."""
        if self.over:
            return
        self.places.append(_place(coroutine))
        self.waited[FLUSHING if connection.phase == FLUSH else connection.stage] += 1
        if len(self.places) == self._strike:
            self.struck = True
            if connection.is_new:
                # A transport that is being made takes no orders yet, and nothing happens on it.
                asyncio.get_running_loop().call_soon(self._hit, connection)
            else:
                self._hit(connection)

    def _hit(self, connection: "Watched") -> None:
        if self.mode == "abandon":
            connection.abandon()
        elif self.mode == "half":
            self._let(connection, lambda caller: caller.writer.write_eof())
            connection.eof_received()
        else:
            self._let(connection, Raw.reset)
            if self.mode == "reset":
                connection.connection_lost(ConnectionResetError())

    def _let(self, connection: "Watched", act: Callable[[Raw], None]) -> None:
        """Have the caller do it, when it is that far; one that has left already does nothing more."""
        caller = self._callers.get(connection.caller_port)
        if caller is None:
            self._owed[connection.caller_port] = act
        elif not caller.writer.is_closing():
            act(caller)


class _Steps:
    """The coroutine of a connection, seen from outside."""

    def __init__(self, connection: "Watched", coroutine: Coroutine[Any, Any, None]) -> None:
        self._connection = connection
        self._coroutine = coroutine

    def send(self, value: Any) -> None:
        self._coroutine.send(value)
        self._connection.watch.waits(self._connection, self._coroutine)

    def throw(self, error: Exception) -> None:
        self._coroutine.throw(error)
        self._connection.watch.waits(self._connection, self._coroutine)

    def close(self) -> None:
        self._coroutine.close()


class Watched(Connection):
    """A caller's connection that tells where it waits, and hears of an end once."""

    def __init__(self, plane: Plane, crowd: Crowd, watch: Watch) -> None:
        super().__init__(plane, crowd)
        self.watch = watch
        self.caller_port = 0
        self.is_new = True
        self._ended = False
        self._lost = False
        self._coroutine: Any = _Steps(self, self._coroutine)
        self.wake = self._coroutine.send

    @property
    def phase(self) -> int:
        """What it is doing (``dataplane.connection``)."""
        return self._phase

    @property
    def stage(self) -> int:
        """What its exchange waits for (``dataplane.caller``); negative without one."""
        return -1 if self._exchange is None else self._exchange._stage

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.caller_port = transport.get_extra_info("peername")[1]
        super().connection_made(transport)
        self.is_new = False
        if self.watch.narrow:
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, NARROW_BYTES)
            self.transport.set_write_buffer_limits(NARROW_BYTES)

    def data_received(self, data: bytes) -> None:
        if not self._lost and not self._ended:
            super().data_received(data)

    def eof_received(self) -> bool:
        if self._lost:
            # One that was gone when it was struck: nobody else would close what is left of it.
            return False
        if self._ended:
            return True
        self._ended = True
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._lost:
            if self._exchange is None:
                self._crowd.leave(self)
            return
        self._lost = True
        super().connection_lost(exc)


def _place(coroutine: Any) -> Place:
    """Where the innermost coroutine waits."""
    frame = coroutine.cr_frame
    while hasattr(coroutine, "cr_await") and coroutine.cr_await is not None:
        frame = coroutine.cr_frame
        coroutine = coroutine.cr_await
    return Path(frame.f_code.co_filename).name, frame.f_lineno
