"""What a Limiter does although nobody asks, and the refusals that it remembers."""

from dataclasses import replace

import pytest

from quotad.core.plans import LeaseRule, Subject
from quotad.core.quota import Limit, Reset, TopUp, Window
from quotad.engine.limiter import Limiter
from quotad.engine.terms import TermsBook
from quotad.engine.upkeep import (
    DENIED_AGAIN_S,
    DENIED_S,
    HEARTBEATS_PER_HOLD,
    IDLE_BEATS,
    OUTAGE_SETTLE_DELAY_S,
    PUSH_PAUSE_S,
    PUSHED_AT_ONCE,
    SETTLE_DELAY_S,
    WATCH_S,
)
from tests.support.elapsing import pass_s
from tests.support.engines import HOLD_S, START_US, Request, World, ask, get, subject, turns

DAY_US = 86_400_000_000
HOLD_US = int(HOLD_S * 1e6)
BEAT_S = HOLD_S / HEARTBEATS_PER_HOLD / 2


def successes_only(**limits: object) -> Subject:
    """A Subject whose quotas count 2xx alone."""
    return subject(quota_condition=frozenset({"2xx"}), **limits)


def adjust(world: World, wanted: Subject, change: TopUp | Reset) -> None:
    """What an operator does to the Subject at the store."""
    terms = TermsBook(HOLD_US).terms(wanted.plan, world.now_us)
    world.reference.adjust(world.now_us, HOLD_US, wanted, terms, change)


def entries(world: World, wanted: Subject) -> int:
    """How many Sidecars have an Entry in the Subject."""
    return len(world.reference.accounts[wanted.tag].entries)


async def use_up(limiter: Limiter, wanted: Subject) -> Request:
    """Take the one unit there is; answers the request that was refused after it."""
    first, refused = await get(limiter, wanted, 2)
    assert first.admitted
    assert not refused.admitted
    return refused


async def until_admitted_s(world: World, limiter: Limiter, wanted: Subject, at_most_s: float) -> float:
    """Ask every 50 ms; answers after how long one was admitted."""
    for tick in range(int(at_most_s / 0.05) + 1):
        if (await get(limiter, wanted))[0].admitted:
            return tick * 0.05
        await pass_s(world, 0.05)
    raise AssertionError("none was admitted")


# Refusals that hold.


@pytest.mark.parametrize("name", ["day_quota_request", "month_quota_request", "max_request_num"])
async def test_a_quota_that_is_used_up_refuses_without_asking(name: str) -> None:
    """The refusal holds for a while, says the same as the store's, and costs it no submit."""
    world = World()
    limiter = world.sidecar()
    plan = subject(**{name: 1})
    refused = (await use_up(limiter, plan)).told
    for request in ask(limiter, plan, 100):
        told = request.told
        assert (told.admitted, told.reason, told.limit) == (False, "quota", refused.limit)
        assert told.retry_after_s == refused.retry_after_s
    assert world.stores[0].submitted == 1


async def test_a_quota_of_zero_refuses_without_asking_too() -> None:
    """A Subject that may not be used at all is asked for once."""
    world = World()
    limiter = world.sidecar()
    plan = subject(day_quota_request=0)
    await get(limiter, plan)
    assert all(request.told.limit == Limit.DAY for request in ask(limiter, plan, 10))
    assert world.stores[0].submitted == 1


async def test_while_requests_come_the_store_is_asked_again_by_a_timer() -> None:
    """However many requests a used-up quota sees, the store hears one call in 0.8 s, and refuses on."""
    world = World()
    limiter = world.sidecar()
    plan = subject(day_quota_request=1)
    await use_up(limiter, plan)
    for _ in range(100):
        requests = ask(limiter, plan, 20)
        assert not any(request.told.admitted for request in requests)
        await pass_s(world, 0.08)
    assert 8 <= world.stores[0].submitted <= 1 + 8.0 / DENIED_AGAIN_S
    assert world.used(plan) == (1, 0)


async def test_a_refusal_that_nobody_meets_is_not_asked_again() -> None:
    """No traffic, no calls; the next request asks the store."""
    world = World()
    limiter = world.sidecar()
    plan = subject(day_quota_request=1)
    await use_up(limiter, plan)
    await pass_s(world, 5 * DENIED_S)
    assert world.stores[0].submitted == 1
    (request,) = ask(limiter, plan)
    assert request.verdict is None
    await turns()
    assert not request.admitted
    assert world.stores[0].submitted == 2


@pytest.mark.parametrize("change", [Reset(1, frozenset({Window.DAY})), TopUp(1, Window.DAY, 5, 0)])
async def test_a_reset_and_a_top_up_act_within_a_second(change: Reset | TopUp) -> None:
    """A remembered refusal does not outlive what an operator does by more than it lasts."""
    world = World()
    limiter = world.sidecar()
    plan = subject(day_quota_request=1)
    await use_up(limiter, plan)
    adjust(world, plan, change)
    assert await until_admitted_s(world, limiter, plan, 2 * DENIED_S) < DENIED_AGAIN_S + 0.1


async def test_a_raised_limit_acts_at_once() -> None:
    """A reload makes a new Subject: the refusal of the old one is forgotten."""
    world = World()
    limiter = world.sidecar()
    await use_up(limiter, subject(day_quota_request=1))
    requests = await get(limiter, subject(day_quota_request=3), 3)
    assert [request.admitted for request in requests] == [True, True, False]


async def test_a_refusal_by_holds_alone_is_not_remembered() -> None:
    """A Hold may come back at any moment: the next request asks, and has it."""
    world = World()
    limiter = world.sidecar()
    plan = successes_only(day_quota_request=1)
    held, refused = await get(limiter, plan, 2)
    assert (held.admitted, refused.admitted) == (True, False)
    (asking,) = ask(limiter, plan)
    assert asking.verdict is None
    await turns()
    assert not asking.admitted
    limiter.settle(held.told, counted=False)
    assert (await get(limiter, plan))[0].admitted


async def test_a_refusal_by_others_leases_alone_is_not_remembered() -> None:
    """What another Sidecar holds ahead may come back: the store is asked each time."""
    world = World()
    holder, other = world.sidecar(), world.sidecar()
    plan = subject(day_quota_request=9, lease=LeaseRule(8))
    strict = subject(day_quota_request=9)
    assert (await get(holder, plan))[0].admitted
    ahead = holder.leased()["usagePlan-test"]
    requests = await get(other, strict, 9)
    assert sum(request.admitted for request in requests) == 8 - ahead
    (asking,) = ask(other, strict)
    assert asking.verdict is None
    await turns()
    assert await holder.close(1.0)
    assert sum(request.admitted for request in await get(other, strict, 9)) == ahead


@pytest.mark.parametrize("before_s", [0.2, 0.9, 1.2])
async def test_a_refusal_ends_with_its_window(before_s: float) -> None:
    """The first request of the new day is admitted, however late the old one refused."""
    day_end_us = (START_US // DAY_US + 1) * DAY_US
    world = World(now_us=day_end_us - int(before_s * 1e6))
    limiter = world.sidecar()
    plan = subject(day_quota_request=1)
    await use_up(limiter, plan)
    ask(limiter, plan)
    await pass_s(world, before_s - 0.0001)
    (old,) = ask(limiter, plan)
    assert not old.told.admitted
    world.now_us = day_end_us + 1
    assert (await get(limiter, plan))[0].admitted


async def test_an_empty_bucket_refuses_until_it_holds_a_token() -> None:
    """Without asking before, and not a moment longer."""
    world = World()
    limiter = world.sidecar()
    plan = subject(rate_rps=10, burst=1)
    await use_up(limiter, plan)
    world.now_us += 99_000
    (early,) = ask(limiter, plan)
    assert early.told.limit == Limit.RATE
    assert world.stores[0].submitted == 1
    world.now_us += 1_001
    assert (await get(limiter, plan))[0].admitted


# Numbers that must reach the store.


async def test_a_settle_goes_alone_when_no_request_takes_it_along() -> None:
    """Settles of a moment go together, and soon, although nobody asks."""
    world = World()
    limiter = world.sidecar()
    plan = successes_only(day_quota_request=9)
    requests = await get(limiter, plan, 3)
    for request in requests:
        limiter.settle(request.told, counted=True)
    await turns()
    assert world.used(plan) == (0, 3)
    await pass_s(world, SETTLE_DELAY_S)
    assert world.used(plan) == (3, 0)
    assert world.stores[0].submitted == 2


async def test_a_settle_that_rode_with_a_request_is_not_sent_again() -> None:
    """The next request of the Subject carries it; no call goes out for it alone."""
    world = World()
    limiter = world.sidecar()
    plan = successes_only(day_quota_request=9)
    (request,) = await get(limiter, plan)
    limiter.settle(request.told, counted=True)
    await get(limiter, plan)
    assert world.used(plan) == (1, 1)
    await pass_s(world, 1.0)
    assert world.stores[0].submitted == 2


async def test_a_failing_store_is_not_hammered_with_settles_and_hears_them_in_the_end() -> None:
    """While it fails they are tried about twice a second; once it answers, nothing was lost."""
    world = World()
    limiter = world.sidecar()
    plan = successes_only(day_quota_request=9)
    (request,) = await get(limiter, plan)
    limiter.settle(request.told, counted=True)
    world.stores[0].fault = "lose_call"
    await pass_s(world, 10.0)
    assert world.stores[0].submitted <= 2 + 10.0 / OUTAGE_SETTLE_DELAY_S
    world.stores[0].fault = "none"
    await pass_s(world, 2 * OUTAGE_SETTLE_DELAY_S)
    assert world.used(plan) == (1, 0)


# Entries.


async def test_a_silent_entry_with_holds_is_renewed() -> None:
    """For as long as a request goes on its Hold is kept, although another Sidecar looks for dead ones."""
    world = World()
    limiter, other = world.sidecar(), world.sidecar()
    limiter.start()
    plan = successes_only(day_quota_request=1)
    (held,) = await get(limiter, plan)
    for _ in range(10):
        await pass_s(world, HOLD_S / 2)
        assert not (await get(other, plan))[0].admitted
        assert world.used(plan) == (0, 1)
    limiter.settle(held.told, counted=False)
    await pass_s(world, 1.0)
    assert world.used(plan) == (0, 0)
    assert await limiter.close(1.0)


async def test_an_entry_whose_leased_request_goes_on_is_kept() -> None:
    """A leased unit in flight may yet be given back: idle or not, its Entry stays until then."""
    world = World()
    limiter = world.sidecar()
    limiter.start()
    plan = successes_only(day_quota_request=100, lease=LeaseRule(8))
    (first,) = await get(limiter, plan)
    (leased,) = ask(limiter, plan)
    limiter.settle(first.told, counted=True)
    await pass_s(world, 2 * IDLE_BEATS * BEAT_S)
    assert entries(world, plan) == 1
    limiter.settle(leased.told, counted=False)
    await pass_s(world, 1.0)
    assert world.used(plan) == (1, 0)
    await pass_s(world, 2 * IDLE_BEATS * BEAT_S)
    assert entries(world, plan) == 0
    assert await limiter.close(1.0)


async def test_an_idle_entry_leaves_and_begins_anew() -> None:
    """A Sidecar of which nothing is asked takes no room; what it used stays, and it may come back."""
    world = World()
    limiter = world.sidecar()
    limiter.start()
    plan = subject(day_quota_request=3)
    await get(limiter, plan, 2)
    await pass_s(world, BEAT_S)
    assert entries(world, plan) == 1
    await pass_s(world, (IDLE_BEATS + 1) * BEAT_S)
    assert entries(world, plan) == 0
    submitted = world.stores[0].submitted
    await pass_s(world, 10 * BEAT_S)
    assert world.stores[0].submitted == submitted
    requests = await get(limiter, plan, 2)
    assert [request.admitted for request in requests] == [True, False]
    assert world.used(plan) == (3, 0)
    assert await limiter.close(1.0)


async def test_an_entry_that_is_asked_now_and_then_stays() -> None:
    """One request within a few beats is enough."""
    world = World()
    limiter = world.sidecar()
    limiter.start()
    plan = subject(day_quota_request=100)
    for _ in range(6):
        await get(limiter, plan)
        await pass_s(world, (IDLE_BEATS - 1) * BEAT_S)
        assert entries(world, plan) == 1
    assert await limiter.close(1.0)


# After a failover.


async def test_what_a_new_server_forgot_is_restored_although_nobody_asks() -> None:
    """A connection made anew is noticed within ``WATCH_S``, and what is remembered is told."""
    world = World()
    limiter = world.sidecar()
    limiter.start()
    plan = successes_only(day_quota_request=9)
    requests = await get(limiter, plan, 4)
    for request in requests[:3]:
        limiter.settle(request.told, counted=True)
    await pass_s(world, 0.1)
    world.reference.accounts.clear()
    world.reference.totals.clear()
    world.stores[0].reconnected += 1
    await pass_s(world, WATCH_S)
    assert world.used(plan) == (3, 1)
    limiter.settle(requests[3].told, counted=True)
    assert await limiter.close(1.0)
    assert world.used(plan) == (4, 0)


async def test_without_a_new_connection_nothing_is_pushed() -> None:
    """Looking costs the store nothing."""
    world = World()
    limiter = world.sidecar()
    limiter.start()
    await get(limiter, subject())
    await pass_s(world, 4 * WATCH_S)
    assert world.stores[0].submitted == 1


async def test_many_subjects_are_told_in_portions_the_busiest_first() -> None:
    """A new server is not flooded: so many at a time, and first those of which the most was asked."""
    world = World()
    limiter = world.sidecar()
    plans = [replace(subject(), service_id=f"service-{number}") for number in range(PUSHED_AT_ONCE + 40)]
    for plan in plans:
        ask(limiter, plan)
    ask(limiter, plans[-1], 2)
    await turns()
    world.reference.accounts.clear()
    world.stores[0].reconnected += 1
    limiter.start()
    await turns()
    assert len(world.reference.accounts) == PUSHED_AT_ONCE
    assert plans[-1].tag in world.reference.accounts
    assert plans[-2].tag not in world.reference.accounts
    await pass_s(world, PUSH_PAUSE_S)
    assert len(world.reference.accounts) == len(plans)
    assert await limiter.close(1.0)


# The end.


async def test_close_says_when_the_store_did_not_hear() -> None:
    """A close that ran out of time answers False; units it could not tell of stay held."""
    world = World()
    limiter = world.sidecar()
    plan = successes_only(day_quota_request=9)
    (request,) = await get(limiter, plan)
    limiter.settle(request.told, counted=True)
    world.stores[0].fault = "hold_call"
    assert not await limiter.close(0.01)
    assert world.used(plan) == (0, 1)


async def test_close_lets_the_entry_go() -> None:
    """A Sidecar that ends leaves no Entry behind, and its timers do nothing more."""
    world = World()
    limiter = world.sidecar()
    limiter.start()
    plan = subject(day_quota_request=9)
    await get(limiter, plan)
    assert await limiter.close(1.0)
    assert entries(world, plan) == 0
    submitted = world.stores[0].submitted
    await pass_s(world, 5 * HOLD_S)
    assert world.stores[0].submitted == submitted
