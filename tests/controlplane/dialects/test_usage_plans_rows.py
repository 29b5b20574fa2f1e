import pytest

from quotad.controlplane.desk import Asker
from quotad.controlplane.dialects.fields import DialectError
from quotad.controlplane.dialects.usage_plans_rows import (
    UsagePlanView,
    brief,
    check_pair,
    default_of,
    limits_of,
    shown,
)

PLAN = {
    "usagePlanId": "usagePlan-a",
    "usagePlanName": "n",
    "dayQuotaRequest": 0,
    "quotaCondition": ["2xx", "4xx"],
    "modifier": "m",
}


def test_what_is_shown() -> None:
    """A limit of 0 is shown, one that is not set is left out, several classes are joined by commas."""
    view = UsagePlanView(PLAN, 3, Asker("a", "read"), "getUsagePlan")
    assert shown(view) == {
        "tenantId": "quotad",
        "usagePlanId": "usagePlan-a",
        "usagePlanName": "n",
        "usagePlanDescription": "",
        "dayQuotaRequest": 0,
        "quotaCondition": "2xx,4xx",
        "domainCode": "PUB",
        "associatedStagesCount": 3,
        "modifier": "m",
        "disabled": False,
        "permission": "read",
        "actionName": "getUsagePlan",
    }
    assert set(brief(view)) == set(shown(view)) & {*brief(view)}
    assert limits_of(PLAN) == {"dayQuotaRequest": 0, "quotaCondition": "2xx,4xx", "domainCode": "PUB"}
    assert "domainCode" not in default_of(PLAN)


def test_quotas_go_together() -> None:
    """Both or none."""
    check_pair({})
    check_pair({"dayQuotaRequest": 1, "monthQuotaRequest": 1})
    for alone in ("dayQuotaRequest", "monthQuotaRequest"):
        with pytest.raises(DialectError):
            check_pair({alone: 1})
