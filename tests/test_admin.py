"""``quotad admin``, as a process of its own."""

import signal
from pathlib import Path

import httpx
import pytest
import yaml

from quotad.admin import AdminProcess
from quotad.config.file import load
from quotad.errors import QuotadError
from tests.support.processes import start_quotad
from tests.support.servers import StoreServer
from tests.support.shell import control_file, file_of
from tests.support.waiting import until


async def test_it_serves_the_admin_port_alone(store_server: StoreServer, tmp_path: Path) -> None:
    """Admin and telemetry ports and none for callers; ready once the records are read; SIGTERM ends it."""
    path = control_file(tmp_path, store_server.url)
    members = yaml.safe_load(path.read_text())
    members["admin"] = {"address": "127.0.0.1:0", "unauthenticatedLoopback": True}
    members["telemetry"] = {"address": "127.0.0.1:0", "accessLog": ""}
    path.write_text(yaml.safe_dump(members))
    process = await start_quotad(path, command="admin")
    try:
        assert set(process.ports) == {"admin", "telemetry"}
        async with httpx.AsyncClient() as client:
            usage = await client.get(f"http://127.0.0.1:{process.ports['admin']}/v1/usage")
            assert (usage.status_code, usage.json()["totalCount"]) == (200, 0)
            metrics = await client.get(f"http://127.0.0.1:{process.ports['telemetry']}/metrics")
            assert "quotad_control_age_seconds" in metrics.text
        process.process.send_signal(signal.SIGHUP)
        await process.until_said("reloaded: version")
    finally:
        assert await process.stop() == 0


def test_it_needs_its_sections(tmp_path: Path) -> None:
    """Without an admin section there is nothing for it to do, and it says so."""
    path = file_of(tmp_path / "a.yaml", {"store": {"url": "redis://127.0.0.1:9"}})
    with pytest.raises(QuotadError, match="no admin section"):
        AdminProcess(path, load(path))


async def test_in_file_mode_it_shows_the_file(store_server: StoreServer, tmp_path: Path) -> None:
    """What the file says is read, and after SIGHUP what it says by then; a wrong file changes nothing."""
    path = tmp_path / "quotad.yaml"
    told = {
        "store": {"url": store_server.url},
        "admin": {"address": "127.0.0.1:0", "unauthenticatedLoopback": True},
        "telemetry": {"address": "127.0.0.1:0", "accessLog": ""},
    }
    plans: list[dict[str, object]] = [{"usagePlanId": "gold", "rateRps": 5}]
    process = await start_quotad(file_of(path, {**told, "plans": plans}), command="admin")
    try:
        assert set(process.ports) == {"admin", "telemetry"}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{process.ports['admin']}") as client:
            assert (await client.get("/v1/plans/gold")).json()["rateRps"] == 5
            file_of(path, {**told, "plans": [{"usagePlanId": "gold", "rateRps": "x"}]})
            process.process.send_signal(signal.SIGHUP)
            await process.until_said("reload refused: plans[0].rateRps")
            assert (await client.get("/v1/plans/gold")).json()["rateRps"] == 5
            file_of(path, {**told, "plans": [{"usagePlanId": "gold", "rateRps": 6}]})
            process.process.send_signal(signal.SIGHUP)
            await process.until_said("reloaded: version")
            assert (await client.get("/v1/plans/gold")).json()["rateRps"] == 6
            answer = await client.patch("/v1/plans/gold", json={"rateRps": 7})
            assert (answer.status_code, answer.json()["code"]) == (409, "read_only")
            ready = await client.get(f"http://127.0.0.1:{process.ports['telemetry']}/readyz")
            assert ready.status_code == 200
    finally:
        assert await process.stop() == 0


async def test_its_access_log_follows_rotation(store_server: StoreServer, tmp_path: Path) -> None:
    """After a rename and SIGHUP new lines go to a new file, and as many as the file says by then."""
    path = control_file(tmp_path, store_server.url)
    members = yaml.safe_load(path.read_text())
    admin = {"address": "127.0.0.1:0", "unauthenticatedLoopback": True, "accessLog": "admin.log"}
    path.write_text(yaml.safe_dump({**members, "admin": admin}))
    log, old = tmp_path / "admin.log", tmp_path / "admin.log.1"
    process = await start_quotad(path, command="admin")
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{process.ports['admin']}") as client:
            await client.get("/v1/plans")
            await until(lambda: '"path":"/v1/plans"' in log.read_text())
            log.rename(old)
            path.write_text(yaml.safe_dump({**members, "admin": {**admin, "accessLogOneIn": 1000}}))
            process.process.send_signal(signal.SIGHUP)
            await process.until_said("reloaded: version")
            await client.get("/v1/plans")
            await client.get("/v1/plans/none")
            await until(lambda: log.exists() and "none" in log.read_text())
            assert (log.read_text().count("\n"), old.read_text().count("\n")) == (1, 1)
    finally:
        assert await process.stop() == 0
