from dataclasses import replace

from quotad.core.plans import Binding, Secret, Service, UsagePlan
from quotad.core.table import PlanTable

SERVICES = [Service("service-a", "a"), Service("service-b", "b")]
SECRETS = [Secret(name, f"AKID{name}", b"0123456789") for name in ("one", "two", "three")]
SHARED = UsagePlan("plan-shared", "Shared", day_quota_request=10)
OWN = UsagePlan("plan-own", "Own", scope="secret")

TABLE = PlanTable(
    SERVICES,
    [SHARED, OWN],
    SECRETS,
    [
        Binding("plan-shared", ("AKIDone", "AKIDtwo"), (("service-a", "release"), ("service-b", "test"))),
        Binding("plan-own", ("AKIDone", "AKIDtwo"), (("service-a", "test"),)),
        Binding("plan-shared", ("AKIDthree",), (("service-a", "release"),)),
    ],
)


def test_secrets_of_a_shared_plan_have_one_subject() -> None:
    """Under ``scope: plan`` all callers of one environment get the same object, over all bindings."""
    callers = TABLE.callers("service-a", "release")
    assert set(callers) == {"AKIDone", "AKIDtwo", "AKIDthree"}
    assert callers["AKIDone"] is callers["AKIDtwo"] is callers["AKIDthree"]
    assert callers["AKIDone"].plan is SHARED
    assert callers["AKIDone"] is not TABLE.callers("service-b", "test")["AKIDone"]


def test_secrets_of_an_own_plan_have_a_subject_each() -> None:
    """Under ``scope: secret`` each caller counts for itself."""
    callers = TABLE.callers("service-a", "test")
    assert [callers[name].tag for name in ("AKIDone", "AKIDtwo")] == [
        "plan-own/service-a/test/AKIDone",
        "plan-own/service-a/test/AKIDtwo",
    ]


def test_nothing_is_bound_by_accident() -> None:
    """Another environment, service or Secret finds no Subject."""
    assert TABLE.callers("service-a", "prepub") == {}
    assert TABLE.callers("service-x", "release") == {}
    assert "AKIDthree" not in TABLE.callers("service-b", "test")
    assert PlanTable().callers("service-a", "release") == {}


def test_subjects_come_once_each() -> None:
    """Listing gives every Subject once, in the order of the bindings."""
    assert [subject.tag for subject in TABLE.subjects()] == [
        "plan-shared/service-a/release",
        "plan-shared/service-b/test",
        "plan-own/service-a/test/AKIDone",
        "plan-own/service-a/test/AKIDtwo",
    ]


def test_nouns_are_found_by_id() -> None:
    """Services, plans and secrets are looked up by their ids."""
    assert TABLE.services["service-b"].service_name == "b"
    assert TABLE.plans["plan-own"] is OWN
    assert TABLE.secrets["AKIDtwo"] == replace(SECRETS[1])
