from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from quotad.catalog.vault import Vault
from quotad.config.file import load
from quotad.config.model import Address, Admin, Config, Control, MasterKey
from quotad.ground import Ground
from quotad.telemetry.metrics import Recorder
from quotad.telemetry.server import Readiness
from quotad.telemetry.sources import Scrape, Sources
from tests.support.processes import write_config
from tests.support.servers import StoreServer
from tests.support.waiting import until

SCRAPE = Scrape(Sources(Recorder()).figures)


def config(folder: Path, store: dict[str, object]) -> Config:
    """With a telemetry port and an admin port."""
    loaded = load(write_config(folder / "q.yaml", store, 9, {}))
    return replace(loaded, admin=Admin(Address("127.0.0.1", 0)))


def ready() -> Readiness:
    """Always."""
    return Readiness(ready=True, words="ready")


async def nothing_found(request_id: str) -> None:
    """Nobody remembers it."""


async def test_what_is_named_is_opened_and_closed_in_reverse(
    tmp_path: Path, store_server: StoreServer
) -> None:
    """Store, telemetry and admin port; of the ports, what they are bound to; the telemetry port goes last."""
    made = config(tmp_path, {"url": store_server.url})
    ground = Ground(made)
    store = await ground.open_store(await ground.start_server())
    await ground.open_telemetry(SCRAPE, ready)
    await ground.open_admin(lambda: made.table, store, nothing_found)
    assert set(ground.bound) == {"telemetry", "admin"}
    assert await store.usage([]) == []
    closed: list[str] = []
    first = ground.closers[0]

    async def closes_first() -> None:
        closed.append("telemetry")
        await first()

    async def closes_last() -> None:
        closed.append("newest")

    ground.closers[0] = closes_first
    ground.closers.append(closes_last)
    await ground.close()
    assert closed == ["newest", "telemetry"]
    assert not store.connected
    await ground.close()
    assert closed == ["newest", "telemetry"]


async def test_what_is_not_named_is_not_opened(tmp_path: Path, store_server: StoreServer) -> None:
    """Neither port where the configuration has none."""
    made = config(tmp_path, {"url": store_server.url})
    made = replace(made, admin=None, telemetry=replace(made.telemetry, address=None))
    ground = Ground(made)
    store = await ground.open_store(await ground.start_server())
    await ground.open_telemetry(SCRAPE, ready)
    await ground.open_admin(lambda: made.table, store, nothing_found)
    assert ground.bound == {}
    await ground.close()


async def test_an_embedded_server_is_started_and_ended(tmp_path: Path) -> None:
    """Its URL is the one to connect to; after close nobody answers there."""
    ground = Ground(config(tmp_path, {"embedded": {"dir": str(tmp_path / "data")}}))
    url = await ground.start_server()
    assert url.startswith("unix://")
    store = await ground.open_store(url)
    await until(lambda: store.connected)
    await ground.close()
    assert not (tmp_path / "data" / "store.sock").exists()


@pytest.mark.parametrize("keys", [True, False])
async def test_who_serves_callers_imports_what_opens_keys_at_its_start(
    tmp_path: Path, store_server: StoreServer, monkeypatch: pytest.MonkeyPatch, keys: bool
) -> None:
    """No caller waits for the import at the first Secret; who only tells a version never imports it."""
    prepared: list[Vault] = []
    original: Callable[[Vault], None] = Vault.prepare

    def prepare(vault: Vault) -> None:
        prepared.append(vault)
        original(vault)

    monkeypatch.setattr(Vault, "prepare", prepare)
    made = config(tmp_path, {"url": store_server.url})
    ground = Ground(replace(made, control=Control((MasterKey("k1", bytes(32)),))))
    await ground.open_store(await ground.start_server())
    await ground.follow(keys=keys, secrets=keys)
    await ground.close()
    assert len(prepared) == keys
