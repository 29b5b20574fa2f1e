"""A real quotad, a real collector, and a backend that is a part of the trace."""

import json
from pathlib import Path

import httpx

from tests.support.backends import running_backend
from tests.support.collecting import attributes, running_collector
from tests.support.processes import running_quotad, write_config
from tests.support.servers import StoreServer

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PAIR = {"X-Secret-Id": "AKIDcaller", "X-Secret-Key": "secretcaller"}


async def test_spans_and_logs_may_change_while_it_serves(tmp_path: Path, store_server: StoreServer) -> None:
    """What the sender records is a span under its own, refusals too; a reload begins traces of ours."""
    async with running_backend() as backend, running_collector() as collector:
        plan: dict[str, object] = {"dayQuotaRequest": 2}
        path = write_config(tmp_path / "q.yaml", {"url": store_server.url}, backend.port, plan)
        document = json.loads(path.read_text())
        document["tracing"] = {"endpoint": collector.endpoint}
        document["telemetry"]["accessLog"] = "access.log"
        path.write_text(json.dumps(document))
        async with running_quotad(path) as (quotad,), httpx.AsyncClient() as client:
            url = f"http://127.0.0.1:{quotad.ports['listen']}/orders/1"
            sent = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
            assert (await client.get(url, headers=PAIR)).status_code == 200
            assert (await client.get(url, headers=PAIR | sent)).status_code == 200
            assert (await client.get(url, headers=PAIR | sent)).status_code == 429
            passed, refused = await collector.until(2)
            assert {passed.parent_span_id.hex(), refused.parent_span_id.hex()} == {PARENT}
            ours = f"00-{TRACE}-{passed.span_id.hex()}-01".encode()
            assert [seen.values(b"traceparent") for seen in backend.seen] == [[], [ours]]
            assert attributes(refused)["quotad.limit"] == "day"
            document["tracing"]["oneIn"] = 1
            document["telemetry"]["logLevel"] = "debug"
            path.write_text(json.dumps(document))
            quotad.process.send_signal(1)
            await quotad.until_said("reloaded")
            assert (await client.get(url, headers=PAIR)).status_code == 429
            assert not (await collector.until(3))[2].parent_span_id
    lines = [json.loads(line) for line in (tmp_path / "access.log").read_text().splitlines()]
    assert [line["traceId"] for line in lines[:3]] == ["", TRACE, TRACE]
    assert lines[3]["traceId"] == collector.spans[2].trace_id.hex()
