import asyncio
import os
from collections.abc import Iterator

import pytest

from quotad.clock import monotonic_s
from quotad.config.model import StoreConfig
from quotad.store.locator import Locator, locator
from quotad.store.redis_store import RedisStore
from tests.support.batches import call, subject, submit, terms
from tests.support.sentinels import SentinelGroup, running_sentinels
from tests.support.servers import StoreServer
from tests.support.stream import Stream, streaming
from tests.support.waiting import AT_MOST_S, until


@pytest.fixture
def group() -> Iterator[SentinelGroup]:
    """A primary, a replica and three Sentinels of this test's own."""
    with running_sentinels() as started:
        yield started


def by_sentinels(group: SentinelGroup) -> Locator:
    """What a store with the group's URL finds its server with."""
    return locator(group.url, StoreConfig(url=group.url))


async def until_moved(group: SentinelGroup, stream: Stream, old: StoreServer, what: str) -> None:
    """Return once calls are answered in time by the new primary; print how long that took."""
    begun_s = monotonic_s()
    port = await asyncio.to_thread(group.until_named, old)
    named_s = monotonic_s()
    first = await stream.until(lambda call: call.port == port)
    print(
        f"{what}: a Sentinel was seen to name the new primary {named_s - begun_s:.2f} s after the fault; "
        f"its first answer came {first.ended_s - named_s:+.3f} s from then; failures {dict(stream.failures)}"
    )


async def test_a_killed_primary_is_left_for_the_promoted_replica(group: SentinelGroup) -> None:
    """Under a stream of calls: each ends once, none hears another's reply, and they pass again."""
    old = group.primary()
    async with streaming(by_sentinels(group)) as stream:
        await stream.until(lambda call: call.port == old.port)
        old.kill()
        await until_moved(group, stream, old, "kill -9")
    stream.assert_sound()
    assert stream.failures


async def test_a_stopped_primary_is_left_and_not_gone_back_to(group: SentinelGroup) -> None:
    """Stopped: the replica answers once promoted. Woken up: it takes writes, but is asked nothing more."""
    old = group.primary()
    async with streaming(by_sentinels(group)) as stream:
        await stream.until(lambda call: call.port == old.port)
        old.pause()
        await until_moved(group, stream, old, "SIGSTOP")
        old.resume()
        sent = len(stream.calls)
        await until(lambda: len(stream.calls) > sent + 250)
    stream.assert_sound()
    assert {call.port for call in stream.in_time if call.number >= sent} == {group.primary().port} - {
        old.port
    }


async def test_a_primary_stopped_for_less_than_a_failover_is_kept(group: SentinelGroup) -> None:
    """Missed deadlines alone cost no connection: the Sentinels still name it, and calls go on there."""
    old = group.primary()
    group.be_patient()
    # A silence is ended here by a deadline alone, however long this machine makes it.
    async with streaming(by_sentinels(group), stuck_s=AT_MOST_S) as stream:
        await stream.until(lambda call: call.port == old.port)
        old.pause()
        await until(lambda: any(call.late for call in stream.calls))
        old.resume()
        paused = len(stream.calls)
        await stream.until(lambda call: call.number > paused)
        assert stream.link.reconnects == 0
    stream.assert_sound()


async def test_a_failover_that_was_asked_for(group: SentinelGroup) -> None:
    """SENTINEL FAILOVER of a healthy primary: it is left, whether it says READONLY first or not."""
    old = group.primary()
    async with streaming(by_sentinels(group)) as stream:
        await stream.until(lambda call: call.port == old.port)
        asked = asyncio.ensure_future(asyncio.to_thread(group.failover))
        await until_moved(group, stream, old, "SENTINEL FAILOVER")
        await asked
    stream.assert_sound()


async def test_an_old_primary_that_wakes_up_grants_nothing_under_min_replicas(group: SentinelGroup) -> None:
    """With store.minReplicas 1 an answer of a server without a replica is none, in time or not."""
    old = group.primary()
    async with streaming(by_sentinels(group), min_replicas=1) as stream:
        await stream.until(lambda call: call.port == old.port)
        old.pause()
        await asyncio.to_thread(group.until_named, old)
        old.resume()
        # The new primary has no replica until the old one was made its own.
        await until(lambda: stream.failures["unreplicated"] > 0)
        new = await asyncio.to_thread(group.until_switched, old)
        first = await stream.until(lambda call: call.port == new.port)
    stream.assert_sound()
    assert not [call for call in stream.in_time if call.port == old.port and call.ended_s > first.ended_s]


async def test_a_store_goes_on_at_the_new_primary(group: SentinelGroup) -> None:
    """Decisions before a failover and after it, by one store that nobody restarted."""
    store = RedisStore(group.url, StoreConfig(url=group.url, deadline_s=5.0), os.urandom(8))
    await store.start()
    try:
        plan = terms(day=100)
        (before,) = await submit(store, [call(subject(1), plan, cost=3)]).answers()
        assert before.granted == 3
        old = group.primary()
        with old.client() as client:
            # What a failover may forget is not what is asked for here.
            assert client.wait(1, 5000) == 1
        old.kill()
        await asyncio.to_thread(group.until_switched, old)
        await until(lambda: store.connected)
        (after,) = await submit(store, [call(subject(1), plan, 2, 4, before.generation)]).answers()
        assert (after.granted, after.day_charged) == (4, 7)
    finally:
        await store.close()
