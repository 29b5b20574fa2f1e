from dataclasses import replace

from quotad.core.plans import Api, Binding, EnvironmentRule, Secret, Service, UsagePlan
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


DEFAULTS = PlanTable(
    [
        replace(
            SERVICES[0],
            rules=(
                EnvironmentRule("release", 5, 10, 2, "plan-shared"),
                EnvironmentRule("test", default_plan_id="plan-own"),
                EnvironmentRule("prepub", 0, 0),
            ),
        )
    ],
    [SHARED, OWN],
    SECRETS,
    [
        Binding("plan-own", ("AKIDone",), (("service-a", "release"), ("service-a", "test"))),
        Binding("plan-shared", ("AKIDtwo",), (("service-a", "release"),)),
        Binding("plan-own", ("AKIDthree",), (("service-a", "release"),), shadow=True),
    ],
)


def test_whoever_has_no_plan_has_the_default() -> None:
    """Under ``scope: plan`` together, also with those who are bound to that plan; a shadow is no plan."""
    callers = DEFAULTS.callers("service-a", "release")
    assert callers["AKIDone"].plan is OWN
    assert callers["AKIDtwo"] is callers["AKIDthree"]
    assert callers["AKIDtwo"].plan is SHARED
    assert [DEFAULTS.has_default("service-a", "release", name) for name in callers] == [False, False, True]


def test_under_a_default_plan_of_its_own_each_counts_for_itself() -> None:
    """Under ``scope: secret`` each caller without a plan has counters of its own."""
    callers = DEFAULTS.callers("service-a", "test")
    assert [callers[name].secret_id for name in ("AKIDone", "AKIDtwo", "AKIDthree")] == [*callers]
    assert [DEFAULTS.has_default("service-a", "test", name) for name in callers] == [False, True, True]
    assert not DEFAULTS.has_default("service-a", "prepub", "AKIDone")


def test_defaults_are_listed_once() -> None:
    """Listing has those of default plans too, and no throttle."""
    assert [subject.tag for subject in DEFAULTS.subjects()] == [
        "plan-own/service-a/release/AKIDone",
        "plan-shared/service-a/release",
        "plan-own/service-a/test/AKIDone",
        "plan-own/service-a/test/AKIDtwo",
        "plan-own/service-a/test/AKIDthree",
        "plan-own/service-a/release/.shadow/AKIDthree",
    ]


def test_throttles() -> None:
    """One Subject for all callers of an environment, with a rate and nothing else, which is no plan's."""
    found = DEFAULTS.throttle("service-a", "release")
    assert found is not None
    assert found.tag == ".throttle.service-a.release/service-a/release"
    plan = found.plan
    assert (plan.rate_rps, plan.burst, plan.version, plan.quota_condition) == (5, 10, 2, frozenset())
    assert {plan.day_quota_request, plan.month_quota_request, plan.max_request_num} == {-1}
    assert DEFAULTS.throttle("service-a", "release") is found
    assert DEFAULTS.throttle("service-a", "test") is None
    none = DEFAULTS.throttle("service-a", "prepub")
    assert none is not None
    assert none.plan.rate_rps == 0


def test_throttles_of_single_apis() -> None:
    """An Api has one for each environment, beside the environment's own, and is found by its path there."""
    apis = (
        Api("api-a", "a", "GET", "/a", (EnvironmentRule("test", 3, 4, 7), EnvironmentRule("release"))),
        Api("api-b", "b", "ANY", "/b"),
    )
    table = PlanTable([Service("service-a", "a", apis=apis, rules=(EnvironmentRule("test", 9, 9),))])
    found = table.throttle("service-a", "test", "api-a")
    assert found is not None
    assert found.tag == ".throttle.service-a.test.api-a/service-a/test/.api.api-a"
    assert (found.plan.rate_rps, found.plan.burst, found.plan.version) == (3, 4, 7)
    whole = table.throttle("service-a", "test")
    assert whole is not None
    assert (whole.plan.rate_rps, whole.api_id) == (9, "")
    assert table.throttle("service-a", "test", "api-b") is None
    assert table.throttle("service-a", "release", "api-a") is None
    matcher = table.throttled_apis("service-a", "test")
    assert matcher is not None
    assert [matcher.find(b"GET", path) for path in (b"/a", b"/b", b"/c")] == ["api-a", "api-b", ""]
    assert table.throttled_apis("service-a", "release") is None
    assert table.apis("service-a", "test") is None
    assert DEFAULTS.throttled_apis("service-a", "release") is None


def test_plans_of_single_apis() -> None:
    """Each Api has a Subject of its own; what no plan is bound to has the default plan of the environment."""
    apis = (Api("api-a", "a", "GET", "/a"), Api("api-b", "b", "ANY", "/b"), Api("api-c", "c", "ANY", "/c"))
    table = PlanTable(
        [
            Service(
                "service-a", "a", apis=apis, rules=(EnvironmentRule("release", default_plan_id="plan-own"),)
            )
        ],
        [SHARED, OWN],
        SECRETS[:2],
        [
            Binding("plan-shared", ("AKIDone",), (("service-a", "release"),), api_ids=("api-a", "api-b")),
            Binding("plan-own", ("AKIDone",), (("service-a", "release"),), shadow=True, api_ids=("api-a",)),
        ],
    )
    matcher = table.apis("service-a", "release")
    assert matcher is not None
    assert (matcher.ids, matcher.find(b"PUT", b"/b")) == (("api-a", "api-b", "api-c"), "api-b")
    assert table.apis("service-a", "test") is None
    assert [table.callers("service-a", "release", each)["AKIDone"].tag for each in matcher.ids[:2]] == [
        "plan-shared/service-a/release/.api.api-a",
        "plan-shared/service-a/release/.api.api-b",
    ]
    assert "AKIDtwo" not in table.callers("service-a", "release", "api-a")
    assert table.callers("service-a", "release", "api-c") == {}
    assert table.callers("service-a", "release")["AKIDtwo"].tag == "plan-own/service-a/release/AKIDtwo"
    assert table.shadows("service-a", "release", "api-a")["AKIDone"].tag == (
        "plan-own/service-a/release/.shadow/.api.api-a/AKIDone"
    )
    by_default = [table.has_default("service-a", "release", "AKIDone", each) for each in matcher.ids]
    assert by_default == [False, False, True]
    assert [subject.api_id for subject in table.subjects()] == ["api-a", "api-b", "", "", "api-a"]
