"""Units taken ahead: how many, how they are spent, and that each one that is not spent goes back."""

from dataclasses import replace

import pytest

from quotad.core.plans import LeaseRule, StoreFailurePolicy, Subject
from quotad.engine.limiter import Limiter
from quotad.engine.upkeep import OUTAGE_SETTLE_DELAY_S, REFILL_S
from tests.support.elapsing import pass_s
from tests.support.engines import HOLD_S, START_US, Request, World, ask, get, subject, turns

DAY_US = 86_400_000_000
PLAN = "usagePlan-test"
FIRST = 8


def leasing(most: int = 20, ttl_ms: int = 1_000, **limits: object) -> Subject:
    """A Subject whose plan lets so many units be taken ahead."""
    return subject(lease=LeaseRule(most, ttl_ms), **{"day_quota_request": 10_000, **limits})


def standing_by(units: int, **limits: object) -> Subject:
    """A Subject of which each process keeps so many units for when the store is away."""
    return subject(
        on_store_failure=StoreFailurePolicy("local", units=units), **{"day_quota_request": 10_000, **limits}
    )


def admitted(requests: list[Request]) -> int:
    """How many may go on."""
    return sum(request.admitted for request in requests)


def leased(world: World, wanted: Subject) -> int:
    """What the store counts as granted ahead and not spent."""
    return world.reference.usage(world.now_us, wanted).leased


async def spend_all(limiter: Limiter, wanted: Subject) -> int:
    """Use up what is there ahead, and ask the store for one more; answers how many there were."""
    ahead = limiter.leased().get(PLAN, 0)
    at_once = ask(limiter, wanted, ahead)
    assert admitted(at_once) == ahead
    assert admitted(await get(limiter, wanted)) == 1
    return ahead


async def ask_for_s(world: World, limiters: list[Limiter], wanted: Subject, seconds: float) -> int:
    """Ask each for one unit every 50 ms; answers how many were admitted."""
    count = 0
    for _ in range(round(seconds / 0.05)):
        for limiter in limiters:
            count += admitted(await get(limiter, wanted))
        await pass_s(world, 0.05)
    return count


# Taken and spent.


async def test_a_leased_unit_is_decided_at_once() -> None:
    """The first request asks the store, the next ones hear their Verdict from ``reserve`` itself."""
    world = World()
    limiter = world.sidecar()
    plan = leasing()
    (first,) = ask(limiter, plan)
    assert first.verdict is None
    await turns()
    assert first.admitted
    requests = ask(limiter, plan, FIRST)
    assert [request.told.place for request in requests] == list(reversed(range(FIRST)))
    assert admitted(requests) == FIRST
    assert world.stores[0].submitted == 1
    (beyond,) = ask(limiter, plan)
    assert beyond.verdict is None


async def test_a_lease_begins_small_doubles_under_load_and_never_passes_its_bound() -> None:
    """Used up within a moment it is wanted twice as large, up to ``lease.max``."""
    limiter = World().sidecar()
    plan = leasing(most=50)
    assert admitted(await get(limiter, plan)) == 1
    sizes = [await spend_all(limiter, plan) for _ in range(5)]
    assert sizes == [FIRST, 16, 32, 50, 50]


async def test_however_many_come_at_once_a_lease_keeps_its_bound() -> None:
    """A burst of waiters does not make a Lease larger than ``lease.max``."""
    limiter = World().sidecar()
    assert admitted(await get(limiter, leasing(most=20), 500)) == 500
    assert limiter.leased() == {PLAN: 20}


@pytest.mark.parametrize(("most", "least", "submits"), [(5_000, 80, 50), (40, 30, 100)])
async def test_a_lease_is_as_large_as_what_is_used_within_its_time(
    most: int, least: int, submits: int
) -> None:
    """At 100 requests a second and 1 s it settles near 100, or at its bound; the store is rarely asked."""
    world = World()
    limiter = world.sidecar()
    plan = leasing(most=most)
    largest = 0
    for tick in range(1_000):
        assert admitted(await get(limiter, plan)) == 1
        if tick > 300:
            largest = max(largest, limiter.leased().get(PLAN, 0))
        await pass_s(world, 0.01)
    assert least <= largest <= min(most, 120)
    assert world.stores[0].submitted < submits


async def test_stocks_that_run_low_are_filled_in_one_call() -> None:
    """Two Subjects that run low within a moment cost the store one submit."""
    world = World()
    limiter = world.sidecar()
    plans = [replace(leasing(), service_id=f"service-{name}") for name in "ab"]
    for plan in plans:
        await get(limiter, plan)
    asked = world.stores[0].submitted
    for plan in plans:
        assert admitted(ask(limiter, plan, FIRST // 2)) == FIRST // 2
        await pass_s(world, REFILL_S / 4)
    assert world.stores[0].submitted == asked
    await pass_s(world, REFILL_S)
    assert world.stores[0].submitted == asked + 1
    assert all(leased(world, plan) >= FIRST // 2 for plan in plans)
    assert admitted(ask(limiter, plans[0], FIRST // 2 + 1)) == FIRST // 2 + 1


async def test_a_bucket_and_what_is_leased_never_pass_the_burst() -> None:
    """In one instant no more than the burst is admitted, whoever leased what of it before."""
    world = World()
    limiters = [world.sidecar() for _ in range(3)]
    plan = leasing(rate_rps=100, burst=100)
    for limiter in limiters:
        await get(limiter, plan)
    await pass_s(world, 0.2)
    total = 0
    for limiter in limiters:
        for _ in range(4):
            total += admitted(await get(limiter, plan, 100))
    assert total == 100


# Exactly the quota.


@pytest.mark.parametrize("limit", ["day_quota_request", "month_quota_request", "max_request_num"])
async def test_three_leasing_sidecars_admit_exactly_the_quota(limit: str) -> None:
    """With Leases as without, as many pass in all as the limit says, and none are stranded."""
    world = World()
    limiters = [world.sidecar() for _ in range(3)]
    plan = leasing(**{"day_quota_request": -1, limit: 200})
    count = await ask_for_s(world, limiters, plan, 8.0)
    assert count == 200
    assert world.used(plan) == (200, 0)
    assert leased(world, plan) == 0


@pytest.mark.parametrize("index", range(3))
async def test_each_sidecar_can_have_the_last_unit(index: int) -> None:
    """What the others took ahead and did not use comes back to the one that goes on asking."""
    world = World()
    limiters = [world.sidecar() for _ in range(3)]
    plan = leasing(day_quota_request=60)
    for limiter in limiters:
        assert admitted(await get(limiter, plan)) == 1
    assert await ask_for_s(world, [limiters[index]], plan, 6.0) == 57


# Given back.


async def test_an_idle_lease_goes_back() -> None:
    """When nobody asks any more, the units ahead are the store's again within two of their times."""
    world = World()
    limiter = world.sidecar()
    plan = leasing()
    await get(limiter, plan)
    assert leased(world, plan) == FIRST
    await pass_s(world, 2.0)
    assert leased(world, plan) == 0
    assert limiter.leased() == {}
    assert world.used(plan) == (1, 0)


@pytest.mark.parametrize("conditional", [False, True])
async def test_close_gives_back_what_was_not_spent(conditional: bool) -> None:
    """After the close exactly what was admitted is charged, and nothing is leased."""
    world = World()
    limiter = world.sidecar()
    plan = leasing(quota_condition=frozenset({"2xx"} if conditional else ()))
    requests = await get(limiter, plan) + ask(limiter, plan, 3)
    for request in requests:
        limiter.settle(request.told, counted=True)
    assert await limiter.close(1.0)
    assert leased(world, plan) == 0
    assert world.used(plan) == (4, 0)


async def test_a_lease_ends_by_the_clock_although_no_timer_went_off() -> None:
    """A process that was stopped spends nothing of an ended Lease; its units go back."""
    world = World()
    limiter = world.sidecar()
    plan = leasing(ttl_ms=1_000)
    await get(limiter, plan)
    world.now_us += 1_000_100
    (request,) = ask(limiter, plan)
    assert request.verdict is None
    await turns()
    assert request.admitted
    assert leased(world, plan) == limiter.leased()[PLAN]
    assert await limiter.close(1.0)
    assert world.used(plan) == (2, 0)


async def test_the_day_of_a_lease_ends_and_with_it_the_lease() -> None:
    """Nothing that was charged to yesterday is spent today, and what was left of it goes back."""
    day_end_us = (START_US // DAY_US + 1) * DAY_US
    world = World(now_us=day_end_us - 100_000)
    limiter = world.sidecar()
    plan = leasing(ttl_ms=60_000)
    (yesterday,) = await get(limiter, plan)
    assert yesterday.told.answer is not None
    assert yesterday.told.answer.day_end_us == day_end_us
    world.now_us = day_end_us + 1
    (today,) = ask(limiter, plan)
    assert today.verdict is None
    await turns()
    assert today.told.answer is not None
    assert today.told.answer.day_end_us == day_end_us + DAY_US
    assert await limiter.close(1.0)
    usage = world.reference.usage(world.now_us, plan)
    assert (usage.day_charged, usage.total_charged, usage.leased) == (1, 2, 0)


async def test_a_plan_that_becomes_strict_gives_its_lease_back() -> None:
    """From the reload on each request is decided by the store, and nothing stays leased."""
    world = World()
    limiter = world.sidecar()
    plan = leasing()
    await get(limiter, plan)
    strict = subject(day_quota_request=10_000)
    for _ in range(3):
        (request,) = ask(limiter, strict)
        assert request.verdict is None
        await turns()
        assert request.admitted
    assert limiter.leased() == {}
    await pass_s(world, 0.1)
    assert leased(world, strict) == 0
    assert world.used(strict) == (4, 0)


async def test_a_lease_that_is_made_smaller_is_never_exceeded_again() -> None:
    """After a reload with another ``lease`` the new bound holds from the next grant on."""
    world = World()
    limiter = world.sidecar()
    await get(limiter, leasing(most=100), 60)
    assert limiter.leased()[PLAN] > 4
    smaller = leasing(most=4)
    await get(limiter, smaller)
    assert limiter.leased() == {PLAN: 4}
    assert leased(world, smaller) == 4
    assert await limiter.close(1.0)
    assert world.used(smaller) == (61, 0)


@pytest.mark.parametrize("fault", ["lose_reply", "hold_reply", "hold_call"])
async def test_units_ahead_whose_answer_came_late_or_never_go_back(fault: str) -> None:
    """Only what a process knows to have is spent; the store counts no other as leased for long."""
    world = World()
    limiter = world.sidecar()
    plan = leasing()
    world.stores[0].fault = fault
    (lost,) = await get(limiter, plan)
    assert lost.told.reason == "store"
    world.stores[0].fault = "none"
    world.stores[0].let_go()
    await turns()
    await pass_s(world, 1.0)
    assert admitted(await get(limiter, plan)) == 1
    await pass_s(world, 0.05)
    assert leased(world, plan) == limiter.leased().get(PLAN, 0)
    assert await limiter.close(1.0)
    assert leased(world, plan) == 0
    assert world.used(plan) == (1, 0)


async def test_a_renewal_whose_answer_is_lost_leaves_nothing_behind() -> None:
    """A stock refilled by a call that was executed unheard is neither spent twice nor stranded."""
    world = World()
    limiter = world.sidecar()
    plan = leasing()
    requests = await get(limiter, plan) + ask(limiter, plan, FIRST)
    world.stores[0].fault = "lose_reply"
    await pass_s(world, REFILL_S)
    world.stores[0].fault = "none"
    requests += await get(limiter, plan, 5)
    await pass_s(world, OUTAGE_SETTLE_DELAY_S + 0.1)
    assert leased(world, plan) == limiter.leased().get(PLAN, 0)
    assert await limiter.close(1.0)
    assert world.used(plan) == (admitted(requests), 0)


async def test_a_leased_unit_that_does_not_count_goes_back_once() -> None:
    """Where only 2xx count, leased requests that ended otherwise cost nothing, however often told."""
    world = World()
    limiter = world.sidecar()
    plan = leasing(quota_condition=frozenset({"2xx"}))
    (first,) = await get(limiter, plan)
    counted, failed, released, charged = ask(limiter, plan, 4)
    for _ in range(2):
        limiter.settle(first.told, counted=False)
        limiter.settle(counted.told, counted=True)
        limiter.settle(failed.told, counted=False)
        limiter.release(released.told)
        limiter.settle(charged.told, counted=True)
    assert await limiter.close(1.0)
    assert world.used(plan) == (2, 0)


async def test_a_released_leased_unit_goes_back_without_a_condition() -> None:
    """A leased request that never went upstream costs nothing."""
    world = World()
    limiter = world.sidecar()
    plan = leasing()
    await get(limiter, plan)
    (request,) = ask(limiter, plan)
    limiter.release(request.told)
    assert await limiter.close(1.0)
    assert world.used(plan) == (1, 0)


# The standby of ``local``.


async def test_a_standby_is_kept_while_the_store_answers() -> None:
    """Every request is decided by the store, and the units ahead stay whole."""
    world = World()
    limiter = world.sidecar()
    plan = standing_by(5)
    for count in range(1, 5):
        (request,) = ask(limiter, plan)
        assert request.verdict is None
        await turns()
        assert request.admitted
        assert world.stores[0].submitted == count
        assert limiter.leased() == {PLAN: 5}
    assert leased(world, plan) == 5


async def test_a_standby_is_spent_to_the_number_and_filled_again() -> None:
    """While the store fails exactly ``units`` are admitted, then none; afterwards it is whole again."""
    world = World()
    limiter = world.sidecar()
    plan = standing_by(5)
    requests = await get(limiter, plan)
    world.stores[0].fault = "lose_call"
    for expected in (3, 2, 0, 0):
        tried = await get(limiter, plan, 3)
        assert admitted(tried) == expected
        assert all(request.admitted or request.told.reason == "store" for request in tried)
        requests += tried
        await pass_s(world, 0.3)
    world.stores[0].fault = "none"
    requests += await get(limiter, plan)
    assert limiter.leased() == {PLAN: 5}
    await pass_s(world, 0.6)
    assert leased(world, plan) == 5
    assert await limiter.close(1.0)
    assert world.used(plan) == (admitted(requests), 0) == (7, 0)


async def test_a_standby_outlives_a_long_outage() -> None:
    """What is left of it may still be spent when the store has been away for longer than the hold time."""
    world = World()
    limiter = world.sidecar()
    plan = standing_by(5)
    await get(limiter, plan)
    world.stores[0].fault = "lose_call"
    assert admitted(await get(limiter, plan)) == 1
    await pass_s(world, 3 * HOLD_S)
    assert admitted(await get(limiter, plan, 8)) == 4


async def test_a_standby_next_to_a_lease_is_touched_last() -> None:
    """The Lease is spent at once, the standby only when the store does not answer."""
    world = World()
    limiter = world.sidecar()
    plan = standing_by(3, lease=LeaseRule(20))
    await get(limiter, plan)
    assert limiter.leased() == {PLAN: 3 + FIRST}
    requests = ask(limiter, plan, FIRST)
    assert admitted(requests) == FIRST
    world.stores[0].fault = "lose_call"
    assert admitted(await get(limiter, plan, 5)) == 3
    assert limiter.leased() == {}
