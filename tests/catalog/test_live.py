from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from quotad.catalog.live import Changes, LiveTable
from quotad.catalog.records import plan_of, secret_of, service_of
from quotad.core.plans import ENVIRONMENTS, Binding, EnvironmentRule, Service
from quotad.core.table import PlanTable
from quotad.store.control import Write
from tests.support.catalog import PLAN_ID, SERVICE_ID, plan, secret, service
from tests.support.properties import examples

SERVICES = ["service-a", "service-b"]
PLANS = ["plan-a", "plan-b", "plan-c"]
SECRETS = ["AKIDa", "AKIDb", "AKIDc", "AKIDd"]
Records = dict[tuple[str, str], dict[str, Any]]

PLACES = st.sets(
    st.tuples(
        st.sampled_from(SERVICES),
        st.sampled_from(["release", "test"]),
        st.booleans(),
        st.sampled_from(["", "", "api-a", "api-b"]),
    ),
    max_size=3,
)
THROTTLED: list[dict[str, Any]] = [
    {}, {"throttles": {"release": {"rateRps": 3, "burst": 4}}}, {"throttles": {"test": {"rateRps": 2}}},
]  # fmt: skip
APIS = [{"apiId": name, "apiName": name, "method": "ANY", "path": f"/{name}"} for name in ("api-a", "api-b")]
WRITES = st.one_of(
    st.builds(
        service,
        st.sampled_from(SERVICES),
        st.sets(st.sampled_from(ENVIRONMENTS)),
        st.dictionaries(
            st.sampled_from(ENVIRONMENTS),
            st.fixed_dictionaries(
                {
                    "defaultPlan": st.one_of(st.none(), st.sampled_from(PLANS)),
                    "throttle": st.one_of(st.none(), st.just({"rateRps": 5, "burst": 9})),
                }
            ),
        ),
        apis=st.builds(
            lambda count, said: [{**api, **more} for api, more in zip(APIS[:count], said, strict=False)],
            st.integers(0, 2),
            st.tuples(st.sampled_from(THROTTLED), st.sampled_from(THROTTLED)),
        ),
    ),
    st.builds(
        lambda name, places, scope, rate: plan(name, places, scope=scope, rateRps=rate),
        st.sampled_from(PLANS),
        PLACES,
        st.sampled_from(["plan", "secret"]),
        st.integers(1, 3),
    ),
    st.builds(
        lambda name, plans, enabled: secret(name, plans, enabled=enabled),
        st.sampled_from(SECRETS),
        st.sets(st.sampled_from(PLANS)),
        st.booleans(),
    ),
    st.builds(Write, st.just("service"), st.sampled_from(SERVICES), st.none()),
    st.builds(Write, st.just("plan"), st.sampled_from(PLANS), st.none()),
    st.builds(Write, st.just("secret"), st.sampled_from(SECRETS), st.none()),
)


def apply(table: LiveTable, *writes: Write) -> None:
    """One commit; keys are not opened, that would only take time."""
    changes = Changes(table)
    for kind, record_id, record in writes:
        if kind == "service":
            changes.services[record_id] = None if record is None else service_of(record)
        elif kind == "plan":
            changes.plans[record_id] = None if record is None else plan_of(record)
        elif record is None:
            changes.drop(record_id)
        else:
            changes.hold(record_id, *secret_of(record, None))
    table.apply(changes)


def after(commits: Sequence[Sequence[Write]]) -> Records:
    """The records that these commits leave."""
    records: Records = {}
    for kind, record_id, record in (write for commit in commits for write in commit):
        records.pop((kind, record_id), None)
        if record is not None:
            records[kind, record_id] = dict(record)
    return records


def rules(service: Service, plans: Container[str]) -> Iterator[EnvironmentRule]:
    """Of its environments; a default plan that is not there is none: a file would be refused."""
    for rule in service.rules:
        yield rule if rule.default_plan_id in plans else replace(rule, default_plan_id="")


def built(records: Records) -> PlanTable:
    """What a file with the same in it would give. Where the records give two plans the first one holds."""
    kinds: dict[str, dict[str, dict[str, Any]]] = {"service": {}, "plan": {}, "secret": {}}
    for (kind, name), record in sorted(records.items()):
        kinds[kind][name] = record
    bound = {name: plan_of(record) for name, record in kinds["plan"].items()}
    taken: set[Any] = set()
    bindings: list[Binding] = []
    for name, (_, places) in bound.items():
        for service_id, environment, shadow, api_id in places:
            holders = {
                (service_id, environment, shadow, api_id, each)
                for each, record in kinds["secret"].items()
                if name in record["plans"]
            } - taken
            taken |= holders
            ids = tuple(sorted(each[4] for each in holders))
            api_ids = (api_id,) if api_id else ()
            bindings.append(Binding(name, ids, ((service_id, environment),), shadow, api_ids))
    services = [service_of(record) for record in kinds["service"].values()]
    return PlanTable(
        [replace(each, rules=tuple(rules(each, bound))) for each in services],
        (each.plan for each in bound.values()),
        (secret_of(record, None)[0] for record in kinds["secret"].values()),
        bindings,
    )


@examples(300)
@given(st.lists(st.lists(WRITES, max_size=4), max_size=8), st.booleans())
def test_it_equals_a_table_built_anew(commits: list[list[Write]], adopted: bool) -> None:
    """After any commits every lookup answers as a table does that is built of the records there are."""
    table = LiveTable()
    for number, commit in enumerate(commits):
        apply(table, *commit)
        assert table.generation == number + 1
    if adopted:
        other, table = table, LiveTable()
        table.adopt(other)
    expected = built(after(commits))
    assert table.services.keys() == expected.services.keys()
    assert table.plans == expected.plans
    assert table.secrets == expected.secrets
    for service_id in SERVICES:
        for environment in ENVIRONMENTS:
            for api in ("", "api-a", "api-b"):
                place = service_id, environment, api
                assert table.throttle(*place) == expected.throttle(*place)
                assert dict(table.bound_shadows(*place)) == dict(expected.bound_shadows(*place))
            assert [table.has_default(service_id, environment, each) for each in SECRETS] == [
                expected.has_default(service_id, environment, each) for each in SECRETS
            ]
            for matcher in (attrgetter("apis"), attrgetter("throttled_apis")):
                matchers = [matcher(each)(service_id, environment) for each in (table, expected)]
                assert len({None if each is None else each.ids for each in matchers}) == 1
            for found, wanted in (
                (lookup(table)(service_id, environment, api), lookup(expected)(service_id, environment, api))
                for api in ("", "api-a", "api-b")
                for lookup in (attrgetter("callers"), attrgetter("shadows"))
            ):
                assert dict(found) == wanted
                assert [found.get(each) for each in SECRETS] == [wanted.get(each) for each in SECRETS]
                assert len(found) == len(wanted)
    tags = [subject.tag for subject in table.subjects()]
    assert sorted(tags) == sorted(subject.tag for subject in expected.subjects())
    assert tags == sorted(tags, key=lambda tag: ".shadow" in tag)


def test_a_shared_subject_is_one_object() -> None:
    """All Secrets of a plan have the same Subject, also after others came; a changed plan makes a new one."""
    table = LiveTable()
    apply(table, service(), plan(), secret("AKIDa"))
    (subject,) = table.callers(SERVICE_ID, "release").values()
    apply(table, secret("AKIDb"))
    callers = table.callers(SERVICE_ID, "release")
    assert callers["AKIDa"] is callers["AKIDb"] is subject
    apply(table, plan(rateRps=9))
    assert table.callers(SERVICE_ID, "release")["AKIDa"].plan.rate_rps == 9


def test_where_a_route_leads() -> None:
    """Not loaded is no answer yet; then a service is found by its id or only name, where it is published."""
    table = LiveTable()
    assert table.entrance("orders", "release") == ("", "not_loaded")
    table.adopt(LiveTable())
    assert table.entrance("orders", "release") == ("", "no_route")
    apply(table, service())
    assert table.entrance("orders", "release") == (SERVICE_ID, "")
    assert table.entrance(SERVICE_ID, "release") == (SERVICE_ID, "")
    assert table.entrance("orders", "test") == (SERVICE_ID, "no_route")
    apply(table, service("service-another"))
    assert table.entrance("orders", "release") == ("", "no_route")
    assert table.entrance("service-another", "release") == ("service-another", "")
    apply(table, Write("service", SERVICE_ID, None))
    assert table.entrance("orders", "release") == ("service-another", "")


def test_sets_of_plans_do_not_pile_up() -> None:
    """Thousands of sets that a Secret had one after the other are forgotten."""
    table = LiveTable()
    apply(table, service(), plan())
    record = {"secretName": "a", "secretId": "AKIDa"}
    for number in range(3_000):
        plans = {PLAN_ID: 1, f"plan-{number}": 1}
        apply(table, Write("secret", "AKIDa", {**record, "plans": plans}))
        assert table.callers(SERVICE_ID, "release")["AKIDa"].plan.usage_plan_id == PLAN_ID
    assert len(table.sets) <= 1_003
