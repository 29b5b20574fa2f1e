from pathlib import Path
from typing import Any

import pytest

from quotad.client.admin import AdminPort, Spot
from quotad.client.whole import ThroughPort
from quotad.client.wording import RefusedError
from quotad.config.nouns import Nouns, load_nouns
from quotad.controlplane.key_list import read_list
from tests.support.offices import TOKEN, office
from tests.support.servers import StoreServer
from tests.support.shell import PLAN_ID, file_of, wanted


def nouns(tmp_path: Path, **changes: Any) -> Nouns:
    """What a file says."""
    return load_nouns(file_of(tmp_path / "f.yaml", wanted(**changes)), {})


async def test_another_change_meanwhile(store_server: StoreServer, tmp_path: Path) -> None:
    """What it leaves to do is compared again: done if it is no more than was shown, else refused."""
    told: list[int] = []
    heard: list[int] = []
    async with office(store_server.url, tmp_path) as there, AdminPort(Spot(there.url, TOKEN)) as port:
        records = ThroughPort(port)
        shown = await records.compare(nouns(tmp_path), heard.append, prune=True)
        await port.post("/v1/plans", {"usagePlanName": "gold", "usagePlanId": PLAN_ID, "dayQuotaRequest": 9})
        with pytest.raises(RefusedError, match="apply it again") as refused:
            await records.apply(shown, told.append)
        assert (refused.value.code, told) == ("stale", [])
        shown = await records.compare(nouns(tmp_path), heard.append, prune=True)
        await port.post("/v1/services", {"serviceName": "other", "serviceId": "service-other"})
        with pytest.raises(RefusedError, match="apply it again"):
            await records.apply(shown, told.append)
        shown = await records.compare(nouns(tmp_path), heard.append, prune=False)
        await port.post("/v1/services", {"serviceName": "more"})
        await records.apply(shown, told.append)
        assert told == [shown.writes]
        assert (await records.compare(nouns(tmp_path), heard.append, prune=False)).differences == []


async def test_progress_of_many(store_server: StoreServer, tmp_path: Path) -> None:
    """Secrets are heard of while they are compared, writes commit by commit, each sum being the whole."""
    secrets = [{"secretId": f"AKID{n:06d}", "secretKey": f"the-key-of-{n:06d}"} for n in range(2_500)]
    compared: list[int] = []
    committed: list[int] = []
    async with office(store_server.url, tmp_path) as there, AdminPort(Spot(there.url, TOKEN)) as port:
        records = ThroughPort(port)
        shown = await records.compare(
            nouns(tmp_path, secrets=secrets, bindings=[]), compared.append, prune=True
        )
        assert (sum(compared), len(compared) > 1) == (2_500, True)
        await records.apply(shown, committed.append)
        assert (sum(committed), len(committed)) == (shown.writes, shown.steps)
        assert len(committed) > 1


async def test_batches_and_parts(store_server: StoreServer, tmp_path: Path) -> None:
    """A list goes in batches, all records come in parts; both are heard of."""
    told: list[int] = []
    lines = ["secretId,secretKey\n", *(f"AKID{n:04d},the-key-{n:04d}\n" for n in range(501))]
    async with office(store_server.url, tmp_path) as there, AdminPort(Spot(there.url, TOKEN)) as port:
        records = ThroughPort(port)
        found = await records.import_secrets(read_list(lines), told.append, strict=True)
        assert (found.made, found.known, told) == (501, 0, [200, 200, 101])
        assert await records.secret_count() == 501
        parts = [part async for part in records.export(with_keys=True)]
    assert [(part.section, len(part.items)) for part in parts] == [("secrets", 500), ("secrets", 1)]
    assert parts[1].items[0]["secretKey"] == "the-key-0500"
