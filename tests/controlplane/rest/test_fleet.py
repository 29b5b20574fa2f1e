"""The routes of the fleet, upon a real sidecar that admits and refuses."""

import json
from pathlib import Path

import httpx

from tests.support.backends import running_backend
from tests.support.processes import running_quotad, write_config
from tests.support.servers import StoreServer
from tests.support.waiting import until_true


async def test_what_a_sidecar_tells(store_server: StoreServer, tmp_path: Path) -> None:
    """It is there with its version and configuration; two admitted calls and a refused one are told."""
    async with running_backend() as backend, httpx.AsyncClient(trust_env=False) as client:
        store: dict[str, object] = {"url": store_server.url}
        path = write_config(tmp_path / "quotad.yaml", store, backend.port, {"dayQuotaRequest": 2})
        config = json.loads(path.read_text())
        config["admin"] = {"address": "127.0.0.1:0", "unauthenticatedLoopback": True}
        path.write_text(json.dumps(config))
        async with running_quotad(path) as (quotad,):
            admin = f"http://127.0.0.1:{quotad.ports['admin']}/v1"
            headers = {"X-Secret-Id": "AKIDcaller", "X-Secret-Key": "secretcaller"}
            url = f"http://127.0.0.1:{quotad.ports['listen']}/orders"
            statuses = [(await client.get(url, headers=headers)).status_code for _ in range(3)]
            assert statuses[2] == 429

            async def is_told() -> bool:
                return bool((await client.get(f"{admin}/refusals")).json()["refusals"])

            await until_true(is_told)
            (refused,) = (await client.get(f"{admin}/refusals")).json()["refusals"]
            assert (refused["secretId"], refused["secretName"], refused["limit"], refused["count"]) == (
                "AKIDcaller", "caller", "day", 1
            )  # fmt: skip
            minutes = (await client.get(f"{admin}/activity?environment=release")).json()["minutes"]
            assert sum(each["admitted"] for each in minutes) == 2
            denied = [one for each in minutes for one in each["denied"]]
            assert denied == [{"limit": "day", "count": 1}]
            (sidecar,) = (await client.get(f"{admin}/fleet")).json()["sidecars"]
            assert sidecar["alive"]
            assert sidecar["mode"] == "file"
