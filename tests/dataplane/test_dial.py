import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from quotad.config.model import UpstreamAddress
from quotad.dataplane.backend import Backend
from quotad.dataplane.dial import dial
from quotad.dataplane.flow import Wheel
from quotad.dataplane.heads import Heads
from quotad.dataplane.spec import Spec, Trust
from quotad.dataplane.upstream import Connection
from tests.support.backends import Backend as Place
from tests.support.backends import running_backend
from tests.support.dataplane import route, until
from tests.support.tls import make_papers

KINDS = ["tcp", "unix", "tls"]


@contextlib.asynccontextmanager
async def backend(kind: str, tmp_path: Path) -> AsyncIterator[tuple[Backend, Place]]:
    """Something to connect to, and the pool of connections to it."""
    wheel = Wheel(tick_s=0.005)
    wheel.start(asyncio.get_running_loop())
    papers = make_papers(tmp_path) if kind == "tls" else None
    async with running_backend(tls=papers.backend() if papers else None) as place:
        address = UpstreamAddress("127.0.0.1", place.port, tls=kind == "tls")
        server = None
        if kind == "unix":
            address = UpstreamAddress("", 0, str(tmp_path / "socket"))
            server = await asyncio.start_unix_server(place.serve, address.path)
        trust = Trust(papers.caller(), "", "") if papers else None
        made = Backend(Spec(address, route(1, pool_connections=3), trust), wheel, Heads(999, 9).responses)
        try:
            yield made, place
        finally:
            made.close()
            wheel.stop()
            if server is not None:
                server.close()


class Waiting:
    """A request that waits for a connection, and tells what it got."""

    def __init__(self) -> None:
        self.got: list[object] = []

    def on_connection(self, connection: Connection) -> None:
        self.got.append(connection)

    def on_interim(self, response: object) -> None:
        """None is asked for."""

    def on_response(self, response: object) -> None:
        """None is asked for."""

    def on_failure(self, key: str) -> None:
        self.got.append(key)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_connection_that_is_ready(kind: str, tmp_path: Path) -> None:
    """However a backend is reached, its connection is in nobody's pool until it is adopted."""
    async with backend(kind, tmp_path) as (made, place):
        connection = await dial(made.spec, made)
        assert (connection.closed, made.connections) == (False, 0)
        connection.drop()
        await until(lambda: not place.open)


async def answered(user: Waiting, made: Backend) -> None:
    """Wait until the request was told, and no connection is being opened."""
    await until(lambda: user.got and not made._opening)


STRIKES: dict[str, Callable[[Backend, asyncio.Task[Connection | str]], object]] = {
    "cancelled": lambda made, task: task.cancel(),
    "closing": lambda made, task: made.close(),
    "retired": lambda made, task: made.retire(),
}


@pytest.mark.parametrize("strike", STRIKES)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_cancel_at_any_moment_gives_back_one_place(kind: str, strike: str, tmp_path: Path) -> None:
    """Whoever ends the opening of a connection at whichever turn of the loop, no place is lost or made."""
    async with backend(kind, tmp_path) as (made, place):
        ended = 0
        for turns in range(60):
            user = Waiting()
            assert made.enter(user) is not None
            (task,) = made._opening
            for _ in range(turns):
                await asyncio.sleep(0)
            ended += not task.done()
            STRIKES[strike](made, task)
            await answered(user, made)
            (got,) = user.got
            if isinstance(got, Connection):
                got.drop()
            else:
                assert got == "upstream_unreachable"
            assert (made.connections, made.waiting) == (0, 0)
        assert 0 < ended <= 60
        await until(lambda: not place.open)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_request_that_leaves_at_any_moment(kind: str, tmp_path: Path) -> None:
    """A connection that was opened for somebody who left is kept for the next, and counted once."""
    async with backend(kind, tmp_path) as (made, place):
        for turns in range(60):
            user = Waiting()
            ticket = made.enter(user)
            assert ticket is not None
            for _ in range(turns):
                await asyncio.sleep(0)
            ticket.leave()
            await until(lambda: not made._opening)
            for got in user.got:
                assert isinstance(got, Connection)
                got.release(made.wheel.clock())
            assert (made.connections, made.waiting) == (len(made._pool.idle()), 0)
        made.close()
        assert made.connections == 0
        await until(lambda: not place.open)
