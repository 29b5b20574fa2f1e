from typing import Any

import pytest

from quotad.controlplane.replica import Reach, Replica, SecretRow
from quotad.controlplane.rest import shapes

PLAN: dict[str, Any] = {
    "usagePlanId": "p",
    "usagePlanName": "gold",
    "environments": [{"serviceId": "s", "environment": "test", "shadow": True, "bound": 0}],
    "created": 0,
    "modified": 1_500_000,
    "modifier": "me",
    "version": 3,
}


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"burst": 4, "rateRps": 2, "quotaCondition": "2xx", "lease": {"max": 1}, "startsOn": "2026-01-01"},
        {"quotaCondition": ["2xx", "3xx"], "onStoreFailure": {"open": {"budget": 1}}, "firstPeriodOffset": 2},
    ],
)
def test_a_plan_has_its_shape(said: dict[str, Any]) -> None:
    """Whatever is said or left out, what is shown is a ``Plan``, defaults told."""
    shown = shapes.plan({**PLAN, **said}, 2)
    shapes.Plan.model_validate(shown)
    assert (shown["modified"], shown["secretCount"]) == ("1970-01-01T00:00:01.500Z", 2)


def test_a_service_a_secret_and_a_binding_have_theirs() -> None:
    """Times are RFC 3339, and null where there is none."""
    place = {
        "published": True,
        "released": 0,
        "versionName": "1",
        "releaseDesc": "",
        "throttle": {"rateRps": 1, "burst": 2},
        "defaultPlan": None,
    }
    names = {"serviceId": "s", "serviceName": "n", "serviceDesc": "", "created": 0, "modified": 0}
    service = {**names, "environments": dict.fromkeys(("release", "prepub", "test"), place)}
    shapes.Service.model_validate(shapes.service(service))
    row = SecretRow("AKIDa", "a", "auto", True, None, 5, 0, 0, "t")
    shown = shapes.secret(row, Replica())
    shapes.Secret.model_validate(shown)
    assert (shown["expiresAt"], shown["previousUntil"]) == (None, "1970-01-01T00:00:00.000Z")
    reach = Reach("p", "s", "test", shadow=False, bound=0)
    shapes.EnvironmentBinding.model_validate(shapes.reach(reach))
