"""Units ahead: spent at once, never beyond a limit or their end, and given back."""

import pytest

from quotad.core.plans import LeaseRule, StoreFailurePolicy, Subject
from quotad.engine.leases import Stock, lease_us
from quotad.engine.limiter import Limiter
from tests.support.engines import HOLD_S, Request, World, ask, get, subject, turns

DAY_S = 86_400


def leased(max_units: int = 8, ttl_ms: int = 1_000, **limits: object) -> Subject:
    """A Subject whose plan leases."""
    return subject(lease=LeaseRule(max_units, ttl_ms), **limits)


def standing_by(units: int = 3, **limits: object) -> Subject:
    """A Subject whose plan is ``local``."""
    return subject(on_store_failure=StoreFailurePolicy("local", units=units), **limits)


def admitted(requests: list[Request]) -> int:
    """How many may go on."""
    return sum(request.admitted for request in requests)


def at_once(limiter: Limiter, wanted: Subject) -> bool | None:
    """Whether a request goes on without waiting; None: it waits."""
    verdict = limiter.reserve(wanted, Request())
    return None if verdict is None else verdict.admitted


async def test_a_unit_ahead_is_decided_at_once() -> None:
    """After the first answer, requests go on without a call, each with its place before those that follow."""
    world = World()
    limiter = world.sidecar()
    plan = leased(day_quota_request=100)
    (first,) = await get(limiter, plan)
    second = limiter.reserve(plan, Request())
    third = limiter.reserve(plan, Request())
    assert first.admitted
    assert second is not None
    assert third is not None
    assert second.admitted
    assert (second.place, third.place) == (7, 6)
    assert world.stores[0].submitted == 1
    assert limiter.leased() == {"usagePlan-test": 6}


async def test_exactly_the_limit_passes_through_three_sidecars() -> None:
    """All units are used, none twice; where few are left nobody holds them ahead of the others."""
    world = World()
    limiters = [world.sidecar() for _ in range(3)]
    plan = leased(day_quota_request=101)
    passed = [0, 0, 0]
    for _ in range(60):
        for index, limiter in enumerate(limiters):
            passed[index] += admitted(await get(limiter, plan, 2))
        await world.go_on(0.2)
    assert sum(passed) == 101
    assert min(passed) > 20
    assert world.used(plan) == (101, 0)


async def test_the_size_follows_the_demand() -> None:
    """A stock that does not last is doubled up to the most that the plan allows, and shrinks with demand."""
    world = World()
    limiter = world.sidecar()
    plan = leased(max_units=64)
    await get(limiter, plan, 10)
    stock = limiter._lanes[plan.tag].stock
    assert stock is not None
    sizes = [stock.want]
    for _ in range(30):
        await world.go_on(0.01)
        await get(limiter, plan, 10)
        sizes.append(stock.want)
    assert sizes[0] == 10
    assert max(sizes) == 64
    for _ in range(20):
        await get(limiter, plan)
        await world.go_on(0.5)
    assert stock.want <= 4


async def test_low_stocks_are_filled_before_they_are_empty_in_one_call() -> None:
    """Lanes whose stocks run low share a call, and their requests go on at once all the time."""
    world = World()
    limiter = world.sidecar()
    plans = [Subject(leased(day_quota_request=10_000).plan, f"service-{name}", "release") for name in "abcd"]
    for plan in plans:
        await get(limiter, plan)
    calls = world.stores[0].submitted
    for _ in range(5):
        assert all(at_once(limiter, plan) for plan in plans)
    await world.go_on(0.05)
    assert world.stores[0].submitted == calls + 1
    assert all(at_once(limiter, plan) for plan in plans for _ in range(4))


async def test_what_nobody_asks_for_goes_back() -> None:
    """An idle process gives its units back, quota and tokens."""
    world = World()
    limiter = world.sidecar()
    other = world.sidecar()
    plan = leased(day_quota_request=40, rate_rps=1, burst=10)
    await get(limiter, plan)
    assert world.used(plan)[0] > 1
    await world.go_on(2.0)
    assert world.used(plan) == (1, 0)
    assert limiter.leased() == {}
    assert admitted(await get(other, plan, 20)) == 10


@pytest.mark.parametrize("conditional", [False, True])
async def test_close_gives_everything_back(conditional: bool) -> None:
    """What a process that ends held ahead is everybody's, and its Entry is gone."""
    world = World()
    limiter = world.sidecar()
    plan = leased(day_quota_request=40, quota_condition=frozenset({"2xx"} if conditional else ()))
    (request,) = await get(limiter, plan)
    limiter.settle(request.told, counted=True)
    assert await limiter.close(1.0)
    await world.go_on(2.0)
    assert world.used(plan) == (1, 0)
    assert not world.reference.accounts[plan.tag].entries


async def test_nothing_ahead_comes_while_a_process_closes() -> None:
    """A grant that is on its way when a process ends goes back too."""
    world = World()
    limiter = world.sidecar()
    plan = leased(day_quota_request=40)
    ask(limiter, plan)
    await turns(1)
    assert await limiter.close(1.0)
    await world.go_on(1.0)
    assert world.used(plan) == (1, 0)
    assert world.reference.accounts[plan.tag].leased == 0


async def test_nothing_is_spent_past_its_end_though_timers_stall() -> None:
    """A process that stood still asks anew; what had ended goes back with that call."""
    world = World()
    limiter = world.sidecar()
    plan = leased(day_quota_request=40)
    await get(limiter, plan)
    world.now_us += 1_000_000
    assert at_once(limiter, plan) is None
    await turns()
    account = world.reference.accounts[plan.tag]
    stock = limiter._lanes[plan.tag].stock
    assert stock is not None
    assert account.day.charged == 2 + stock.left


async def test_nothing_of_yesterday_is_spent_today() -> None:
    """The day's end ends what was ahead, by the process's own clock and by the store's answer."""
    world = World()
    limiter, other = world.sidecar(), world.sidecar()
    plan = leased(ttl_ms=10_000, day_quota_request=40)
    answer = (await get(limiter, plan))[0].told.answer
    assert answer is not None
    world.now_us = answer.day_end_us - 100_000
    await get(limiter, plan)
    assert limiter.leased()
    world.now_us = answer.day_end_us
    await get(other, plan)
    assert at_once(limiter, plan) is None
    await turns()
    used = world.used(plan)[0]
    assert used == 2 + sum(limiter.leased().values()) + sum(other.leased().values())


async def test_a_plan_that_is_strict_now_leases_nothing_any_more() -> None:
    """A reload gives back what was ahead, and what is granted ahead meanwhile."""
    world = World()
    limiter = world.sidecar()
    plan, strict = leased(day_quota_request=40), subject(day_quota_request=40)
    await get(limiter, plan)
    ask(limiter, plan, 9)
    await turns(1)
    assert admitted(await get(limiter, strict)) == 1
    await turns()
    await world.go_on(0.1)
    assert limiter.leased() == {}
    assert world.used(plan) == (11, 0)


async def test_a_call_that_came_after_the_end_renews_nothing() -> None:
    """Units that the store had ended are given back, not spent: others have had their tokens."""
    world = World()
    limiter = world.sidecar()
    plan = leased(rate_rps=10, burst=20)
    await get(limiter, plan)
    world.now_us += 900_000
    stock = limiter._lanes[plan.tag].stock
    assert stock is not None
    assert stock.left == 8
    # The call goes out in time, and is run when the Lease has ended.
    world.stores[0].fault = "hold_call"
    limiter._lanes[plan.tag].wants = True
    limiter._combiner.send(limiter._lanes[plan.tag])
    await turns()
    world.now_us += 200_000
    world.stores[0].fault = "none"
    world.stores[0].let_go()
    await turns()
    assert stock.left == 0
    await world.go_on(1.0)
    assert world.used(plan) == (1, 0)
    assert world.reference.accounts[plan.tag].leased == 0


@pytest.mark.parametrize("fault", ["lose_reply", "hold_reply"])
async def test_units_ahead_that_nobody_heard_of_go_back_with_their_tokens(fault: str) -> None:
    """A lost or late grant is as if it never was but for the tokens of those who asked."""
    world = World()
    limiter = world.sidecar()
    plan = leased(ttl_ms=5_000, day_quota_request=99, rate_rps=1, burst=20)
    world.stores[0].fault = fault
    await get(limiter, plan, 2)
    account = world.reference.accounts[plan.tag]
    assert account.leased == 8
    world.stores[0].fault = "none"
    world.stores[0].let_go()
    await world.go_on(1.0)
    assert limiter.leased() == {}
    assert account.leased == 0
    assert world.used(plan) == (0, 0)
    assert account.tokens_u >= 18_000_000


async def test_a_unit_ahead_that_does_not_count_goes_back() -> None:
    """Under a condition each outcome decides, also of a request that took its unit at once."""
    world = World()
    limiter = world.sidecar()
    plan = leased(day_quota_request=40, quota_condition=frozenset({"2xx"}))
    requests = [*await get(limiter, plan), *ask(limiter, plan, 3)]
    for request, counted in zip(requests, (True, True, False, False), strict=True):
        limiter.settle(request.told, counted)
        limiter.release(request.told)
    await world.go_on(3.0)
    assert world.used(plan) == (2, 0)


async def test_an_entry_lives_while_a_unit_ahead_may_go_back() -> None:
    """However long the request takes, its unit is given back when it does not count."""
    world = World()
    limiter, other = world.sidecar(), world.sidecar()
    limiter.start()
    plan = leased(day_quota_request=40, quota_condition=frozenset({"2xx"}))
    (first,) = await get(limiter, plan)
    (second,) = ask(limiter, plan)
    limiter.settle(first.told, counted=True)
    await world.go_on(3 * HOLD_S)
    await get(other, plan, 0)
    limiter.settle(second.told, counted=False)
    await world.go_on(1.0)
    assert world.used(plan) == (1, 0)
    assert await limiter.close(1.0)
    assert not world.reference.accounts[plan.tag].entries


async def test_units_of_an_entry_that_was_ended_are_void() -> None:
    """They stay charged, and are not spent when their process comes back."""
    world = World()
    paused, other = world.sidecar(), world.sidecar()
    plan = leased(ttl_ms=int(HOLD_S * 1000), day_quota_request=40)
    await get(paused, plan)
    world.now_us += int(HOLD_S * 1e6) + 1
    await get(other, plan)
    used = world.used(plan)[0]
    assert at_once(paused, plan) is None
    await turns()
    stock = paused._lanes[plan.tag].stock
    assert stock is not None
    assert world.used(plan)[0] == used + 1 + stock.left


async def test_a_standby_is_spent_to_the_number_and_only_without_the_store() -> None:
    """While all is well it is not touched; then so many go on, then none; then it is filled again."""
    world = World()
    limiter = world.sidecar()
    plan = standing_by(3, day_quota_request=100)
    assert admitted(await get(limiter, plan, 5)) == 5
    assert world.used(plan) == (8, 0)
    assert admitted(await get(limiter, plan, 2)) == 2
    assert limiter.leased() == {"usagePlan-test": 3}
    world.stores[0].fault = "lose_call"
    assert admitted(await get(limiter, plan, 5)) == 3
    assert admitted(await get(limiter, plan, 1)) == 0
    assert limiter.outage.unaccounted == {}
    world.stores[0].fault = "none"
    assert admitted(await get(limiter, plan, 2)) == 2
    assert limiter.leased() == {"usagePlan-test": 3}
    assert world.used(plan) == (7 + 3 + 2 + 3, 0)


async def test_a_standby_serves_while_a_call_is_late() -> None:
    """Who waits for a call that misses its deadline, and who comes then, may have it."""
    world = World()
    limiter = world.sidecar()
    plan = standing_by(3, day_quota_request=100)
    await get(limiter, plan)
    world.stores[0].fault = "hold_call"
    waiting = ask(limiter, plan, 2)
    await turns()
    later = await get(limiter, plan, 2)
    assert [request.admitted for request in waiting + later] == [True, True, True, False]
    assert [request.told.place for request in waiting] == [2, 1]


async def test_a_standby_with_a_rate_ends_and_one_without_lasts_the_day() -> None:
    """Tokens are others' once the Lease has ended; quota alone stays charged until its day ends."""
    for rates, expected in (({"rate_rps": 100}, 0), ({}, 2)):
        world = World()
        limiter = world.sidecar()
        plan = standing_by(2, day_quota_request=100, **rates)
        await get(limiter, plan)
        world.stores[0].fault = "lose_call"
        world.now_us += int(HOLD_S * 1e6)
        assert admitted(await get(limiter, plan, 5)) == expected
        world.now_us += DAY_S * 1_000_000
        assert admitted(await get(limiter, plan, 5)) == 0


async def test_a_standby_is_renewed_in_use_and_given_back_when_idle() -> None:
    """It lasts as long as requests come; of a Subject that nobody asks for nothing stays charged."""
    world = World()
    limiter = world.sidecar()
    plan = standing_by(2, day_quota_request=10_000)
    for _ in range(30):
        await get(limiter, plan)
        await world.go_on(HOLD_S / 10)
    assert limiter.leased() == {"usagePlan-test": 2}
    await world.go_on(1.5 * HOLD_S)
    assert limiter.leased() == {}
    assert world.used(plan) == (30, 0)


async def test_an_idle_standby_is_kept_while_the_store_is_away() -> None:
    """It may be all that there is."""
    world = World()
    limiter = world.sidecar()
    plan = standing_by(2, day_quota_request=100)
    await get(limiter, plan)
    world.stores[0].fault = "lose_call"
    assert admitted(await get(limiter, plan)) == 1
    await world.go_on(2 * HOLD_S)
    assert admitted(await get(limiter, plan, 3)) == 1


async def test_a_standby_and_a_lease_lie_in_one_stock() -> None:
    """Requests take of the Lease at once and leave the standby."""
    world = World()
    limiter = world.sidecar()
    plan = subject(lease=LeaseRule(4), on_store_failure=StoreFailurePolicy("local", units=3))
    await get(limiter, plan)
    assert [at_once(limiter, plan) for _ in range(5)] == [True, True, True, True, None]
    assert limiter.leased() == {"usagePlan-test": 3}


def test_how_long_units_last() -> None:
    """A Lease as its plan says; a standby must outlive an outage; a strict plan has none."""
    assert lease_us(leased(ttl_ms=700).plan, 60_000_000) == 700_000
    assert lease_us(standing_by().plan, 60_000_000) == 60_000_000
    assert lease_us(subject().plan, 60_000_000) == 0


def test_a_stock_that_is_retired_wants_nothing() -> None:
    """A process that ends asks for nothing more."""
    stock = Stock()
    stock.rule(leased().plan, HOLD_S)
    stock.measure(1, 5.0)
    before = (stock.is_wanted, stock.wanted())
    stock.retire()
    assert before == (True, 8)
    assert (stock.is_wanted, stock.wanted()) == (False, 0)
