import re

import pytest

from quotad.core.plans import ENVIRONMENTS, Environment, Secret, Service, Subject, UsagePlan, secret_of_tag
from quotad.store.keys import subject_keys

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


def test_the_tag_of_a_single_api() -> None:
    """It names the Api apart from a Secret; a Subject without an Api has the tag that it always had."""
    tags = [
        Subject(PLAN, "service-x", "test", secret_id, shadow, api_id).tag
        for secret_id in ("", "api-a")
        for shadow in (False, True)
        for api_id in ("", "api-a", "shadow")
    ]
    head = "usagePlan-a1/service-x/test"
    assert tags == [
        *(head, f"{head}/.api.api-a", f"{head}/.api.shadow"),
        *(f"{head}/.shadow", f"{head}/.shadow/.api.api-a", f"{head}/.shadow/.api.shadow"),
        *(f"{head}/api-a", f"{head}/.api.api-a/api-a", f"{head}/.api.shadow/api-a"),
        *(f"{head}/.shadow/api-a", f"{head}/.shadow/.api.api-a/api-a", f"{head}/.shadow/.api.shadow/api-a"),
    ]
    assert len(set(tags)) == len(tags)
    assert [secret_of_tag(tag.split("/")[3:]) for tag in tags] == [""] * 6 + ["api-a"] * 6


def test_the_longest_tag_is_a_key() -> None:
    """Ids as long as they may be make a tag that a key's name may have."""
    longest = Subject(UsagePlan("p" * 64, ""), "s" * 64, "release", "S" * 50, True, "a" * 40)
    subject_keys("quotad", longest)
