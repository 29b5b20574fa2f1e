"""Backends of a real quotad: one dies, one is taken out of the configuration; metrics tell it."""

import json
import signal
from collections import Counter
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.killing import running_mortals
from tests.support.processes import REQUEST, Quotad, running_quotad, write_config
from tests.support.rawhttp import raw
from tests.support.servers import StoreServer
from tests.support.waiting import until_true

Series = dict[tuple[str, str], float]


async def series(quotad: Quotad) -> Series:
    """The metrics of backends: name and label, without the port's address."""
    async with httpx.AsyncClient() as client:
        page = (await client.get(f"http://127.0.0.1:{quotad.ports['telemetry']}/metrics")).text
    found: Series = {}
    for family in text_string_to_metric_families(page):
        if family.name.startswith("quotad_upstream_") and family.type != "histogram":
            for sample in family.samples:
                (label,) = sample.labels.values()
                found[sample.name.removeprefix("quotad_upstream_"), label] = sample.value
    return found


async def ask(quotad: Quotad, times: int) -> Counter[int]:
    """So many requests, each on a connection of its own, so that each worker has some."""
    statuses: Counter[int] = Counter()
    for _ in range(times):
        async with raw(quotad.ports["listen"]) as caller:
            await caller.send(REQUEST)
            statuses[(await caller.answer()).status] += 1
    return statuses


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_backend_dies_and_is_taken_out(
    workers: int, tmp_path: Path, store_server: StoreServer
) -> None:
    """Callers notice neither; each request is charged once; metrics show what is, not what was."""
    async with running_mortals(3) as mortals:
        ports = [mortal.port for mortal in mortals]
        path = write_config(
            tmp_path / "q.yaml", {"url": store_server.url}, ports[0], {"dayQuotaRequest": 1000}, workers
        )
        config = json.loads(path.read_text())
        names = [f"127.0.0.1:{port}" for port in ports]
        config["routes"][0]["upstreams"] = [f"http://{name}" for name in names]
        path.write_text(json.dumps(config))
        async with running_quotad(path) as (quotad,):
            assert await ask(quotad, 30) == {200: 30}
            mortals[1].kill()
            assert await ask(quotad, 120) == {200: 120}

            async def told() -> bool:
                found = await series(quotad)
                out = {name: found.get(("out", name)) for name in names}
                return out == {names[0]: 0, names[1]: workers, names[2]: 0} and (
                    found["ejections_total", names[1]] >= workers
                )

            await until_true(told)
            assert (await series(quotad))["retries_total", "unsent"] >= 5
            config["routes"][0]["upstreams"].pop(1)
            path.write_text(json.dumps(config))
            quotad.process.send_signal(signal.SIGHUP)

            async def forgotten() -> bool:
                found = await series(quotad)
                return {label for name, label in found if name == "out"} == {names[0], names[2]}

            await until_true(forgotten)
            assert await ask(quotad, 30) == {200: 30}
            assert sum(len(mortal.seen) for mortal in mortals) == 180
