"""The callers' port: drained in order, cut off with everything accounted for."""

import asyncio
import socket
from dataclasses import replace

import pytest

from quotad import sockets
from quotad.config.model import Address, Listen
from quotad.core.plans import StatusClass
from tests.support.backends import read_request, running_backend
from tests.support.dataplane import LISTEN, UNUSED_PORT, route, running_plane, until
from tests.support.rawhttp import get, raw

ONLY_2XX: frozenset[StatusClass] = frozenset({"2xx"})


async def test_who_is_sent_away_unserved_is_counted() -> None:
    """By reason: over the bound of an address, and idle where a newcomer needs the place."""
    one_each = replace(LISTEN, max_connections_per_address=1)
    async with running_backend() as backend, running_plane(route(backend.port), listen=one_each) as plane:
        async with raw(plane.port) as first, raw(plane.port) as second:
            await first.send(get("/"))
            assert (await first.answer()).status == 200
            assert await second.is_closed()
        assert plane.listener.refused == {"total": 0, "address": 1, "arriving": 0, "made_room": 0}
    full = replace(LISTEN, max_connections=1)
    async with running_backend() as backend, running_plane(route(backend.port), listen=full) as plane:
        async with raw(plane.port) as idle, raw(plane.port) as newcomer:
            await newcomer.send(get("/"))
            assert (await newcomer.answer()).status == 200
            assert await idle.is_closed()
        assert plane.listener.refused == {"total": 0, "address": 0, "arriving": 0, "made_room": 1}


async def test_drain() -> None:
    """Idle connections close soon, what is in flight ends with `Connection: close`."""
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


async def test_who_comes_while_draining_is_served_or_refused_but_never_reset() -> None:
    """From the last connection that the kernel took on, callers are refused; all before get an answer."""
    answered, refused = 0, 0

    async def come(port: int) -> None:
        nonlocal answered, refused
        try:
            async with raw(port) as caller:
                await caller.send(get())
                answer = await caller.answer()
                answered += answer.status == 200
        except ConnectionRefusedError:
            refused += 1

    async with running_backend() as backend, running_plane(route(backend.port)) as plane:
        async with asyncio.TaskGroup() as storm:

            async def keep_coming() -> None:
                while not refused:
                    await asyncio.gather(*(come(plane.port) for _ in range(20)))

            for _ in range(4):
                storm.create_task(keep_coming())
            await plane.outcomes.until(200)
            await plane.listener.drain(10.0)
        assert answered == len(plane.outcomes.all) >= 200
        assert refused


async def test_sockets_that_are_handed_over() -> None:
    """A second listener goes on where the first stops: nobody who connects meanwhile is refused or reset."""
    with sockets.bind((socket.AF_INET, ("127.0.0.1", 0)), 0, shared=True) as shared:
        port = shared.getsockname()[1]
        async with (
            running_backend() as backend,
            running_plane(route(backend.port), listening=[shared]) as first,
            running_plane(route(backend.port), listening=[shared]) as second,
            raw(port) as kept,
        ):
            await kept.send(get())
            assert (await kept.answer()).values(b"connection") == []
            first_had = len(first.outcomes.all)
            old, new = (first, second) if first_had else (second, first)
            draining = asyncio.ensure_future(old.listener.drain(10.0, handed_over=True))
            for _ in range(50):
                async with raw(port) as caller:
                    await caller.send(get())
                    assert (await caller.answer()).status == 200
            assert len(new.outcomes.all) >= 49
            # A kept connection has a last answer, which says so.
            await kept.send(get())
            assert (await kept.answer()).values(b"connection") == [b"close"]
            await draining


async def test_sockets_come_and_go() -> None:
    """More sockets, then fewer: all lead to the same data plane, and who is served is not disturbed."""
    place = (socket.AF_INET, ("127.0.0.1", 0))
    with sockets.bind(place, 0, shared=True) as one, sockets.bind(place, 0, shared=True) as other:
        port = other.getsockname()[1]
        async with running_backend() as backend, running_plane(route(backend.port), listening=[one]) as plane:
            await plane.listener.serve_on([one, other])
            async with raw(port) as kept:
                ids = []
                for _ in range(2):
                    async with raw(one.getsockname()[1]) as caller:
                        for connection in (caller, kept):
                            await connection.send(get())
                            ids += (await connection.answer()).values(b"x-request-id")
                    await plane.listener.serve_on([one])
                assert len(set(ids)) == 4
                assert {number[:12] for number in ids} == {plane.listener.id_prefix.encode()}
            other.listen()
            socket.create_connection(("127.0.0.1", port)).close()
            assert len(plane.outcomes.all) == 4


async def test_a_port_that_is_taken() -> None:
    """The error is the system's, and nothing is left open."""
    async with running_plane(route(UNUSED_PORT)) as plane:
        taken = Listen(Address("127.0.0.1", plane.port))
        with pytest.raises(OSError, match="in use"):
            async with running_plane(route(UNUSED_PORT), listen=taken):
                raise AssertionError
