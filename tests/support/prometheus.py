"""A real Prometheus that scrapes every second, and what it says."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from quotad.monitoring.files import write
from tests.support.servers import free_port
from tests.support.waiting import until_true


class Prometheus:
    """One that runs."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._client = httpx.AsyncClient(timeout=60.0)

    async def ready(self) -> bool:
        """Whether it answers."""
        try:
            return (await self._client.get(f"{self._url}/-/ready")).status_code == 200
        except httpx.TransportError:
            return False

    async def value(self, expression: str) -> float | None:
        """The greatest of what it answers now; None: nothing."""
        told = await self._ask("query", {"query": expression})
        return max((float(each["value"][1]) for each in told["result"]), default=None)

    async def has(self, expression: str) -> bool:
        """Whether it answers anything now."""
        return await self.value(expression) is not None

    async def rules(self) -> list[Mapping[str, Any]]:
        """All alerting rules, with their health and what they found."""
        return [rule for group in (await self._ask("rules", {}))["groups"] for rule in group["rules"]]

    async def _ask(self, what: str, parameters: dict[str, str]) -> Any:
        answer = await self._client.get(f"{self._url}/api/v1/{what}", params=parameters)
        told = answer.json()
        assert told["status"] == "success", told
        return told["data"]

    async def close(self) -> None:
        """Ask no more."""
        await self._client.aclose()


@contextlib.asynccontextmanager
async def running_prometheus(folder: Path, targets: Mapping[str, int]) -> AsyncIterator[Prometheus]:
    """Scrapes these jobs' ports, with the alerts of today. It has seen each, so that it sees what grows."""
    write(folder)
    scrapes = [
        {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
        for job, port in targets.items()
    ]
    configuration = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["monitoring/alerts.yaml"],
        "scrape_configs": scrapes,
    }
    (folder / "prometheus.yml").write_text(json.dumps(configuration))
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/tsdb",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    )
    prometheus = Prometheus(port)
    try:
        await until_true(prometheus.ready)
        for job in targets:
            await until_true(partial(prometheus.has, f'up{{job="{job}"}} == 1'))
        yield prometheus
    finally:
        await prometheus.close()
        process.terminate()
        await process.wait()
