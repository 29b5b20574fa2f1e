"""What every dialect translates to: roles and tenant limits."""

from quotad.config.tenant import Limits
from quotad.controlplane.desk import Asker
from quotad.controlplane.operations import Operations
from quotad.controlplane.refusal import Reason
from tests.support.desk import ADMIN, operations, plan, refused, secret, service
from tests.support.servers import StoreServer


async def test_roles(desk: Operations) -> None:
    """Who may only read changes nothing; who operates sees and makes no key."""
    reader, operator = Asker("r", "read"), Asker("o", "operate")
    assert (await refused(desk.create_plan(reader, {"usagePlanName": "p"})))[0] is Reason.FORBIDDEN
    await desk.create_plan(operator, {"usagePlanName": "p"})
    assert (await refused(desk.create_secret(operator, {"secretName": "s"})))[0] is Reason.FORBIDDEN
    secret_id = await secret(desk)
    assert (await refused(desk.reveal_secret_keys(operator, secret_id)))[0] is Reason.FORBIDDEN
    await desk.disable_secret(operator, secret_id)


async def test_tenant_limits(store_server: StoreServer) -> None:
    """The numbers that a cloud sets are kept where they are asked for."""
    async with operations(store_server.url, Limits(1, 2, 3, 2, 1)) as desk:
        first, second = await plan(desk), await plan(desk)
        assert (await refused(plan(desk)))[0] is Reason.LIMIT
        await service(desk)
        assert (await refused(service(desk)))[0] is Reason.LIMIT
        ids = [await secret(desk) for _ in range(3)]
        assert (await refused(secret(desk)))[0] is Reason.LIMIT
        assert (await refused(desk.bind_secrets(ADMIN, first, ids)))[0] is Reason.LIMIT
        await desk.bind_secrets(ADMIN, first, ids[:2])
        assert (await refused(desk.bind_secrets(ADMIN, second, ids[:1])))[0] is Reason.LIMIT
