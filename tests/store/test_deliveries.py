from collections.abc import Iterator
from dataclasses import replace

import pytest

from quotad.core.deliveries import Attempt
from quotad.errors import StoreError
from quotad.store.deliveries import KEPT, Change, Deliveries
from quotad.store.keys import webhooks_key
from tests.support.clusters import Cluster, running_cluster
from tests.support.delivering import DAY_END_US, deliveries, event, told
from tests.support.servers import StoreServer
from tests.support.waiting import until_true

GOOD = Attempt(5, 204, "", 1)
BAD = Attempt(5, 500, "", 1)
TAG = "gold/orders/release"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three primaries."""
    with running_cluster() as running:
        yield running


async def test_one_leads_at_a_time(store_server: StoreServer) -> None:
    """Whoever leads may say so again; another one only when it let go, or its time is over."""
    async with deliveries(store_server.url) as one, deliveries(store_server.url) as two:
        assert await one.lead("one", 60_000)
        assert await one.lead("one", 60_000)
        assert not await two.lead("two", 60_000)
        await two.resign("two")
        assert not await two.lead("two", 60_000)
        await one.resign("one")
        assert await two.lead("two", 60_000)
        store_server.client().pexpire(webhooks_key("quotad", "leader"), 1)
        await until_true(lambda: one.lead("one", 60_000))


async def test_marks_and_events_are_written_together_and_once(store_server: StoreServer) -> None:
    """The same change again does nothing, nor does one that was worked out from other marks."""
    async with deliveries(store_server.url) as board:
        assert await board.lead("me", 60_000)
        (made,) = await told(board, "me", "webhook-a", TAG)
        await told(board, "me", "webhook-a", TAG, 2)
        assert await board.marks([("day", DAY_END_US, [TAG, "other/x/test"]), ("total", 0, [TAG])]) == [
            [b"1", None],
            [None],
        ]
        assert await board.page("webhook-a", "", 10) == [made]
        assert (await board.waiting(["webhook-a", "webhook-b"])) == [(1, made.created_us), (0, 0)]
        change = Change("day", DAY_END_US, TAG, "1", "2", [("webhook-b", event(7))])
        assert await board.announce("me", [change], 1)
        assert await board.page("webhook-b", "", 10) == [event(7)]


async def test_who_does_not_lead_writes_nothing(store_server: StoreServer) -> None:
    """Neither marks nor events nor what became of one."""
    async with deliveries(store_server.url) as board:
        assert await board.lead("me", 60_000)
        (made,) = await told(board, "me", "webhook-a", TAG)
        change = Change("day", DAY_END_US, "x/y/test", "", "1", [("webhook-a", event(9))])
        assert not await board.announce("other", [change], 1)
        assert not await board.attempted("other", "webhook-a", made, made.tried(GOOD))
        assert await board.page("webhook-a", "", 10) == [made]
        assert await board.marks([("day", DAY_END_US, ["x/y/test"])]) == [[None]]


async def test_what_is_due_comes_first(store_server: StoreServer) -> None:
    """After a failure later, after a success never; a stale outcome is not written."""
    async with deliveries(store_server.url) as board:
        assert await board.lead("me", 60_000)
        first, second = await told(board, "me", "webhook-a", TAG, 2)
        assert await board.due("webhook-a", first.created_us - 1, 9) == []
        assert await board.due("webhook-a", second.created_us, 9) == [first, second]
        assert await board.due("webhook-a", second.created_us, 1) == [first]
        failed = first.tried(BAD)
        assert await board.attempted("me", "webhook-a", first, failed)
        assert not await board.attempted("me", "webhook-a", first, first.tried(GOOD))
        assert await board.due("webhook-a", second.created_us, 9) == [second]
        assert await board.due("webhook-a", failed.next_us, 9) == [second, failed]
        assert await board.attempted("me", "webhook-a", second, second.tried(GOOD))
        assert (await board.waiting(["webhook-a"]))[0] == (1, first.created_us)
        assert await board.event("webhook-a", second.event_id) == second.tried(GOOD)
        assert await board.event("webhook-a", "event-none") is None


async def test_pages_go_back_in_time(store_server: StoreServer) -> None:
    """The newest first, by state too; an unknown end has nothing before it."""
    async with deliveries(store_server.url) as board:
        assert await board.lead("me", 60_000)
        made = await told(board, "me", "webhook-a", TAG, 5)
        for each in made[1::2]:
            assert await board.attempted("me", "webhook-a", each, each.tried(GOOD))
        names = [each.event_id for each in await board.page("webhook-a", "", 3)]
        assert names == [each.event_id for each in made[:1:-1]]
        rest = await board.page("webhook-a", names[-1], 3)
        assert [each.event_id for each in rest] == [made[1].event_id, made[0].event_id]
        assert await board.page("webhook-a", "event-none", 3) == []
        pending = await board.page("webhook-a", "", 9, "pending")
        assert pending == [made[4], made[2], made[0]]
        done = await board.page("webhook-a", "", 1, "delivered")
        assert [each.event_id for each in done] == [made[3].event_id]
        assert await board.page("webhook-a", done[0].event_id, 9, "failed") == []


async def test_old_events_go_and_pending_ones_stay(store_server: StoreServer) -> None:
    """A thousand are kept; those that are over go first, a few with each outcome."""
    async with deliveries(store_server.url) as board:
        assert await board.lead("me", 60_000)
        made = await told(board, "me", "webhook-a", TAG, KEPT + 30)
        for each in made[10:60]:
            assert await board.attempted("me", "webhook-a", each, each.tried(GOOD))
        client = store_server.client()
        kept = client.hlen(webhooks_key("quotad", "events:webhook-a"))
        assert kept == client.zcard(webhooks_key("quotad", "log:webhook-a"))
        assert KEPT <= kept < KEPT + 30
        assert await board.event("webhook-a", made[0].event_id) == made[0]
        assert await board.event("webhook-a", made[10].event_id) is None


async def test_an_event_can_be_sent_by_anybody_and_all_be_forgotten(store_server: StoreServer) -> None:
    """A ping needs no leader, nor does sending once more; nothing is left of a deleted webhook."""
    async with deliveries(store_server.url) as board:
        await board.send("webhook-a", event(3))
        (found,) = await board.page("webhook-a", "", 9)
        over = replace(found, state="failed", next_us=0)
        assert await board.attempted("", "webhook-a", found, over)
        assert await board.attempted("", "webhook-a", over, over.again(77))
        assert await board.due("webhook-a", 77, 9) == [over.again(77)]
        await board.forget("webhook-a")
        assert await board.page("webhook-a", "", 9) == []
        assert list(store_server.client().scan_iter()) == []


async def test_every_key_expires(store_server: StoreServer) -> None:
    """A webhook's a month after its last event, marks after their window, those of totals after a year."""
    async with deliveries(store_server.url) as board:
        assert await board.lead("me", 60_000)
        await told(board, "me", "webhook-a", TAG)
        change = Change("total", 0, TAG, "", "1", [])
        now_us = board.now_us() or 0
        assert await board.announce("me", [change], now_us)
        await board.keep_totals(now_us)
        client = store_server.client()
        left = {key.decode(): client.pttl(key) for key in client.scan_iter()}
        assert len(left) == 7
        assert all(each > 0 for each in left.values())
        assert left["quotad:{.webhooks}:marks:total"] > 399 * 86_400_000
        assert left[f"quotad:{{.webhooks}}:marks:day:{DAY_END_US}"] > DAY_END_US // 1000 - now_us // 1000


async def test_what_cannot_be_read_says_so(store_server: StoreServer) -> None:
    """Something else under the name of an event, or of marks."""
    async with deliveries(store_server.url) as board:
        await board.send("webhook-a", event(1))
        client, name = store_server.client(), event(1).event_id
        client.hset(webhooks_key("quotad", "events:webhook-a"), name, '{"id":1}')
        with pytest.raises(StoreError):
            await board.page("webhook-a", "", 9)
        client.set(webhooks_key("quotad", "marks:total"), "x")
        with pytest.raises(StoreError, match="wrong kind"):
            await board.marks([("total", 0, [TAG])])


async def test_all_lies_in_one_slot_of_a_cluster(cluster: Cluster) -> None:
    """Every script and question works there."""
    board: Deliveries
    async with deliveries(cluster.url) as board:
        assert await board.lead("me", 60_000)
        (made,) = await told(board, "me", "webhook-a", TAG)
        assert await board.due("webhook-a", made.next_us, 9) == [made]
        assert await board.attempted("me", "webhook-a", made, made.tried(GOOD))
        assert [each.state for each in await board.page("webhook-a", "", 9)] == ["delivered"]
        assert await board.marks([("day", DAY_END_US, [TAG])]) == [[b"1"]]
        await board.forget("webhook-a")
        await board.resign("me")
