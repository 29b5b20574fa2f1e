"""Services and their environments."""

from quotad.controlplane.operations import Operations
from quotad.controlplane.refusal import Reason
from tests.support.desk import ADMIN, plan, refused, service


async def test_only_published_environments_are_bound(desk: Operations) -> None:
    """Not published, or no environment at all: refused; people's names for them are understood."""
    plan_id, service_id = await plan(desk), await service(desk, "testing")
    asked = desk.bind_environment(ADMIN, [plan_id], service_id, "release")
    assert await refused(asked) == (Reason.NOT_PUBLISHED, "environment")
    asked = desk.bind_environment(ADMIN, [plan_id], service_id, "staging")
    assert await refused(asked) == (Reason.INVALID, "environment")
    await desk.bind_environment(ADMIN, [plan_id], service_id, "test")
    asked = desk.delete_service(ADMIN, service_id)
    assert (await refused(asked))[0] is Reason.SERVICE_IN_USE
    await desk.unbind_environment(ADMIN, [plan_id], service_id, "test")
    await desk.unpublish(ADMIN, service_id, "test")
    await desk.delete_service(ADMIN, service_id)
    assert (await refused(desk.service(service_id)))[0] is Reason.NO_SERVICE
