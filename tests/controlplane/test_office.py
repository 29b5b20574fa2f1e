from pathlib import Path

from quotad.config.model import Address, Admin, Config, Listen, StoreConfig, Telemetry
from quotad.controlplane.office import Office, Parts
from quotad.core.table import PlanTable
from quotad.store.deliveries import Deliveries
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
    deliveries = Deliveries(store_server.url, config.store)
    desk = Office(Parts(config, lambda: config.table, store, nothing, deliveries), admin)
    assert await desk.start() > 0
    await desk.close()
    await deliveries.close()
    await store.close()


async def test_the_limits_of_the_configuration_hold(store_server: StoreServer, tmp_path: Path) -> None:
    """Of each thing as many as the file allows; one more is refused, and what is there stays."""
    limits = {"services": 1, "plans": 1, "secrets": 2, "secretsPerPlan": 1}
    async with office(store_server.url, tmp_path, limits=limits) as port:
        for path, name, most in (("services", "serviceName", 1), ("plans", "usagePlanName", 1)):
            for _ in range(most):
                await port.done("POST", f"/v1/{path}", json={name: "a"})
            told = await port.refused(409, "POST", f"/v1/{path}", json={name: "b"})
            assert told["code"] == "limit_exceeded"
        made = [await port.done("POST", "/v1/secrets", json={"secretName": name}) for name in ("a", "b")]
        (plan,) = (await port.done("GET", "/v1/plans"))["plans"]
        both = {"usagePlanId": plan["usagePlanId"], "secretIds": [each["secretId"] for each in made]}
        told = await port.refused(409, "POST", "/v1/bindings/secrets", json=both)
        assert told["code"] == "limit_exceeded"
        assert (await port.done("GET", "/v1/services"))["totalCount"] == 1
