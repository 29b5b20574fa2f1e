import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from quotad.catalog.vault import Vault
from quotad.catalog.webhooks import webhook_of
from quotad.controlplane import apply
from quotad.controlplane.apply import Plan
from quotad.controlplane.desk import Asker
from quotad.controlplane.operations import Operations
from quotad.controlplane.plans import DOOMED_AFTER_US
from quotad.controlplane.refusal import Reason
from quotad.controlplane.replica import Where
from quotad.controlplane.wanted import wanted_secret
from quotad.core.plans import Binding, Secret, Service, UsagePlan, Webhook
from quotad.core.table import PlanTable
from tests.support.control import all_members, control_store
from tests.support.desk import ADMIN, MASTER, operations, plan, refused, secret, service, violations, webhook
from tests.support.servers import StoreServer

KEY = b"the-key-of-this"


@pytest.fixture
async def desk(store_server: StoreServer) -> AsyncIterator[Operations]:
    """On an empty store."""
    async with operations(store_server.url) as made:
        yield made


def table(
    plans: Any = ("p",), secrets: Any = ("AKIDa",), bound: Any = None, where: Any = ("release",)
) -> PlanTable:
    """One service; ``bound``: SecretIds by plan, of all Secrets to the first plan unless given."""
    given = {plans[0]: secrets} if bound is None and plans else bound or {}
    return PlanTable(
        [Service("s", "orders", "", ("release", "test"))],
        [UsagePlan(each, each, day_quota_request=7) for each in plans],
        [Secret(each, each, KEY) for each in secrets],
        [Binding(each, tuple(ids), tuple(("s", name) for name in where)) for each, ids in given.items()],
    )


async def applied(desk: Operations, wanted: PlanTable, *, prune: bool = False) -> Plan:
    """What was done."""
    applier = desk.applier(ADMIN, wanted, prune=prune)
    found = await applier.plan()
    await applier.apply(found)
    again = await applier.plan()
    assert (again.differences, again.steps) == ([], [])
    return found


async def test_from_nothing_in_one_commit(desk: Operations, store_server: StoreServer) -> None:
    """All comes into force at once; applied again nothing is to do, and the log has one commit."""
    before = (await desk.records()).head
    done = await applied(desk, table())
    replica = await desk.records()
    assert before.version == 0
    assert [str(each)[:14] for each in done.differences] == [
        "+ service s: s",
        "+ plan p: usag",
        "+ secret AKIDa",
    ]
    assert replica.plans_of("AKIDa").keys() == {"p"}
    _, reaches = replica.reaches("p")
    assert [(each.service_id, each.environment) for each in reaches] == [("s", "release")]
    assert (await desk.reveal_secret_keys(ADMIN, "AKIDa"))["secretKey"] == KEY.decode()
    async with control_store(store_server.url) as control:
        assert await all_members(control, "p") == {"AKIDa"}
        ((_, entry),) = [each for each in await control.audit("", 9) if each[1]["action"] == "ApplyRecords"]
    assert entry["after"]["written"] == ["plan/p", "service/s", "secret/AKIDa"]
    assert KEY.decode() not in str(entry)


async def test_a_second_key(desk: Operations) -> None:
    """It comes, is told to be another one, and stays where a file says none; no difference shows it."""
    first = table()
    given = Secret("AKIDa", "AKIDa", KEY, secondary_key=b"the-second-key", secret_desc="two")
    other = Secret("AKIDa", "AKIDa", KEY, secondary_key=b"the-other-second", secret_desc="two")
    await applied(desk, first)
    for each, words in (
        (given, "~ secret AKIDa: secretDesc none -> two, secondaryKey another one"),
        (other, "~ secret AKIDa: secondaryKey another one"),
        (first.secrets["AKIDa"], "~ secret AKIDa: secretDesc two -> none"),
    ):
        parts = first.services.values(), first.plans.values(), [each], first.bindings
        assert list(map(str, (await applied(desk, PlanTable(*parts))).differences)) == [words]
    keys = {"secretKey": KEY.decode(), "secondaryKey": "the-other-second"}
    assert await desk.reveal_secret_keys(ADMIN, "AKIDa") == keys


async def test_what_is_not_named_stays_unless_pruned(desk: Operations) -> None:
    """Other services, plans and Secrets and their bindings stay; with prune they go, counters too."""
    other_service = await service(desk, "release")
    other_plan, other_secret = await plan(desk), await secret(desk)
    await applied(desk, table())
    await desk.bind_secrets(ADMIN, "p", [other_secret])
    await desk.bind_environment(ADMIN, ["p"], other_service, "release")
    await desk.bind_secrets(ADMIN, other_plan, ["AKIDa"])
    await applied(desk, table(where=("test",)))
    replica = await desk.records()
    places = {(each.service_id, each.environment) for each in replica.reaches("p")[1]}
    assert places == {("s", "test"), (other_service, "release")}
    assert replica.plans_of("AKIDa").keys() == {"p", other_plan}
    assert replica.plans_of(other_secret).keys() == {"p"}
    done = await applied(desk, table(), prune=True)
    replica = await desk.records()
    assert {str(each) for each in done.differences if each.sign == "-"} == {
        f"- service {other_service}",
        f"- plan {other_plan}",
        f"- secret {other_secret}",
    }
    assert replica.counts() == {"service": 1, "plan": 1, "secret": 1}
    assert replica.plans_of("AKIDa").keys() == {"p"}
    assert {(each["kind"], each["id"]) for each in replica.doomed()} == {
        ("plan", other_plan),
        ("secret", other_secret),
    }


async def test_counters_outlive_the_commit(desk: Operations) -> None:
    """They are deleted a while after it, however long ago the differences were shown."""
    await applied(desk, table())
    applier = desk.applier(ADMIN, PlanTable(), prune=True)
    shown = await applier.plan()
    later_us = await desk.now_us()
    await applier.apply(shown)
    assert [each["at"] >= later_us + DOOMED_AFTER_US for each in (await desk.records()).doomed()] == [
        True
    ] * 2


async def test_two_plans_in_one_place_are_refused(desk: Operations) -> None:
    """Also when one of them is not in the file; nothing is changed then."""
    other_plan = await plan(desk)
    await applied(desk, table())
    await desk.bind_secrets(ADMIN, other_plan, ["AKIDa"])
    await desk.bind_environment(ADMIN, [other_plan], "s", "test")
    head = (await desk.records()).head
    applier = desk.applier(ADMIN, table(where=("release", "test")), prune=False)
    assert (await refused(applier.plan()))[0] is Reason.SECRET_CONFLICT
    assert (await desk.records()).head == head


async def test_who_may(desk: Operations) -> None:
    """Only an admin."""
    with pytest.raises(Exception, match="role admin"):
        desk.applier(Asker("o", "operate"), table(), prune=False)


async def test_many_in_steps_that_break_no_rule(desk: Operations) -> None:
    """2,500 Secrets move from one plan to another of the same place: after no commit does one have two."""
    ids = [f"AKID{number:05d}" for number in range(1_250)]
    await applied(desk, table(("p", "q", "gone"), ids, {"p": ids, "q": []}))
    first = await desk.records()
    assert first.holder_count("p") == len(ids)
    more = [*ids[:-1], *(f"AKIDx{number:04d}" for number in range(1_250))]
    applier = desk.applier(ADMIN, table(("p", "q"), more, {"p": [], "q": more}), prune=True)
    found = await applier.plan()
    assert len(found.steps) > 4
    seen: list[int] = []

    def told(count: int) -> None:
        replica = desk._desk.replica
        seen.append(count)
        assert violations(replica) == []

    await applier.apply(found, told)
    replica = await desk.records()
    assert len(seen) == len(found.steps)
    assert max(seen) <= 1_000
    assert (replica.holder_count("p"), replica.holder_count("q")) == (0, len(more))
    assert {each["usagePlanId"] for each in replica.plans(Where())[1]} == {"p", "q"}
    assert (await applier.plan()).steps == []


async def test_a_change_of_another_meanwhile(desk: Operations, store_server: StoreServer) -> None:
    """What does not touch the file's records is no matter; what makes other differences is told."""
    applier = desk.applier(ADMIN, table(), prune=False)
    found = await applier.plan()
    async with operations(store_server.url) as rival:
        await plan(rival)
        await applier.apply(found)
        applier = desk.applier(ADMIN, table(where=("test",)), prune=False)
        found = await applier.plan()
        await rival.modify_plan(ADMIN, "p", {"rateRps": 3})
    assert (await refused(applier.apply(found)))[0] is Reason.STALE


async def test_a_key_that_was_sealed_with_another_master_key(store_server: StoreServer) -> None:
    """It is opened to be compared, and left as it is."""
    async with operations(store_server.url) as desk:
        await applied(desk, table())
    both = (("m2", b"2" * 32), *MASTER)
    async with operations(store_server.url, keys=both) as desk:
        assert await desk.reseal(ADMIN) == 1
        assert (await applied(desk, table())).steps == []
    async with control_store(store_server.url) as control:
        (record,) = await control.get("secret", ["AKIDa"])
    assert record is not None
    assert Vault(both[:1]).open("AKIDa", record["secretKey"]) == KEY


async def test_others_have_their_turn(desk: Operations, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a large file is compared the loop goes on, every hundred Secrets."""
    seen: set[int] = set()
    turns = 0

    def noting(*given: Any) -> Any:
        seen.add(turns)
        return wanted_secret(*given)

    monkeypatch.setattr(apply, "wanted_secret", noting)
    wanted = table(secrets=tuple(f"AKID{number:05d}" for number in range(3_000)))
    comparing = asyncio.ensure_future(desk.applier(ADMIN, wanted, prune=True).plan())
    while not comparing.done():
        await asyncio.sleep(0)
        turns += 1
    assert len((await comparing).differences) == 3_002
    assert len(seen) >= 3_000 // apply.BREATH


async def test_webhooks_become_as_the_file_says(desk: Operations) -> None:
    """Made with their key, changed without it, kept unless pruned; no difference tells a key."""

    def hooked(*webhooks: Webhook) -> PlanTable:
        first = table()
        parts = first.services.values(), first.plans.values(), first.secrets.values(), first.bindings
        return PlanTable(*parts, webhooks)

    url = "https://r.example/"
    one, two = Webhook("one", "one", url, b"k" * 32), Webhook("two", "two", url, b"l" * 32)
    done = await applied(desk, hooked(one, two))
    assert [str(each).partition(":")[0] for each in done.differences][-2:] == [
        "+ webhook one",
        "+ webhook two",
    ]
    assert (await applied(desk, hooked(replace(one, key=b""), two))).differences == []
    changed = await applied(
        desk, hooked(replace(one, key=b"", thresholds=(90,)), replace(two, key=b"m" * 32))
    )
    assert list(map(str, changed.differences)) == [
        "~ webhook one: thresholds 50, 80, 100 -> 90",
        "~ webhook two: signingKey another one",
    ]
    vault = Vault(MASTER)
    keys = {name: webhook_of(await webhook(desk, name), vault).key for name in ("one", "two")}
    assert keys == {"one": b"k" * 32, "two": b"m" * 32}
    assert (await applied(desk, hooked(replace(one, key=b"", thresholds=(90,))))).differences == []
    gone = await applied(desk, hooked(replace(one, key=b"", thresholds=(90,))), prune=True)
    assert list(map(str, gone.differences)) == ["- webhook two"]
    assert (await desk.records()).doomed() == []
    new = desk_applier(desk, hooked(Webhook("new", "new", url, b"")))
    assert await refused(new) == (Reason.MISSING, "signingKey")


async def desk_applier(desk: Operations, wanted: PlanTable) -> None:
    """What a file would change."""
    await desk.applier(ADMIN, wanted, prune=False).plan()
