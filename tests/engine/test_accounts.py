"""Replays: the store counts what was admitted without it exactly once, whoever tells it and however often."""

import asyncio
from collections.abc import Sequence

import pytest

from quotad.core.plans import StoreFailurePolicy, Subject
from quotad.core.quota import Replay, Terms, Usage
from quotad.engine import accounts
from quotad.engine.journal import Journal
from quotad.errors import StoreError
from tests.support.engines import Request, World, get, subject, turns
from tests.support.faulty_store import FaultyStore
from tests.support.journals import Make


def opened(budget: int = 5, **limits: object) -> Subject:
    """A Subject whose plan is ``open``."""
    return subject(on_store_failure=StoreFailurePolicy("open", budget), **limits)


def admitted(requests: Sequence[Request]) -> list[Request]:
    """Those that may go on."""
    return [request for request in requests if request.admitted]


async def until_adopted(journal: Journal, living: int) -> None:
    """Let the thread look through the folder until only the journals of the living are there."""
    for _ in range(2_000):
        if len([path for path in journal._directory.iterdir() if path.suffix == ".journal"]) <= living:
            return
        await asyncio.sleep(0.001)
    raise AssertionError("nobody took the journals over")


async def test_the_store_counts_exactly_what_counted(journal: Make) -> None:
    """After the outage use is what was admitted and counts; the journal is empty then."""
    world, book = World(), journal()
    limiter = world.sidecar()
    limiter.start(book)
    plan = opened(day_quota_request=100, quota_condition=frozenset({"2xx"}))
    world.stores[0].fault = "lose_call"
    requests = admitted(await get(limiter, plan, 9))
    assert len(requests) == 5
    assert [record.total for record in book.pending()] == [5]
    for request, counted in zip(requests[:4], (True, True, True, False), strict=True):
        limiter.settle(request.told, counted)
    world.stores[0].fault = "none"
    await world.go_on(2.0)
    assert world.used(plan) == (3, 0)
    assert [record.total for record in book.pending()] == [5]
    limiter.settle(requests[4].told, counted=True)
    await world.go_on(2.0)
    assert world.used(plan) == (4, 0)
    assert book.pending() == []
    assert await limiter.close(1.0)
    assert world.used(plan) == (4, 0)


async def test_the_store_is_told_although_nobody_asks_any_more() -> None:
    """No request has to come for what is owed to be told, nor must the outage be over."""
    world = World()
    limiter = world.sidecar()
    plan = opened(day_quota_request=100)
    world.stores[0].fault = "lose_call"
    (request,) = await get(limiter, plan)
    limiter.settle(request.told, counted=True)
    await world.go_on(10 * accounts.RETRY_S)
    assert world.used(plan) == (0, 0)
    world.stores[0].fault = "none"
    await world.go_on(2 * accounts.RETRY_S)
    assert world.used(plan) == (1, 0)


async def test_a_grant_that_lands_during_a_replay_pays_for_nothing_twice() -> None:
    """What is on its way to the store is not paid for by a late grant as well."""
    world = World()
    limiter = world.sidecar()
    plan = opened(day_quota_request=100)
    store = world.stores[0]
    store.fault = "hold_reply"
    requests = await get(limiter, plan, 3)
    gate, inner = asyncio.Event(), store.inner.replay

    async def slow(subject: Subject, terms: Terms, record: Replay, owner: bytes = b"") -> Usage:
        await gate.wait()
        return await inner(subject, terms, record, owner)

    store.replay = slow  # type: ignore[method-assign]
    for request in requests:
        limiter.settle(request.told, counted=True)
    await turns()
    store.fault = "none"
    store.let_go()
    await turns()
    gate.set()
    await world.go_on(2.0)
    assert world.used(plan) == (3, 0)


async def test_a_replay_whose_reply_was_lost_is_counted_once() -> None:
    """It is told again as an absolute total, and no grant pays for what it told."""
    world = World()
    limiter = world.sidecar()
    plan = opened(day_quota_request=100)
    store = world.stores[0]
    inner, lost = store.inner.replay, [True]

    async def deaf(subject: Subject, terms: Terms, record: Replay, owner: bytes = b"") -> Usage:
        usage = await inner(subject, terms, record, owner)
        if lost.pop() if lost else False:
            raise StoreError("broken", "its reply was lost", executed=None)
        return usage

    store.replay = deaf  # type: ignore[method-assign]
    store.fault = "hold_call"
    requests = await get(limiter, plan, 2)
    for request in requests:
        limiter.settle(request.told, counted=True)
    store.fault = "none"
    await turns()
    assert world.used(plan) == (2, 0)
    store.let_go()
    await world.go_on(3.0)
    assert lost == []
    assert world.used(plan) == (2, 0)


async def test_one_subject_that_cannot_be_told_does_not_keep_others_from_it() -> None:
    """A broken Subject answers for itself; it is told again and again."""
    world = World()
    limiter = world.sidecar()
    plans = [Subject(opened(9).plan, f"service-{name}", "release") for name in "abc"]
    store = world.stores[0]
    store.fault = "lose_call"
    for plan in plans:
        (request,) = await get(limiter, plan)
        limiter.settle(request.told, counted=True)
    inner, asked = store.inner.replay, []

    async def picky(subject: Subject, terms: Terms, record: Replay, owner: bytes = b"") -> Usage:
        asked.append(subject.tag)
        if subject is plans[0]:
            raise StoreError("script", "it cannot be read")
        return await inner(subject, terms, record, owner)

    store.replay = picky  # type: ignore[method-assign]
    store.fault = "none"
    await world.go_on(5.0)
    assert [world.used(plan)[0] for plan in plans] == [0, 1, 1]
    assert asked.count(plans[0].tag) > 2


async def test_without_room_in_the_journal_the_policy_is_closed(journal: Make) -> None:
    """What could not be remembered is not admitted."""
    world, book = World(), journal()
    limiter = world.sidecar()
    limiter.start(book)
    plan = opened(day_quota_request=100)
    world.stores[0].fault = "lose_call"
    assert len(admitted(await get(limiter, plan, 2))) == 2
    book.close()
    assert admitted(await get(limiter, plan, 2)) == []
    assert limiter.outage.unaccounted == {"usagePlan-test": 2}
    world.stores[0].fault = "none"
    await limiter.close(1.0)


async def test_what_a_dead_process_noted_is_counted_exactly_once(journal: Make) -> None:
    """Two processes that start together find it; a restart later finds nothing."""
    world, plan = World(), opened(day_quota_request=100)
    dead, book = world.sidecar(), journal(b"departed")
    dead.start(book)
    world.stores[0].fault = "lose_call"
    requests = admitted(await get(dead, plan, 3))
    dead.settle(requests[0].told, counted=True)
    dead._accounts._orphans.cancel()  # type: ignore[union-attr]
    book.close()
    later = [(world.sidecar(), journal()) for _ in range(2)]
    for limiter, own in later:
        limiter.start(own)
    await asyncio.gather(*(until_adopted(own, 2) for _, own in later))
    await turns()
    assert world.used(plan) == (3, 0)
    for limiter, own in later:
        assert await limiter.close(1.0)
        own.close()
    again = world.sidecar()
    again.start(journal())
    await turns(50)
    assert world.used(plan) == (3, 0)
    assert await again.close(1.0)


async def test_a_process_that_ends_without_the_store_leaves_its_journal(
    journal: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``close`` says so; the next process tells what it could not."""
    monkeypatch.setattr(accounts, "RETRY_S", 0.001)
    world, plan = World(), opened(day_quota_request=100)
    limiter, book = world.sidecar(), journal(b"departed")
    limiter.start(book)
    world.stores[0].fault = "lose_call"
    (request,) = await get(limiter, plan)
    limiter.settle(request.told, counted=True)
    assert not await limiter.close(0.05)
    book.close()
    following = world.sidecar()
    world.stores[1].fault = "lose_call"
    own = journal()
    following.start(own)
    await asyncio.sleep(0.02)
    assert world.used(plan) == (0, 0)
    world.stores[1].fault = "none"
    await until_adopted(own, 1)
    await turns()
    assert world.used(plan) == (1, 0)
    assert await following.close(1.0)


async def test_a_new_connection_is_told_what_the_old_one_took_lately() -> None:
    """A primary that was behind has forgotten it; where it was not forgotten it is counted once."""
    world = World()
    limiter = world.sidecar()
    limiter.start()
    plan = opened(day_quota_request=100)
    store: FaultyStore = world.stores[0]
    store.fault = "lose_call"
    (request,) = await get(limiter, plan)
    limiter.settle(request.told, counted=True)
    store.fault = "none"
    await world.go_on(2.0)
    assert world.used(plan) == (1, 0)
    store.reconnected += 1
    await world.go_on(1.0)
    assert world.used(plan) == (1, 0)
    world.reference.accounts.clear()
    world.reference.totals.clear()
    world.reference.marks.clear()
    store.reconnected += 1
    await world.go_on(1.0)
    assert world.used(plan)[0] >= 1
    assert await limiter.close(1.0)
