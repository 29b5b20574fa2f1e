"""Heartbeats and sums over very many Subjects: a portion in each turn of the loop."""

import asyncio
from dataclasses import replace

from quotad.core.plans import Subject
from quotad.engine.limiter import SUMMED_AT_ONCE
from quotad.engine.upkeep import BEAT_PAUSE_S, BEATEN_AT_ONCE, HEARTBEATS_PER_HOLD
from tests.support.elapsing import pass_s
from tests.support.engines import HOLD_S, World, ask, subject, turns

HOLD_US = int(HOLD_S * 1e6)
BEAT_S = HOLD_S / HEARTBEATS_PER_HOLD / 2


def many(count: int) -> list[Subject]:
    """Subjects whose requests hold units."""
    wanted = subject(quota_condition=frozenset({"2xx"}))
    return [replace(wanted, service_id=f"service-{number}") for number in range(count)]


def expiries_us(world: World, plans: list[Subject]) -> list[int]:
    """When the Entries end that there are."""
    accounts = world.reference.accounts
    return [entry.expires_us for plan in plans for entry in accounts[plan.tag].entries.values()]


def renewed(world: World, plans: list[Subject]) -> int:
    """How many Entries were renewed at this very time."""
    return expiries_us(world, plans).count(world.now_us + HOLD_US)


async def test_many_entries_are_renewed_in_portions() -> None:
    """A heartbeat keeps neither requests nor the store waiting until all Subjects have had theirs."""
    world = World()
    limiter = world.sidecar()
    plans = many(2 * BEATEN_AT_ONCE + 40)
    for plan in plans:
        ask(limiter, plan)
    await turns()
    await pass_s(world, 2 * BEAT_S)
    limiter.start()
    await turns()
    assert renewed(world, plans) == BEATEN_AT_ONCE
    await pass_s(world, BEAT_PAUSE_S)
    assert renewed(world, plans) == BEATEN_AT_ONCE
    await pass_s(world, BEAT_PAUSE_S)
    assert renewed(world, plans) == 40
    assert len(expiries_us(world, plans)) == len(plans)
    assert await limiter.close(1.0)


async def test_all_of_many_entries_outlive_their_hold_time() -> None:
    """However many portions there are, each Entry with Holds is renewed in time, again and again."""
    world = World()
    limiter = world.sidecar()
    limiter.start()
    plans = many(8 * BEATEN_AT_ONCE)
    for plan in plans:
        ask(limiter, plan)
    for _ in range(3 * HEARTBEATS_PER_HOLD):
        await pass_s(world, BEAT_S)
        expiries = expiries_us(world, plans)
        assert len(expiries) == len(plans)
        assert min(expiries) > world.now_us
    assert await limiter.close(1.0)


async def test_a_portion_that_is_due_is_not_sent_after_the_end() -> None:
    """A close in the middle of a round ends it: nothing is told of Entries that were let go."""
    world = World()
    limiter = world.sidecar()
    plans = many(BEATEN_AT_ONCE + 1)
    requests = [ask(limiter, plan)[0] for plan in plans]
    await turns()
    await pass_s(world, 2 * BEAT_S)
    limiter.start()
    await turns()
    for request in requests:
        limiter.settle(request.told, counted=True)
    assert await limiter.close(1.0)
    submitted = world.stores[0].submitted
    await pass_s(world, 4 * BEAT_S)
    assert world.stores[0].submitted == submitted


async def test_units_outstanding_are_summed_while_requests_go_on() -> None:
    """Of many Subjects what is held is told whole, and nobody who asks waits for the sum."""
    world = World()
    limiter = world.sidecar()
    plans = many(SUMMED_AT_ONCE + 5)
    for plan in plans:
        ask(limiter, plan)
    await turns()
    summing = asyncio.get_running_loop().create_task(limiter.outstanding())
    await asyncio.sleep(0)
    assert not summing.done()
    assert await summing == (len(plans), 0)
    assert await limiter.close(1.0)
