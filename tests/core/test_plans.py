import re

import pytest

from quotad.core.plans import ENVIRONMENTS, Environment, Secret, Service, Subject, UsagePlan

PLAN = UsagePlan("usagePlan-a1", "Trial")


def test_a_plan_limits_nothing_by_default() -> None:
    """Every limit that is not given is unlimited, and the safe choice is made elsewhere."""
    limits = (
        PLAN.rate_rps,
        PLAN.burst,
        PLAN.day_quota_request,
        PLAN.month_quota_request,
        PLAN.max_request_num,
    )
    assert limits == (-1, -1, -1, -1, -1)
    assert (PLAN.on_store_failure.mode, PLAN.on_crash, PLAN.scope, PLAN.timezone) == (
        "closed",
        "charge",
        "plan",
        "UTC",
    )


def test_a_key_is_never_shown() -> None:
    """The SecretKey is not in what a Secret prints."""
    assert "sesame" not in repr(Secret("name", "AKIDname", b"sesame-open"))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_tag(environment: Environment) -> None:
    """A Subject's tag names plan, service and environment, and the Secret where each has its own."""
    shared = Subject(PLAN, "service-x", environment)
    own = Subject(PLAN, "service-x", environment, "AKIDname")
    assert shared.tag == f"usagePlan-a1/service-x/{environment}"
    assert own.tag == f"usagePlan-a1/service-x/{environment}/AKIDname"
    assert re.fullmatch(r"[A-Za-z0-9_/-]+", own.tag)


def test_a_service_is_published_everywhere_by_default() -> None:
    """A service from a file is published in all three environments unless it says where."""
    assert Service("service-x", "x").environments == ("release", "prepub", "test")
