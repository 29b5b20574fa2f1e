"""Plans whose quotas deny nobody, through real processes."""

import asyncio
import json
from functools import partial
from pathlib import Path

import httpx

from tests.support.backends import running_backend
from tests.support.patient import patient_store
from tests.support.processes import REQUEST, SUBJECT, Quotad, running_quotad, write_config
from tests.support.servers import StoreServer
from tests.support.storm import exchange
from tests.support.waiting import until_true


async def ask(quotad: Quotad) -> tuple[int, str]:
    """Status and head of a request on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", quotad.ports["listen"])
    try:
        status, head, _ = await exchange(reader, writer, REQUEST)
    finally:
        writer.close()
    return status, head.decode("latin-1")


async def is_told(client: httpx.AsyncClient, metrics: str) -> bool:
    """Whether a scrape, which waits for the store only so long, says that only the day is over, by 5."""
    page = (await client.get(metrics)).text
    lines = [line for line in page.splitlines() if line.startswith("quotad_overage_request_num{")]
    return [('window="day"' in line, line.endswith(" 5.0")) for line in lines] == [(True, True)]


async def test_over_a_soft_quota_requests_pass_and_are_counted(
    tmp_path: Path, store_server: StoreServer
) -> None:
    """Two processes count exactly; callers, metrics and admins see the overage; the hard quota denies."""
    quotas = {"dayQuotaRequest": 3, "monthQuotaRequest": 8, "onBreach": {"allow": ["day"]}}
    async with running_backend() as backend:
        config = write_config(tmp_path / "q.yaml", {"url": store_server.url}, backend.port, quotas)
        said = json.loads(config.read_text())
        said["admin"] = {"address": "127.0.0.1:0", "unauthenticatedLoopback": True}
        config.write_text(json.dumps(said))
        async with running_quotad(config, 2) as quotads:
            answers = [await ask(quotads[at % 2]) for at in range(10)]
            assert [status for status, _ in answers] == [200] * 8 + [429] * 2
            assert '"day";q=3;w=86400;quotad-soft' in answers[0][1]
            assert ';quotad-over=0, "month";r=7;' in answers[0][1]
            assert ';quotad-over=5, "month";r=0;' in answers[7][1]
            assert "X-RateLimit-Limit: 8\r\n" in answers[0][1]
            async with httpx.AsyncClient() as client:
                rows = await client.get(f"http://127.0.0.1:{quotads[0].ports['admin']}/v1/usage")
                metrics = f"http://127.0.0.1:{quotads[1].ports['telemetry']}/metrics"
                await until_true(partial(is_told, client, metrics))
            (row,) = rows.json()["usage"]
            day, month = row["windows"]["day"], row["windows"]["month"]
            assert (day["inUse"], day["max"], day["left"], day["overage"], day["onBreach"]) == (
                8,
                3,
                0,
                5,
                "allow",
            )
            assert (month["inUse"], month["overage"], month["onBreach"]) == (8, 0, "deny")
    store = patient_store(store_server.url)
    await store.start()
    assert (await store.usage([SUBJECT]))[0].day_charged == 8
    await store.close()
    assert len(backend.seen) == 8
