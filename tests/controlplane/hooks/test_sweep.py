import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace

import pytest

from quotad.config.model import StoreConfig
from quotad.controlplane.hooks.sweep import PAGE, PENDING_AT_MOST, Sweep, Swept, parts
from quotad.core.plans import Binding, Secret, Service, Subject, UsagePlan, Webhook
from quotad.core.quota import Reset, TopUp, Usage, Window
from quotad.core.table import PlanTable
from quotad.engine.terms import TermsBook
from quotad.errors import StoreError
from quotad.store.deliveries import Deliveries, Waiting
from quotad.store.keys import subject_keys, webhooks_key
from quotad.store.redis_store import RedisStore
from tests.chaos.plans import zone_at
from tests.support.delivering import deliveries
from tests.support.patient import patient_store
from tests.support.servers import StoreServer
from tests.support.spending import spend

SHARED = UsagePlan("gold", "Gold", day_quota_request=100, version=1)
EACH = UsagePlan("each", "Each", max_request_num=10, scope="secret", version=1)
SECRETS = [Secret(f"s{number}", f"AKID{number:05d}", b"k" * 10) for number in range(3)]
IDS = tuple(each.secret_id for each in SECRETS)
TABLE = PlanTable(
    [Service("orders", "Orders")],
    [SHARED, EACH],
    SECRETS,
    [
        Binding("gold", IDS, (("orders", "release"),)),
        Binding("each", IDS, (("orders", "test"),)),
        Binding("gold", IDS, (("orders", "prepub"),), shadow=True),
    ],
)
GOLD = Subject(SHARED, "orders", "release")
HOOK = Webhook("webhook-a", "w", "https://r.example/", b"k" * 32)
OTHER = replace(HOOK, webhook_id="webhook-b", thresholds=(90,), plan_ids=("each",))


async def at_once() -> None:
    """No rest between parts."""


class World:
    """A store, whose leader is "me"."""

    def __init__(self, url: str, store: RedisStore, board: Deliveries) -> None:
        self.url, self.store, self.board = url, store, board

    async def sweep(self, *webhooks: Webhook, table: PlanTable = TABLE, leader: str = "me") -> Swept:
        """One sweep."""
        return await Sweep(self.store, self.board, at_once).run(leader, table, webhooks or (HOOK,))

    async def told(self, webhook_id: str = "webhook-a") -> list[str]:
        """Thresholds and whose they are, the oldest first."""
        found = []
        for event in reversed(await self.board.page(webhook_id, "", 100)):
            words = event.body.split('"threshold":')[1].rstrip("}")
            whose = "AKID" + event.body.split("AKID")[1][:5] if "AKID" in event.body else ""
            found.append(f"{words} {whose}".strip())
        return sorted(found)


@pytest.fixture
async def world(store_server: StoreServer) -> AsyncIterator[World]:
    """On a real server."""
    store = patient_store(store_server.url)
    await store.start()
    async with deliveries(store_server.url) as board:
        assert await board.lead("me", 600_000)
        yield World(store_server.url, store, board)
    await store.close()


async def test_a_crossing_is_told_once_however_often_it_is_looked_for(world: World) -> None:
    """Nothing below; each threshold when it is reached; shadows and other plans say nothing."""
    assert await world.sweep() == Swept(4 + 1, 0, ())
    await spend(world.url, GOLD, 60)
    await spend(world.url, replace(GOLD, environment="prepub", shadow=True), 90)
    assert (await world.sweep()).events == 1
    assert (await world.sweep()).events == 0
    await spend(world.url, GOLD, 40)
    assert (await world.sweep()).events == 2
    assert await world.told() == ["100", "50", "80"]


async def test_each_secret_and_each_webhook_for_itself(world: World) -> None:
    """Under scope secret the Secret is named; a webhook has its own thresholds and plans."""
    await spend(world.url, Subject(EACH, "orders", "test", IDS[0]), 5)
    await spend(world.url, Subject(EACH, "orders", "test", IDS[2]), 9)
    await spend(world.url, GOLD, 95)
    assert (await world.sweep(HOOK, OTHER)).events == 2 + 3 + 1
    assert await world.told() == ["50", f"50 {IDS[0]}", f"50 {IDS[2]}", "80", f"80 {IDS[2]}"]
    assert await world.told("webhook-b") == [f"90 {IDS[2]}"]


async def test_two_who_look_at_the_same_time_tell_once(world: World) -> None:
    """Even were both the leader."""
    await spend(world.url, GOLD, 85)
    found = await asyncio.gather(*(world.sweep() for _ in range(4)))
    assert sum(each.events for each in found) >= 2
    assert await world.told() == ["50", "80"]


async def test_who_does_not_lead_tells_nothing(world: World) -> None:
    """And stops."""
    await spend(world.url, GOLD, 85)
    await world.sweep(leader="other")
    assert await world.told() == []


async def test_what_the_store_forgot_is_told_again_under_the_same_id(
    world: World, store_server: StoreServer
) -> None:
    """A receiver that keeps the ids sees one event."""
    await spend(world.url, GOLD, 55)
    await world.sweep()
    (first,) = await world.board.page("webhook-a", "", 9)
    await world.board.forget("webhook-a")
    client = store_server.client()
    for key in client.scan_iter(match=webhooks_key("quotad", "marks").decode() + "*"):
        client.delete(key)
    assert (await world.sweep()).events == 1
    (again,) = await world.board.page("webhook-a", "", 9)
    assert again.event_id == first.event_id


async def test_a_forecast_is_told_once(world: World) -> None:
    """When a day's quota would end before the day; a total has none."""
    now_us = world.store.now_us() or 0
    hour = now_us // 3_600_000_000 % 24
    # Where it is about nine in the morning.
    plan = replace(SHARED, timezone=zone_at(9, hour), max_request_num=100)
    subject = replace(GOLD, plan=plan)
    table = PlanTable(
        [Service("orders", "Orders")],
        [plan],
        SECRETS,
        [Binding("gold", IDS, (("orders", "release"),))],
    )
    hook = replace(HOOK, thresholds=(100,), forecast=True)
    await spend(world.url, subject, 20)
    assert (await world.sweep(hook, table=table)).events == 0
    await spend(world.url, subject, 60)
    for events in (1, 0):
        assert (await world.sweep(hook, table=table)).events == events
    (event,) = await world.board.page("webhook-a", "", 9)
    assert event.type == "quota.forecast"
    assert '"window":"day"' in event.body
    assert '"runsOutAt":"' in event.body


async def test_a_top_up_and_a_reset_arm_again(world: World) -> None:
    """What then is crossed once more is told once more, under an id of its own."""
    await spend(world.url, GOLD, 85)
    await world.sweep()
    now_us = world.store.now_us() or 0
    terms = TermsBook().terms(SHARED, now_us)
    await world.store.adjust(GOLD, terms, TopUp(1, Window.DAY, 100, 0))
    assert (await world.sweep()).events == 0
    await spend(world.url, GOLD, 80)
    assert (await world.sweep()).events == 2
    await world.store.adjust(GOLD, terms, Reset(2, frozenset((Window.DAY,))))
    assert (await world.sweep()).events == 0
    await spend(world.url, GOLD, 110)
    assert (await world.sweep()).events == 1
    assert await world.told() == ["50", "50", "50", "80", "80"]
    events = await world.board.page("webhook-a", "", 9)
    assert len({each.event_id for each in events}) == 5


async def test_marks_of_a_disabled_webhook_stay(world: World) -> None:
    """Enabled again it is told what is new, not all over again."""
    await spend(world.url, GOLD, 60)
    await world.sweep(HOOK, OTHER)
    assert (await world.sweep(replace(HOOK, enabled=False), OTHER)).events == 0
    await spend(world.url, GOLD, 25)
    assert (await world.sweep(replace(HOOK, enabled=False), replace(OTHER, plan_ids=("gold",)))).events == 0
    assert (await world.sweep()).events == 1
    assert await world.told() == ["50", "80"]


async def test_one_broken_subject_harms_no_other(world: World, store_server: StoreServer) -> None:
    """What cannot be read is passed over."""
    odd = Subject(EACH, "orders", "test", IDS[1])
    store_server.client().set(subject_keys("quotad", odd).state, "x")
    await spend(world.url, GOLD, 60)
    await spend(world.url, Subject(EACH, "orders", "test", IDS[2]), 9)
    assert (await world.sweep()).events == 3


async def test_a_store_that_is_away_ends_the_sweep(world: World) -> None:
    """It is looked again later."""

    class Away:
        async def usage(self, subjects: Sequence[Subject]) -> list[Usage]:
            raise StoreError("disconnected", "away", executed=False)

    with pytest.raises(StoreError, match="away"):
        await Sweep(Away(), world.board, at_once).run("me", TABLE, [HOOK])


async def test_who_takes_nothing_is_not_looked_after(world: World) -> None:
    """With too much on its way a webhook waits; nothing is marked, so it is told later."""

    class Full(Deliveries):
        """Says so of one webhook."""

        async def waiting(self, webhook_ids: Sequence[str]) -> list[Waiting]:
            return [Waiting(PENDING_AT_MOST if each == "webhook-a" else 0, 1) for each in webhook_ids]

    full = Full(world.url, StoreConfig(url=world.url))
    await full.start()
    await spend(world.url, Subject(EACH, "orders", "test", IDS[0]), 9)
    swept = await Sweep(world.store, full, at_once).run("me", TABLE, [HOOK, OTHER])
    await full.close()
    assert (swept.events, swept.full) == (1, ("webhook-a",))
    assert (await world.sweep()).events == 2


def test_subjects_come_in_parts() -> None:
    """All of them, not too many at once, whether a table gives parts or not."""
    many = [replace(GOLD, secret_id=f"AKID{number:06d}") for number in range(PAGE + 5)]

    class Table(PlanTable):
        def pages(self, size: int) -> Iterator[list[Subject]]:
            yield many[:3]
            yield many[3:4]
            yield many[4 : PAGE + 4]
            yield many[PAGE + 4 :]

    found = list(parts(Table()))
    assert [len(each) for each in found] == [4, PAGE, 1]
    assert [each for part in found for each in part] == many
    assert [len(each) for each in parts(TABLE)] == [len(list(TABLE.subjects()))]
    assert list(parts(PlanTable())) == []
