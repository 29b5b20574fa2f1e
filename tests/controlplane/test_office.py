from pathlib import Path

from quotad.config.model import Address, Admin, Config, Listen, StoreConfig, Telemetry
from quotad.controlplane.office import Office, Parts
from quotad.core.table import PlanTable
from quotad.store.redis_store import RedisStore
from tests.support.offices import office
from tests.support.servers import StoreServer


async def nothing(plan_id: str, secret_id: str) -> int:
    """Nothing is deleted."""
    return 0


async def test_two_admin_processes_are_one_control_plane(store_server: StoreServer, tmp_path: Path) -> None:
    """What one changes the other shows at once, tokens and the audit log too."""
    (tmp_path / "a").mkdir()
    async with office(store_server.url, tmp_path) as one, office(store_server.url, tmp_path / "a") as two:
        given = {"name": "a", "role": "operate"}
        token = (await one.done("POST", "/v1/credentials", json=given))["token"]
        made = await two.done("POST", "/v1/plans", json={"usagePlanName": "p"}, token=token)
        path = f"/v1/plans/{made['usagePlanId']}"
        assert await one.done("GET", path) == made
        await one.done("DELETE", path)
        await two.refused(404, "GET", path)
        assert (await one.done("GET", "/v1/audit")) == (await two.done("GET", "/v1/audit"))


async def test_without_an_audit_log_use_is_not_changed(store_server: StoreServer) -> None:
    """In file mode without one there is nothing to read, and resets are refused."""
    store = RedisStore(store_server.url, StoreConfig(deadline_s=5.0), b"sidecar0")
    await store.start()
    address = Address("127.0.0.1", 0)
    admin = Admin(address, "")
    config = Config(
        Listen(address), Telemetry(None), admin, StoreConfig(url=store_server.url), (), PlanTable()
    )
    desk = Office(Parts(config, lambda: config.table, store, nothing), admin)
    assert await desk.start() > 0
    await desk.close()
    await store.close()
