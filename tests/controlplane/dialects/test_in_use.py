from quotad.controlplane.dialects import in_use
from quotad.controlplane.dialects.cloud_v3_rows import enforcing
from tests.support.desk import ADMIN, plan, secret, service
from tests.support.dialects import DialectPort


async def test_use_of_a_page(port: DialectPort) -> None:
    """Each place has its own use; where Secrets have quotas of their own, a row is their sum."""
    desk = port.desk
    shared, own = await plan(desk, "shared"), await plan(desk, "own", scope="secret")
    service_id = await service(desk, "release", "test", name="shop")
    secrets = [await secret(desk), await secret(desk)]
    await desk.bind_secrets(ADMIN, own, secrets)
    for place in ("release", "test"):
        await desk.bind_environment(ADMIN, [shared, own], service_id, place)
    await port.spend(shared, service_id, "release", 3)
    await port.spend(own, service_id, "test", 4, secrets[0])
    await port.spend(own, service_id, "test", 5, secrets[1])
    replica = await desk.records()
    found = await in_use.rows(replica, port.store, enforcing(replica, service_id=service_id))
    assert {(row.plan["usagePlanName"], row.reach.environment): row.in_use for row in found} == {
        ("shared", "release"): 3,
        ("shared", "test"): 0,
        ("own", "release"): 0,
        ("own", "test"): 9,
    }
    assert {row.service_name for row in found} == {"shop"}


async def test_more_than_one_reading(port: DialectPort) -> None:
    """Where a plan's Secrets have quotas of their own, the sum is of all of them, however many."""
    desk = port.desk
    plan_id, service_id = await plan(desk, "own", scope="secret"), await service(desk, "release")
    given = [{"secretName": f"s{number}"} for number in range(in_use.AT_ONCE)]
    made = await desk.import_secrets(ADMIN, given)
    ids = [await secret(desk), *(each["secretId"] for each in made)]
    await desk.bind_secrets(ADMIN, plan_id, ids[:1])
    await desk.bind_secrets(ADMIN, plan_id, ids[1:])
    await desk.bind_environment(ADMIN, [plan_id], service_id, "release")
    await port.spend(plan_id, service_id, "release", 2, ids[0])
    await port.spend(plan_id, service_id, "release", 3, ids[-1])
    replica = await desk.records()
    (row,) = await in_use.rows(replica, port.store, enforcing(replica, plan_id=plan_id))
    assert row.in_use == 5
