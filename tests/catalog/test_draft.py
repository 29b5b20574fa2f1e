import pytest

from quotad.catalog.draft import EVERY_PLAN, SOMEBODY, Draft, LostTrackError, Reading
from quotad.catalog.live import LiveTable
from quotad.store.control import Commit, Head, Write
from tests.support.catalog import (
    PLAN_ID,
    ROUTED,
    SERVICE_ID,
    VAULT,
    MemoryControl,
    key_of,
    plan,
    secret,
    service,
)

AT = Head(7, "seven")
ELSEWHERE = ("service-elsewhere", "release", False)


def draft(table: LiveTable | None = None, followed: tuple[str, ...] = (), reading: Reading = ROUTED) -> Draft:
    """Nothing yet."""
    table = LiveTable() if table is None else table
    return Draft(table, reading, followed, table.secrets)


def commit(version: int, prev: str, *writes: Write) -> Commit:
    return Commit(version, prev, f"uid-{version}", list(writes))


def test_commits_lead_on() -> None:
    """Commits that stand on each other are taken, and say where they lead."""
    made = draft()
    head = made.follow(AT, [commit(8, "seven", service()), commit(9, "uid-8", plan())])
    assert head == Head(9, "uid-9")
    assert (set(made.changes.services), set(made.changes.plans)) == ({SERVICE_ID}, {PLAN_ID})


@pytest.mark.parametrize(("version", "prev", "kind"), [(9, "seven", "gap"), (8, "other", "fork")])
def test_commits_that_do_not(version: int, prev: str, kind: str) -> None:
    """One that is not the next, or stands on another past, is told apart."""
    with pytest.raises(LostTrackError) as caught:
        draft().follow(AT, [commit(version, prev, service())])
    assert caught.value.kind == kind


async def test_only_what_routes_name_is_read() -> None:
    """Secrets of plans that are bound at a routed service are read and opened, no others are asked for."""
    control = MemoryControl()
    control.write(
        service(),
        plan(),
        plan("plan-elsewhere", [ELSEWHERE]),
        secret("AKIDhere"),
        secret("AKIDnot", ["plan-elsewhere"]),
    )
    made = draft()
    for kind in ("service", "plan"):
        async for page in control.records(kind):
            for record_id, record in page:
                made.put(kind, record_id, record)
    assert made.missing() == {PLAN_ID}
    await made.fetch(control, {PLAN_ID})
    assert made.missing() == set()
    assert control.read == ["AKIDhere"]
    assert made.changes.secrets["AKIDhere"].secret_key == key_of("AKIDhere").encode()
    made.put("secret", "AKIDnot", secret("AKIDnot", ["plan-elsewhere"]).record)
    assert set(made.changes.secrets) == {"AKIDhere"}


async def test_a_name_that_two_services_have_is_read_for_both() -> None:
    """Which one a route will mean when one of them is renamed is not known, so both are read for."""
    made = draft(reading=Reading(frozenset(("orders",)), VAULT))
    made.put("service", "service-a", service("service-a").record)
    made.put("service", "service-b", service("service-b").record)
    made.put("plan", "plan-a", plan("plan-a", [("service-a", "test", True)]).record)
    made.put("plan", "plan-b", plan("plan-b", [("service-b", "test", False)]).record)
    assert made.missing() == {"plan-a", "plan-b"}


def test_a_known_secret_is_followed_wherever_it_goes() -> None:
    """One that was read stays known when its last plan here is taken from it, until it is deleted."""
    table = LiveTable()
    first = draft(table, (PLAN_ID,))
    for write in (service(), plan(), secret("AKIDhere")):
        first.put(*write)
    table.apply(first.changes)
    second = draft(table, (PLAN_ID,))
    second.put("secret", "AKIDhere", secret("AKIDhere", (), enabled=False).record)
    table.apply(second.changes)
    assert not table.secrets["AKIDhere"].enabled
    assert not table.callers(SERVICE_ID, "release")
    third = draft(table, (PLAN_ID,))
    third.put("secret", "AKIDhere", None)
    table.apply(third.changes)
    assert not table.secrets


@pytest.mark.parametrize(
    "write",
    [
        Write("secret", "AKIDhere", {**(secret("AKIDhere").record or {}), "secretKey": "k1.x.y"}),
        Write("secret", "AKIDhere", secret("AKIDthere").record),
        Write("secret", "AKIDhere", {**(secret("AKIDhere").record or {}), "plans": 5}),
        Write("plan", PLAN_ID, {**(plan().record or {}), "rateRps": "many"}),
        Write("plan", PLAN_ID, plan("plan-other").record),
        Write("service", SERVICE_ID, {"serviceId": SERVICE_ID}),
        Write("service", SERVICE_ID, service("service-other").record),
    ],
)
def test_what_cannot_be_read_is_not_there(write: Write) -> None:
    """A record that cannot be read, or is another's, is left out, what it was before too."""
    table = LiveTable()
    first = draft(table, (PLAN_ID,))
    for each in (service(), plan(), secret("AKIDhere")):
        first.put(*each)
    table.apply(first.changes)
    second = draft(table, (PLAN_ID,))
    second.put(*write)
    table.apply(second.changes)
    of_kind = {"secret": table.secrets, "plan": table.plans, "service": table.services}
    assert not of_kind[write.kind]
    assert len(second.unreadable) == 1
    assert write.id in str(second.unreadable[0])


def test_an_equal_secret_stays_the_same_object() -> None:
    """A second reading of what has not changed takes no second memory."""
    table = LiveTable()
    first = draft(table, (PLAN_ID,))
    first.put(*secret("AKIDhere"))
    table.apply(first.changes)
    second = draft(LiveTable(), (PLAN_ID,))
    anew = Draft(LiveTable(), ROUTED, (PLAN_ID,), table.secrets)
    for each in (second, anew):
        each.put(*secret("AKIDhere"))
    assert anew.changes.secrets["AKIDhere"] is table.secrets["AKIDhere"]
    assert second.changes.secrets["AKIDhere"] is not table.secrets["AKIDhere"]


def test_records_of_other_kinds_are_passed_by() -> None:
    """Admin credentials, and counters that are to be erased, are no sidecar's business."""
    made = draft()
    made.put("credential", "c1", {"id": "c1"})
    made.put("doomed", "d1", None)
    changes = made.changes
    assert [changes.services, changes.plans, changes.secrets, made.unreadable] == [{}, {}, {}, []]


async def test_a_default_plan_is_for_everybody() -> None:
    """Where whoever has no plan has a default one, all Secrets are read."""
    control = MemoryControl()
    control.write(
        service(rules={"release": {"defaultPlan": PLAN_ID}}),
        plan(places=()),
        secret("AKIDany", ()),
        secret("AKIDnew"),
    )
    made = draft()
    for kind in ("service", "plan"):
        async for page in control.records(kind):
            for record_id, record in page:
                made.put(kind, record_id, record)
    assert made.missing() == {EVERY_PLAN}
    await made.fetch(control, {EVERY_PLAN})
    made.put(*secret("AKIDlater", ()))
    assert made.missing() == set()
    assert set(made.changes.secrets) == {"AKIDany", "AKIDnew", "AKIDlater"}


async def test_where_nobody_calls_secrets_have_no_names() -> None:
    """Without a vault only Secrets that count for themselves are read, and all of them are the same one."""
    shared, single, shadow = "plan-shared", "plan-single", "plan-shadow"
    control = MemoryControl()
    control.write(
        service(),
        plan(shared, scope="plan"),
        plan(single, [(SERVICE_ID, "test", False)], scope="secret"),
        plan(shadow, [(SERVICE_ID, "release", True)], scope="secret"),
        secret("AKIDshared", [shared]),
        secret("AKIDsingle", [single]),
        secret("AKIDshadow", [shared, shadow]),
    )
    made = draft(reading=Reading(frozenset((SERVICE_ID,)), None))
    await fill(made, control)
    assert made.wanted == {single, shadow}
    assert made.changes.secrets == {"AKIDsingle": SOMEBODY, "AKIDshadow": SOMEBODY}
    assert made.changes.plan_ids["AKIDshadow"] == {shared, shadow}
    assert sorted(control.read) == ["AKIDshadow", "AKIDsingle"]


@pytest.mark.parametrize(("scope", "wanted"), [("plan", set()), ("secret", {EVERY_PLAN})])
async def test_where_nobody_calls_a_default_plan_counts_by_scope(scope: str, wanted: set[str]) -> None:
    """Everybody is read only where everybody has counters of their own."""
    control = MemoryControl()
    control.write(service(rules={"release": {"defaultPlan": PLAN_ID}}), plan(places=(), scope=scope))
    control.write(secret("AKIDnobody", ()))
    made = draft(reading=Reading(frozenset((SERVICE_ID,)), None))
    await fill(made, control)
    assert made.wanted == wanted
    assert set(made.changes.secrets) == ({"AKIDnobody"} if wanted else set())


async def test_who_needs_no_secrets_reads_none() -> None:
    """Plans and services are known, also from commits; a Secret never is."""
    control = MemoryControl()
    control.write(service(), plan(scope="secret"), secret("AKIDhere"))
    made = draft(reading=Reading(frozenset((SERVICE_ID,)), None, secrets=False))
    await fill(made, control)
    made.follow(AT, [commit(8, "seven", secret("AKIDnew"))])
    assert (made.missing(), set(made.changes.plans), made.changes.secrets) == (set(), {PLAN_ID}, {})
    assert control.read == []


async def fill(made: Draft, control: MemoryControl) -> None:
    """Read what there is, as at a start."""
    for kind in ("service", "plan"):
        async for page in control.records(kind):
            for record_id, record in page:
                made.put(kind, record_id, record)
    await made.fetch(control, made.missing())
