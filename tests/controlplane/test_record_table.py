"""The lookups of the control records, against the table of the same content that a file makes."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotad.controlplane.record_table import RecentTable, RecordTable
from quotad.controlplane.replica import Replica
from quotad.controlplane.subjects import Sought, find
from quotad.core.plans import ENVIRONMENTS, Api, Binding, EnvironmentRule, Secret, Service, UsagePlan
from quotad.core.table import PlanTable
from quotad.store.control import Head

SERVICES = ("service-a", "service-b")
SECRETS = tuple(f"AKID{name}" for name in "abcd")
PLANS = {
    name: ("secret" if name.startswith("own") else "plan") for name in ("shared", "own", "shadow", "own2")
}


def place(published: bool, default: str | None, throttle: dict[str, int] | None = None) -> dict[str, Any]:
    """An environment's record."""
    rest = {"released": None, "versionName": "", "releaseDesc": "", "throttle": throttle}
    return {"published": published, "defaultPlan": default, **rest}


def replica(
    held: dict[str, set[str]], bound: dict[str, set[tuple[str, str]]], default: str | None
) -> Replica:
    """Records of all of it. ``held``: Secrets of each plan; ``bound``: places of each plan."""
    made = Replica()
    stamps = {"created": 0, "modified": 0}
    for service_id in SERVICES:
        environments = {name: place(True, default if name == "test" else None) for name in ENVIRONMENTS}
        names = {"serviceId": service_id, "serviceName": service_id, "serviceDesc": ""}
        made.put("service", [(service_id, {**names, **stamps, "environments": environments})])
    for plan_id, scope in PLANS.items():
        environments_ = [
            {"serviceId": service_id, "environment": where, "shadow": plan_id == "shadow", "bound": 0}
            for service_id, where in sorted(bound.get(plan_id, ()))
        ]
        plan = {"usagePlanId": plan_id, "usagePlanName": plan_id, "scope": scope, "version": 1}
        made.put("plan", [(plan_id, {**plan, **stamps, "modifier": "", "environments": environments_})])
    for secret_id in SECRETS:
        plans = {plan_id: 0 for plan_id, ids in held.items() if secret_id in ids}
        secret = {"secretName": secret_id, "type": "manual", "enabled": True}
        rest = {"expiresAt": None, "previousUntil": None, "plans": plans}
        made.put("secret", [(secret_id, {**secret, **rest, **stamps})])
    return made


def table(
    held: dict[str, set[str]], bound: dict[str, set[tuple[str, Any]]], default: str | None
) -> PlanTable:
    """The same as a file would have it."""
    rules = () if default is None else (EnvironmentRule("test", default_plan_id=default),)
    return PlanTable(
        [Service(service_id, service_id, rules=rules) for service_id in SERVICES],
        [UsagePlan(plan_id, plan_id, scope=scope, version=1) for plan_id, scope in PLANS.items()],  # type: ignore[arg-type]
        [Secret(secret_id, secret_id, b"") for secret_id in SECRETS],
        [
            Binding(plan_id, tuple(sorted(held[plan_id])), tuple(sorted(places)), plan_id == "shadow")
            for plan_id, places in bound.items()
            if held.get(plan_id)
        ],
    )


IDS = st.sets(st.sampled_from(SECRETS))


@st.composite
def contents(draw: st.DrawFn) -> tuple[dict[str, set[str]], dict[str, set[tuple[str, Any]]], str | None]:
    """Bindings in which no Secret has two plans in one place."""
    places = list(itertools.product(SERVICES, ENVIRONMENTS))
    held, bound, taken = {}, {}, set[tuple[str, tuple[str, str]]]()
    for plan_id in PLANS:
        held[plan_id] = draw(IDS)
        bound[plan_id] = {
            each
            for each in draw(st.sets(st.sampled_from(places)))
            if plan_id == "shadow" or not any((secret_id, each) in taken for secret_id in held[plan_id])
        }
        if plan_id != "shadow":
            taken |= set(itertools.product(held[plan_id], bound[plan_id]))
    return held, bound, draw(st.sampled_from([None, "shared", "own"]))


@given(contents())
def test_every_lookup_is_that_of_a_file(
    content: tuple[dict[str, set[str]], dict[str, set[tuple[str, Any]]], str | None],
) -> None:
    """Who has which plan where, by default or bound, shadows too."""
    records, file = RecordTable(replica(*content)), table(*content)
    for service_id, environment, secret_id in itertools.product(SERVICES, ENVIRONMENTS, SECRETS):
        where = service_id, environment
        assert records.callers(*where).get(secret_id) == file.callers(*where).get(secret_id)
        assert records.shadows(*where).get(secret_id) == file.shadows(*where).get(secret_id)
        # A file names no plan's place without a Secret.
        assert not content[0]["shadow"] or records.bound_shadows(*where) == file.bound_shadows(*where)
        assert records.has_default(*where, secret_id) == file.has_default(*where, secret_id)
    for plan_id in PLANS:
        assert records.plans[plan_id] == file.plans[plan_id]


@given(contents(), st.integers(1, 4), st.integers(0, 12), st.sampled_from(["", *SECRETS]))
def test_pages_are_parts_of_the_whole(
    content: tuple[dict[str, set[str]], dict[str, set[tuple[str, Any]]], str | None],
    limit: int,
    offset: int,
    secret_id: str,
) -> None:
    """What is found with a limit is that part of what is found without; each Subject once, and counted."""
    records = RecordTable(replica(*content))
    sought = Sought(secret_id=secret_id)
    total, everything = find(records, sought, 1000)
    assert len({each.tag for each in everything}) == len(everything) == total
    assert find(records, sought, limit, offset) == (total, everything[offset : offset + limit])


def test_what_is_not_there() -> None:
    """No service, no plan, no Secret: nothing, and nobody counts what is only looked up."""
    records = RecordTable(replica({}, {}, None))
    assert records.entrance("service-none", "test") == ("service-none", "no_route")
    assert records.entrance("service-a", "test") == ("service-a", "")
    assert "AKIDnone" not in records.secrets
    assert records.callers("service-none", "test").get("AKIDa") is None
    assert records.throttle("service-a", "test") is None
    assert records.throttle("service-none", "test") is None
    with pytest.raises(NotImplementedError):
        len(records.plans)


def test_a_throttle() -> None:
    """What holds for all callers of an environment or Api is as a file's table has it."""
    made = replica({}, {}, None)
    environments = {name: place(True, None, {"rateRps": 5, "burst": 9}) for name in ("release", "prepub")}
    environments["test"] = place(True, "shared")
    record = {"serviceId": "service-c", "serviceName": "c", "serviceDesc": "", "created": 0, "modified": 7000}
    api = {"apiId": "api-c", "apiName": "c", "method": "ANY", "path": "/c"}
    apis = [{**api, "throttles": {"prepub": {"rateRps": 2, "burst": 2}}}]
    made.put("service", [("service-c", {**record, "environments": environments, "apis": apis})])
    rule = EnvironmentRule("prepub", 5, 9, 7)
    own = Api("api-c", "c", "ANY", "/c", (EnvironmentRule("prepub", 2, 2, 7),))
    file = PlanTable([Service("service-c", "c", rules=(rule,), apis=(own,))], [], [], [])
    records = RecordTable(made)
    assert records.throttle("service-c", "prepub", "api-c") == file.throttle("service-c", "prepub", "api-c")
    assert records.throttle("service-c", "release", "api-c") is None
    matcher = records.throttled_apis("service-c", "prepub")
    assert matcher is not None
    assert matcher.find(b"GET", b"/c") == "api-c"
    assert records.throttled_apis("service-c", "release") is None
    assert records.throttled_apis("service-none", "release") is None
    assert records.throttle("service-c", "prepub") == file.throttle("service-c", "prepub")
    assert records.throttle("service-c", "test") is None


class Desk:
    """Knows one replica."""

    def __init__(self) -> None:
        self.replica = Replica()

    async def records(self) -> Replica:
        return self.replica


async def test_the_same_table_until_records_change() -> None:
    """What was looked up is kept while nothing changes; a commit, and another replica, give another table."""
    desk = Desk()
    recent = RecentTable(desk)
    first = await recent.table()
    assert await recent.table() is first
    desk.replica.apply(Head(2, "b"), [])
    second = await recent.table()
    assert second is not first
    desk.replica = Replica()
    assert await recent.table() is not second


def test_all_that_enforce_come_in_parts() -> None:
    """Each once and not too many at once; of a plan whose Secrets count for themselves by Secret."""
    held = {"own": set(SECRETS), "shared": {"AKIDa"}}
    bound = {"own": {("service-a", "release"), ("service-b", "test")}, "shared": {("service-a", "prepub")}}
    made = RecordTable(replica(held, {**bound, "shadow": {("service-a", "test")}}, "shared"))
    pages = list(made.pages(3))
    assert all(len(page) <= 3 for page in pages)
    tags = [subject.tag for page in pages for subject in page]
    assert len(set(tags)) == len(tags)
    assert set(tags) == {each.tag for each in made.subjects() if not each.shadow}
    assert len(tags) == 2 * len(SECRETS) + 3
