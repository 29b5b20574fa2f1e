"""Load, backend and their records together: what one side notes agrees with the other."""

import asyncio

from tests.chaos.backend import counting_backend, status_of
from tests.chaos.history import NO_ANSWER
from tests.chaos.load import Caller, Load
from tests.support.waiting import until

CALLER = Caller("", "AKIDnobody", "secret-nobody")


async def test_both_records_agree() -> None:
    """Each request that was answered is in the backend's record with the same status, each number once."""
    async with counting_backend() as backend:
        load = Load(lambda _: backend.port, 2)
        load.pause_s = 0.001
        load.start([CALLER], 3)
        await until(lambda: len(load.asked) >= 100)
        await load.stop()
    assert not load.in_flight
    assert {(one.number, one.status) for one in load.asked} == {
        (one.number, one.status) for one in backend.served
    }
    assert len({one.number for one in load.asked}) == len(load.asked)
    assert {one.status for one in load.asked} == {200, 500}
    assert {one.sidecar for one in load.asked} == {0, 1}
    assert backend.admitted[""].total() == len(backend.served)


async def test_a_connection_that_ends_is_an_outcome() -> None:
    """A request whose connection was cut is noted as unanswered, and its caller goes on elsewhere."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with counting_backend() as backend:
        # The second process is not there: whoever is sent to it moves on.
        load = Load(lambda process: (port, 0, backend.port)[process], 3)
        load.start([CALLER], 1)
        await until(lambda: len(backend.served) > 2 and any(one.status == NO_ANSWER for one in load.asked))
        await load.stop()
    server.close()
    assert {one.sidecar for one in load.asked} == {0, 2}
    assert all(one.status == NO_ANSWER for one in load.asked if one.sidecar == 0)


def test_some_answers_are_failures() -> None:
    """Three of ten, by number."""
    assert [status_of(number) for number in range(10)].count(500) == 3
