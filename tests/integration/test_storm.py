"""Four processes on one store, 64 connections each: exactly the quota, never one more."""

import asyncio
import random
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from quotad.errors import StoreError
from quotad.store.redis_store import RedisStore
from tests.support.patient import patient_store
from tests.support.processes import REQUEST, SUBJECT, running_quotad, write_config
from tests.support.servers import running_server
from tests.support.storm import storm

PROCESSES = 4
CONNECTIONS = 64
QUOTA = 1000
EMPTY = b"Content-Length: 0\r\n\r\n"


class Backend(asyncio.Protocol):
    """Answers every GET at once, with 200 or, as often as told, 500; counts what it said."""

    def __init__(self, statuses: Counter[int], failing: float, dice: random.Random) -> None:
        self._statuses = statuses
        self._failing = failing
        self._dice = dice
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """One answer per head; GETs have no body."""
        heads = (self._rest + data).split(b"\r\n\r\n")
        self._rest = heads.pop()
        for _ in heads:
            status = 500 if self._dice.random() < self._failing else 200
            self._statuses[status] += 1
            self._transport.write(b"HTTP/1.1 %d Said\r\n" % status + EMPTY)


async def watch(store: RedisStore, seen: list[tuple[int, int]], over: asyncio.Event) -> None:
    """Read (charged, open) of the day again and again until told that it is over."""
    while not over.is_set():
        # With so many callers on this loop an answer may take longer than a reader waits.
        with suppress(StoreError):
            usage = (await store.usage([SUBJECT]))[0]
            seen.append((usage.day_charged, usage.day_open))
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("condition", ["", "2xx"])
async def test_a_storm_through_four_processes_gets_exactly_the_quota(tmp_path: Path, condition: str) -> None:
    """1,000 a day are 1,000: admitted without a condition, counted successes with one, at any moment."""
    said: Counter[int] = Counter()
    dice = random.Random(7)
    failing = 0.5 if condition else 0.0
    loop = asyncio.get_running_loop()
    backend = await loop.create_server(lambda: Backend(said, failing, dice), "127.0.0.1", 0)
    plan: dict[str, object] = {"dayQuotaRequest": QUOTA}
    if condition:
        plan["quotaCondition"] = condition
    with running_server() as server:
        port = backend.sockets[0].getsockname()[1]
        config = write_config(tmp_path / "quotad.yaml", {"url": server.url}, port, plan)
        reader = patient_store(server.url)
        await reader.start()
        seen: list[tuple[int, int]] = []
        over = asyncio.Event()
        watching = asyncio.ensure_future(watch(reader, seen, over))
        async with running_quotad(config, PROCESSES) as processes:
            ports = [quotad.ports["listen"] for quotad in processes]
            # Well past the quota: with a condition refusals also come while Holds are in flight.
            statuses = await storm(
                ports, REQUEST, CONNECTIONS, lambda got: got[200] >= QUOTA and got[429] >= QUOTA
            )
        over.set()
        await watching
        usage = (await reader.usage([SUBJECT]))[0]
        await reader.close()
    backend.close()
    assert statuses[200] == said[200] == QUOTA
    assert statuses[500] == said[500]
    assert bool(statuses[500]) == bool(condition)
    assert set(statuses) <= {200, 429, 500}
    assert (usage.day_charged, usage.day_open) == (QUOTA, 0)
    assert usage.total_charged == QUOTA
    assert len(seen) > 1
    assert max(charged + held for charged, held in seen) <= QUOTA
