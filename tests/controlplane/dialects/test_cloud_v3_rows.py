from typing import Any

from quotad.controlplane.dialects import cloud_v3_rows as rows
from quotad.controlplane.dialects.fields import shape
from quotad.controlplane.operations import Operations
from tests.support.desk import ADMIN, plan, service


async def test_shadow_plans_are_left_out(desk: Operations) -> None:
    """This dialect has no word for them, so they stand in no list of what is bound."""
    plan_id, service_id = await plan(desk), await service(desk, "release")
    await desk.bind_environment(ADMIN, [plan_id], service_id, "release", shadow=True)
    replica = await desk.records()
    assert rows.enforcing(replica, service_id=service_id) == []
    view = rows.service_view(replica, await desk.service(service_id))
    assert shape(rows.SERVICE_WHOLE, view)["UsagePlanTotalCount"] == 0
    info = shape(rows.PLAN_INFO, rows.plan_view(replica, plan_id, await desk.plan(plan_id)))
    assert (info["BindEnvironmentTotalCount"], info["BindEnvironments"]) == (0, [])


async def test_limits_show_the_true_number(desk: Operations) -> None:
    """-1 where there is none, and numbers too that this dialect could not have written."""
    cases: list[tuple[dict[str, Any], tuple[int, int]]] = [
        ({}, (-1, -1)),
        ({"rateRps": 0, "maxRequestNum": 2**53 - 1}, (0, 2**53 - 1)),
    ]
    for given, shown in cases:
        record = await desk.plan(await plan(desk, "gold", **given))
        row = shape(rows.PLAN_STATUS, record)
        assert (row["MaxRequestNumPreSec"], row["MaxRequestNum"]) == shown
        assert row["CreatedTime"].endswith("Z")
        assert len(row["CreatedTime"]) == 20
