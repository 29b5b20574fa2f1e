"""The feed against real ports: a running quotad's, one that is closed, one of something else."""

import asyncio
import json
from pathlib import Path

import pytest

from quotad.client.admin import AdminPort, Spot
from quotad.errors import QuotadError
from quotad.top.feed import Feed
from quotad.top.snapshot import Key
from tests.support.backends import running_backend
from tests.support.processes import REQUEST, SUBJECT, running_quotad, write_config
from tests.support.servers import StoreServer, free_port
from tests.support.storm import exchange

KEY = Key(SUBJECT.plan.usage_plan_id, SUBJECT.service_id, SUBJECT.environment)


async def test_a_running_quotad(tmp_path: Path, store_server: StoreServer) -> None:
    """Its counters and what the store says are heard; who is silent is named, and the rest is shown."""
    async with running_backend() as backend:
        config = write_config(
            tmp_path / "q.yaml", {"url": store_server.url}, backend.port, {"dayQuotaRequest": 2}
        )
        said = json.loads(config.read_text())
        said["plans"][0]["scope"] = "secret"
        said["admin"] = {"address": "127.0.0.1:0", "unauthenticatedLoopback": True}
        config.write_text(json.dumps(said))
        async with running_quotad(config) as (quotad,):
            reader, writer = await asyncio.open_connection("127.0.0.1", quotad.ports["listen"])
            statuses = [(await exchange(reader, writer, REQUEST))[0] for _ in range(3)]
            writer.close()
            assert statuses == [200, 200, 429]
            silent = f"http://127.0.0.1:{free_port()}"
            telemetry = [f"http://127.0.0.1:{quotad.ports['telemetry']}/metrics", silent]
            async with Feed(telemetry) as feed:
                snapshot, missing = await feed.read()
            assert (snapshot.sidecars, snapshot.requests[KEY]) == (1, 3)
            assert snapshot.use[KEY]["day"].in_use == 2
            assert [words.startswith(f"{silent}/metrics: ") for words in missing] == [True]
            url = f"http://127.0.0.1:{quotad.ports['admin']}"
            async with AdminPort(Spot(url)) as port, Feed([], port) as feed:
                snapshot, missing = await feed.read()
            assert (snapshot.use[KEY._replace(secret="AKIDcaller")]["day"].in_use, missing) == (2, [])


async def test_nobody_answers(tmp_path: Path) -> None:
    """Then it is an error, which names the port."""
    url = f"http://127.0.0.1:{free_port()}"
    async with Feed([url]) as feed:
        with pytest.raises(QuotadError, match=url):
            await feed.read()


async def test_something_else_answers() -> None:
    """A backend is no sidecar, whether it has such a page or not."""
    async with running_backend() as backend, Feed([f"http://127.0.0.1:{backend.port}"]) as feed:
        with pytest.raises(QuotadError, match="metrics"):
            await feed.read()
