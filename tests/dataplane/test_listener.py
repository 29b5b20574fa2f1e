"""The callers' port: drained in order, cut off with everything accounted for."""

import asyncio

import pytest

from quotad.core.plans import StatusClass
from tests.support.backends import read_request, running_backend
from tests.support.dataplane import route, running_plane, until
from tests.support.rawhttp import get, raw

ONLY_2XX: frozenset[StatusClass] = frozenset({"2xx"})


async def test_drain() -> None:
    """Idle connections close at once, what is in flight ends with `Connection: close`."""
    async with (
        running_backend() as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as idle,
        raw(plane.port) as busy,
    ):
        plane.gate.held = True
        await busy.send(get())
        await until(lambda: plane.gate.asked)
        draining = asyncio.ensure_future(plane.listener.drain(5.0))
        assert await idle.is_closed()
        assert plane.listener.is_open is False
        plane.gate.open()
        answer = await busy.answer()
        assert (answer.status, answer.values(b"connection")) == (200, [b"close"])
        assert await busy.is_closed()
        await draining
        assert plane.listener.connections == 0


@pytest.mark.parametrize("held", [True, False], ids=["deciding", "forwarded"])
async def test_abort_of_the_listener_settles_everything(held: bool) -> None:
    """What is in flight when the listener is cut off is accounted for: `running_plane` checks it."""
    arrived = asyncio.Event()

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        arrived.set()
        await reader.read()

    async with (
        running_backend(script=never) as backend,
        running_plane(route(backend.port), condition=ONLY_2XX) as plane,
    ):
        plane.gate.held = held
        async with raw(plane.port) as caller:
            await caller.send(get())
            if held:
                await until(lambda: plane.gate.asked)
            else:
                await arrived.wait()
            await plane.listener.close()
            assert await caller.is_closed()
            assert plane.gate.counted == ([] if held else [False])
            assert len(plane.outcomes.all) == 1
