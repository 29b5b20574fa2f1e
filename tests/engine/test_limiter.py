"""reserve, settle and release as the exchange sees them, on the reference store."""

import random

import pytest

from quotad.core.plans import StoreFailurePolicy, Subject
from quotad.core.quota import Limit
from quotad.engine.limiter import Limiter
from quotad.engine.upkeep import HEARTBEATS_PER_HOLD
from tests.support.elapsing import pass_s
from tests.support.engines import HOLD_S, Request, World, ask, get, subject, turns


def admitted(requests: list[Request]) -> int:
    """How many may go on."""
    return sum(request.admitted for request in requests)


def successes_only(**limits: object) -> Subject:
    """A Subject whose quotas count 2xx alone."""
    return subject(quota_condition=frozenset({"2xx"}), **limits)


async def test_requests_that_wait_together_are_one_call() -> None:
    """However many wait in one tick, the store is asked once, and the first in line get the units."""
    world = World()
    limiter = world.sidecar()
    requests = await get(limiter, subject(day_quota_request=3), 5)
    assert world.stores[0].submitted == 1
    assert [request.admitted for request in requests] == [True, True, True, False, False]


async def test_a_verdict_never_comes_within_reserve() -> None:
    """The waiter hears nothing before ``reserve`` has returned."""
    limiter = World().sidecar()
    (request,) = ask(limiter, subject())
    assert request.verdict is None
    await turns()
    assert request.admitted


async def test_at_most_one_call_of_a_subject_is_in_flight() -> None:
    """Who comes while a call is out waits for its end and rides in the next."""
    world = World()
    limiter = world.sidecar()
    world.stores[0].fault = "hold_reply"
    first = await get(limiter, subject(), 1)
    world.stores[0].fault = "none"
    assert first[0].told.reason == "store"
    assert world.stores[0].submitted == 1
    world.stores[0].let_go()
    second = await get(limiter, subject(), 2)
    assert admitted(second) == 2
    assert world.stores[0].submitted == 2


async def test_remaining_of_earlier_requests_of_one_grant_is_larger() -> None:
    """Each request of a grant can tell how many were admitted after it."""
    requests = await get(World().sidecar(), subject(day_quota_request=9), 3)
    assert [request.told.place for request in requests] == [2, 1, 0]


async def test_a_refusal_names_its_limit_and_when_it_comes_back() -> None:
    """Reason, limit and whole seconds, rounded up."""
    (request,) = await get(World().sidecar(), subject(rate_rps=0))
    assert (request.told.reason, request.told.limit) == ("rate", Limit.RATE)
    limiter = World().sidecar()
    limited = subject(rate_rps=1, burst=1)
    _, refused = await get(limiter, limited, 2)
    assert (refused.told.limit, refused.told.retry_after_s) == (Limit.RATE, 1)


async def test_without_a_condition_every_admitted_request_is_charged_at_once() -> None:
    """No settle is needed, and one that comes changes nothing."""
    world = World()
    limiter = world.sidecar()
    plan = subject(day_quota_request=9)
    (request,) = await get(limiter, plan)
    assert world.used(plan) == (1, 0)
    limiter.settle(request.told, counted=True)
    assert await limiter.close(1.0)
    assert world.used(plan) == (1, 0)


async def test_a_hold_becomes_use_or_goes_back_by_its_status_once() -> None:
    """Counted and uncounted outcomes settle each Hold exactly once, however often they are told."""
    world = World()
    limiter = world.sidecar()
    plan = successes_only(day_quota_request=2)
    first, second = await get(limiter, plan, 2)
    assert world.used(plan) == (0, 2)
    for _ in range(3):
        limiter.settle(first.told, counted=True)
        limiter.settle(second.told, counted=False)
        limiter.release(second.told)
    assert await limiter.close(1.0)
    assert world.used(plan) == (1, 0)
    assert admitted(await get(limiter, plan, 2)) == 1


async def test_release_gives_a_unit_back_with_and_without_a_condition() -> None:
    """A request that never went upstream costs nothing."""
    world = World()
    limiter = world.sidecar()
    for plan in (subject(day_quota_request=1), successes_only(day_quota_request=1)):
        (request,) = await get(limiter, plan)
        limiter.release(request.told)
        limiter.release(request.told)
        assert await limiter.close(1.0)
        assert world.used(plan) == (0, 0)


async def test_a_waiter_that_left_before_the_call_is_not_asked_for() -> None:
    """Nobody pays for a request that is gone already."""
    world = World()
    limiter = world.sidecar()
    plan = subject(day_quota_request=9)
    requests = ask(limiter, plan, 3)
    requests[1].gone = True
    await turns()
    assert [request.admitted for request in requests] == [True, False, True]
    assert world.used(plan) == (2, 0)


async def test_a_waiter_that_leaves_during_the_call_gives_its_unit_back() -> None:
    """What was granted for it returns with the next call."""
    world = World()
    limiter = world.sidecar()
    plan = subject(day_quota_request=9)
    requests = ask(limiter, plan, 2)
    await turns(1)
    requests[0].gone = True
    await turns()
    assert [request.admitted for request in requests] == [False, True]
    assert await limiter.close(1.0)
    assert world.used(plan) == (1, 0)


@pytest.mark.parametrize("fault", ["lose_reply", "hold_reply", "hold_call"])
async def test_what_a_lost_or_late_call_was_granted_goes_back(fault: str) -> None:
    """A reply after its deadline is no grant: the callers heard 503 and pay nothing."""
    world = World()
    limiter = world.sidecar()
    plan = subject(day_quota_request=5)
    world.stores[0].fault = fault
    requests = await get(limiter, plan, 3)
    assert [request.told.reason for request in requests] == ["store"] * 3
    world.stores[0].fault = "none"
    world.stores[0].let_go()
    assert await limiter.close(2.0)
    assert world.used(plan) == (0, 0)
    assert admitted(await get(limiter, plan, 9)) == 5


async def test_while_a_call_is_late_its_subject_is_answered_at_once() -> None:
    """Nobody waits a second time for a store that does not answer."""
    world = World()
    limiter = world.sidecar()
    world.stores[0].fault = "hold_call"
    await get(limiter, subject(), 1)
    (request,) = await get(limiter, subject(), 1)
    assert request.told.reason == "store"
    assert world.stores[0].submitted == 1


async def test_open_admits_its_budget_and_a_late_grant_pays_for_it() -> None:
    """Units granted too late stay charged for what was admitted without the store."""
    world = World()
    limiter = world.sidecar()
    plan = subject(day_quota_request=9, on_store_failure=StoreFailurePolicy("open", 2))
    world.stores[0].fault = "hold_call"
    requests = await get(limiter, plan, 4)
    assert admitted(requests) == 2
    for request in requests[:2]:
        assert request.told.answer is None
        limiter.settle(request.told, counted=True)
    assert limiter.outage.unaccounted == {"usagePlan-test": 2}
    world.stores[0].fault = "none"
    world.stores[0].let_go()
    await turns()
    assert await limiter.close(1.0)
    assert world.used(plan) == (2, 0)


async def test_beyond_the_bound_requests_are_refused_and_not_queued() -> None:
    """The number of waiting requests is bounded."""
    limiter = World().sidecar(max_waiting=2)
    requests = await get(limiter, subject(), 3)
    assert [request.told.reason for request in requests] == ["", "", "overload"]
    assert limiter.waiting == 0


async def test_whoever_leaves_makes_room_for_others() -> None:
    """Requests whose callers left, before or during the call, do not count as waiting for ever."""
    limiter = World().sidecar(max_waiting=2)
    for when in (0, 1):
        requests = ask(limiter, subject(), 2)
        await turns(when)
        for request in requests:
            request.gone = True
        await turns()
        assert limiter.waiting == 0
    assert admitted(await get(limiter, subject(), 2)) == 2


async def test_a_hold_is_kept_alive_while_its_request_goes_on() -> None:
    """The Entry is renewed within the hold time, so that nobody reclaims it."""
    world = World()
    limiter = world.sidecar()
    other = world.sidecar()
    plan = successes_only(day_quota_request=1)
    (request,) = await get(limiter, plan)
    for _ in range(3 * HEARTBEATS_PER_HOLD):
        world.now_us += int(HOLD_S / HEARTBEATS_PER_HOLD * 1e6)
        limiter._upkeep.beat()
        await turns()
        assert admitted(await get(other, plan)) == 0
    limiter.settle(request.told, counted=False)
    assert await limiter.close(1.0)
    assert admitted(await get(other, plan)) == 1


async def test_what_a_silent_process_held_is_charged_and_its_late_settle_is_void() -> None:
    """A reclaimed Entry is gone for good, whatever its owner says when it comes back."""
    world = World()
    paused, other = world.sidecar(), world.sidecar()
    plan = successes_only(day_quota_request=2)
    (held,) = await get(paused, plan)
    world.now_us += int(HOLD_S * 1e6) + 1
    assert admitted(await get(other, plan)) == 1
    paused.settle(held.told, counted=False)
    assert await paused.close(1.0)
    assert world.used(plan)[0] == 1
    assert admitted(await get(paused, plan)) == 0


async def test_a_changed_limit_acts_at_once_and_keeps_what_was_used() -> None:
    """Raising or lowering a limit never resets a counter."""
    world = World()
    limiter = world.sidecar()
    assert admitted(await get(limiter, subject(day_quota_request=3), 9)) == 3
    assert admitted(await get(limiter, subject(day_quota_request=5), 9)) == 2
    assert admitted(await get(limiter, subject(day_quota_request=4), 9)) == 0


@pytest.mark.parametrize("seed", range(40))
async def test_random_faults_never_admit_more_than_the_quota_nor_lose_a_count(seed: int) -> None:
    """Through lost and late calls of three sidecars: charged + open <= limit, and at rest used = counted."""
    dice = random.Random(seed)
    world = World()
    limiters = [world.sidecar() for _ in range(3)]
    conditional = seed % 2 == 1
    plan = (successes_only if conditional else subject)(day_quota_request=60)
    flying: list[tuple[Limiter, Request]] = []
    counted = 0
    for _ in range(150):
        index = dice.randrange(3)
        world.stores[index].fault = dice.choice(
            ["none", "none", "none", "lose_call", "lose_reply", "hold_call", "hold_reply"]
        )
        asked = await get(limiters[index], plan, dice.randrange(4))
        flying += [(limiters[index], request) for request in asked if request.admitted]
        if dice.random() < 0.4:
            world.stores[index].fault = "none"
            dice.choice([world.stores[index].let_go, world.stores[index].break_held])()
            await turns()
        while flying and dice.random() < 0.5:
            limiter, request = flying.pop(dice.randrange(len(flying)))
            success = dice.random() < 0.5
            if success or not conditional:
                counted += 1
            limiter.settle(request.told, success)
        assert sum(world.used(plan)) <= 60
        world.now_us += dice.randrange(1_000_000)
        world.fire()
    for limiter, request in flying:
        limiter.settle(request.told, counted=True)
    counted += len(flying)
    for limiter, store in zip(limiters, world.stores, strict=True):
        store.fault = "none"
        store.let_go()
        await turns()
        await get(limiter, plan, 0)
        assert await limiter.close(5.0)
    assert world.used(plan) == (counted, 0)


async def test_a_known_refusal_is_told_without_asking() -> None:
    """A bucket that was found empty is known to be so until it has a token again; asking changes nothing."""
    world = World()
    limiter = world.sidecar()
    wanted = subject(rate_rps=1, burst=1)
    assert limiter.known_refusal(wanted) is None
    first, second = await get(limiter, wanted, 2)
    assert (first.admitted, second.admitted) == (True, False)
    known = limiter.known_refusal(wanted)
    assert known is not None
    assert (known.admitted, known.reason, known.retry_after_s) == (False, "rate", 1)
    assert limiter.known_refusal(subject(rate_rps=1, burst=1)) is None
    world.now_us += 1_100_000
    assert limiter.known_refusal(wanted) is None
    assert (await get(limiter, wanted))[0].admitted


async def test_the_settle_age_grows_while_an_outcome_is_untold() -> None:
    """It is 0 when all is told, grows while the store refuses to hear, and is 0 again once it has heard."""
    world = World()
    limiter = world.sidecar()
    conditional = subject(day_quota_request=10, quota_condition=frozenset({"2xx"}))
    (request,) = await get(limiter, conditional)
    assert limiter.settle_age_s() == 0
    world.stores[0].fault = "lose_call"
    limiter.settle(request.told, counted=True)
    await pass_s(world, 30)
    assert limiter.settle_age_s() == 30
    world.stores[0].fault = "none"
    await pass_s(world, 1)
    assert limiter.settle_age_s() == 0
    assert world.used(conditional) == (1, 0)
