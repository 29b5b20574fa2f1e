import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from quotad.controlplane.hooks.courier import AT_ONCE, Courier
from quotad.controlplane.hooks.directory import FileDirectory
from quotad.controlplane.hooks.sender import Answered
from quotad.core.deliveries import GIVEN_UP_US, Attempt, Delivery
from quotad.core.plans import Webhook
from quotad.core.table import PlanTable
from quotad.store.deliveries import Deliveries
from tests.support.delivering import deliveries, told
from tests.support.servers import StoreServer
from tests.support.waiting import until

NOW_US = 9_000_000
HOOK = Webhook("webhook-a", "w", "https://r.example/", b"k" * 32)
OTHER = replace(HOOK, webhook_id="webhook-b")


class Posts:
    """Answers as it is told, at ``now_us``; holds back while ``gate`` is closed."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.status = 204
        self.now_us = NOW_US
        self.gate = asyncio.Event()
        self.gate.set()
        self.held: set[str] = set()

    async def post(self, webhook: Webhook, event: Delivery) -> Answered:
        self.sent.append((webhook.webhook_id, event.event_id))
        if webhook.webhook_id in self.held:
            await self.gate.wait()
        return Answered(Attempt(self.now_us, self.status, "", 1))


class Gone(FileDirectory):
    """Remembers who was retired."""

    def __init__(self) -> None:
        super().__init__(PlanTable)
        self.retired: list[str] = []

    async def retire(self, webhook_id: str) -> None:
        self.retired.append(webhook_id)


@pytest.fixture
async def board(store_server: StoreServer) -> AsyncIterator[Deliveries]:
    """On a real server, led by "me"."""
    async with deliveries(store_server.url) as started:
        assert await started.lead("me", 600_000)
        yield started


def courier(board: Deliveries, posts: Posts) -> tuple[Courier, Gone]:
    """At the time of ``posts``."""
    directory = Gone()
    return Courier(board, directory, posts, lambda: posts.now_us, lambda: 0.0), directory


async def test_what_is_due_is_sent_and_over(board: Deliveries) -> None:
    """Each once, and not again."""
    made, posts = await told(board, "me", "webhook-a", "a/b/c", 3), Posts()
    courier_, _ = courier(board, posts)
    (waiting,) = await courier_.turn("me", [HOOK])
    assert waiting.pending == 3
    await courier_.settled()
    assert sorted(posts.sent) == sorted(("webhook-a", each.event_id) for each in made)
    assert [each.state for each in await board.page("webhook-a", "", 9)] == ["delivered"] * 3
    await courier_.turn("me", [HOOK])
    await courier_.settled()
    assert len(posts.sent) == 3
    assert courier_.attempts == {"delivered": 3, "refused": 0, "unanswered": 0}


async def test_a_slow_receiver_holds_up_its_own_alone(board: Deliveries) -> None:
    """A few events at a time to each; what is under way is not begun again."""
    await told(board, "me", "webhook-a", "a/b/c", AT_ONCE + 3)
    await told(board, "me", "webhook-b", "a/b/d", 2)
    posts = Posts()
    posts.held, posts.gate = {"webhook-a"}, asyncio.Event()
    courier_, _ = courier(board, posts)
    for _ in range(3):
        await courier_.turn("me", [HOOK, OTHER])
    await until(lambda: courier_.attempts["delivered"] == 2)
    assert sum(name == "webhook-a" for name, _ in posts.sent) == AT_ONCE
    posts.gate.set()
    await courier_.settled()
    await courier_.turn("me", [HOOK, OTHER])
    await courier_.settled()
    assert len(set(posts.sent)) == len(posts.sent) == AT_ONCE + 3 + 2


async def test_what_fails_comes_again_later_until_it_is_given_up(board: Deliveries) -> None:
    """With a pause each time; then it is over, and said."""
    (made,), posts = await told(board, "me", "webhook-a", "a/b/c"), Posts()
    posts.status = 500
    courier_, _ = courier(board, posts)
    for number in range(1, 4):
        await courier_.turn("me", [HOOK])
        await courier_.settled()
        found = await board.event("webhook-a", made.event_id)
        assert found is not None
        assert (found.state, found.attempt_count) == ("pending", number)
        await courier_.turn("me", [HOOK])
        await courier_.settled()
        assert len(posts.sent) == number
        posts.now_us = found.next_us
    posts.now_us = made.created_us + GIVEN_UP_US
    await courier_.turn("me", [HOOK])
    await courier_.settled()
    found = await board.event("webhook-a", made.event_id)
    assert found is not None
    assert (found.state, courier_.given_up) == ("failed", 1)


async def test_a_receiver_that_is_gone_is_told_no_more(board: Deliveries) -> None:
    """410: the event is over, the webhook is retired."""
    await told(board, "me", "webhook-a", "a/b/c")
    posts = Posts()
    posts.status = 410
    courier_, directory = courier(board, posts)
    await courier_.turn("me", [HOOK])
    await courier_.settled()
    assert directory.retired == ["webhook-a"]
    assert [each.state for each in await board.page("webhook-a", "", 9)] == ["failed"]


async def test_a_disabled_webhook_is_sent_nothing(board: Deliveries) -> None:
    """What is on its way waits."""
    await told(board, "me", "webhook-a", "a/b/c")
    posts = Posts()
    courier_, _ = courier(board, posts)
    (waiting,) = await courier_.turn("me", [replace(HOOK, enabled=False)])
    await courier_.settled()
    assert (waiting.pending, posts.sent) == (1, [])


async def test_who_asks_for_one_more_while_it_is_tried_gets_it(board: Deliveries) -> None:
    """What came of the attempt under way is written all the same."""
    (made,), posts = await told(board, "me", "webhook-a", "a/b/c"), Posts()
    posts.held, posts.gate = {"webhook-a"}, asyncio.Event()
    courier_, _ = courier(board, posts)
    await courier_.turn("me", [HOOK])
    await until(lambda: len(posts.sent) == 1)
    assert await board.attempted("", "webhook-a", made, made.again(NOW_US - 1))
    posts.gate.set()
    await courier_.settled()
    found = await board.event("webhook-a", made.event_id)
    assert found is not None
    assert (found.state, found.attempt_count) == ("delivered", 1)


async def test_what_is_broken_off_stays_due(board: Deliveries) -> None:
    """Whoever leads next sends it; who leads no more writes nothing."""
    (made,), posts = await told(board, "me", "webhook-a", "a/b/c"), Posts()
    posts.held, posts.gate = {"webhook-a"}, asyncio.Event()
    first, _ = courier(board, posts)
    await first.turn("me", [HOOK])
    await until(lambda: len(posts.sent) == 1)
    await first.stop()
    assert await board.event("webhook-a", made.event_id) == made
    await board.resign("me")
    assert await board.lead("you", 600_000)
    posts.gate.set()
    await first.turn("me", [HOOK])
    await first.settled()
    assert await board.event("webhook-a", made.event_id) == made
    second, _ = courier(board, posts)
    await second.turn("you", [HOOK])
    await second.settled()
    assert [each.state for each in await board.page("webhook-a", "", 9)] == ["delivered"]
    assert [event_id for _, event_id in posts.sent] == [made.event_id] * 3
