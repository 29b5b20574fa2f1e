"""The throttle of an environment beside a caller's plan. What it decides by is the engine's."""

import contextlib
import json
from collections.abc import AsyncIterator

import pytest

from quotad.config.model import Route
from quotad.core.plans import EnvironmentRule, Subject, UsagePlan
from quotad.core.quota import Limit
from quotad.core.table import throttle_of
from quotad.core.verdict import Verdict
from tests.support.backends import running_backend
from tests.support.dataplane import Gate, Plane, refused, route, running_plane, snapshot, until
from tests.support.rawhttp import get, raw

RULE = EnvironmentRule("release", 5, 10)
TAG = throttle_of("service-test", RULE).tag
SHADOW = UsagePlan("usagePlan-shadow", "shadow")


@contextlib.asynccontextmanager
async def throttled(*routes: Route, shadow: UsagePlan | None = None) -> AsyncIterator[Plane]:
    """A plane whose environment has a throttle."""
    async with running_plane(*routes, shadow=shadow) as plane:
        plane.holder.current = snapshot(*routes, shadow=shadow, rule=RULE)
        yield plane


def is_throttle(subject: Subject) -> bool:
    """Whether it is that of all callers together."""
    return subject.tag == TAG


def refuse_throttle(gate: Gate, reason: str = "rate") -> None:
    """From now on the throttle has nothing left."""
    limit = Limit.RATE if reason == "rate" else Limit.NONE

    def change(verdict: Verdict) -> None:
        if is_throttle(verdict.subject):
            refused(limit, reason, 3)(verdict)

    gate.change = change


@pytest.mark.parametrize("at_once", [False, True])
async def test_both_are_asked_and_settled(at_once: bool) -> None:
    """First the plan, then the throttle; when the answer is there both units are settled."""
    async with running_backend() as backend, throttled(route(backend.port)) as plane:
        plane.gate.at_once = at_once
        async with raw(plane.port) as caller:
            await caller.send(get(), get())
            assert [(await caller.answer()).status for _ in range(2)] == [200, 200]
        asked = [is_throttle(verdict.subject) for verdict in plane.gate.granted]
        assert asked == [False, True, False, True]
        assert plane.gate.released == []


async def test_a_throttled_request_costs_its_plan_nothing() -> None:
    """It is 429 by the rate, with the throttle's numbers; what the plan had granted goes back, once."""
    async with (
        running_backend() as backend,
        throttled(route(backend.port), shadow=SHADOW) as plane,
    ):
        refuse_throttle(plane.gate)
        async with raw(plane.port) as caller:
            await caller.send(get())
            answer = await caller.answer()
        body = json.loads(answer.body)
        assert (answer.status, body["detail"], body["limit"], body["retryAfter"]) == (
            429, "API rate limit exceeded.", "rate", 3,
        )  # fmt: skip
        assert body["type"] == "urn:quotad:problem:throttle"
        outcome = await plane.outcomes.until(1)
        assert (outcome.reason, outcome.limit, outcome.counted) == ("throttle", "rate", None)
        assert outcome.plan_id == "usagePlan-test"
        assert outcome.verdict is not None
        assert is_throttle(outcome.verdict.subject)
        assert [is_throttle(verdict.subject) for verdict in plane.gate.released] == [False]
        assert plane.outcomes.shadows == []
        assert not backend.seen


async def test_beyond_its_plan_a_caller_takes_nothing_of_the_throttle() -> None:
    """Who is refused by its own plan does not use up what all share."""
    async with throttled(route(1)) as plane:
        plane.gate.change = refused()
        async with raw(plane.port) as caller:
            await caller.send(get())
            assert (await caller.answer()).status == 429
        assert (await plane.outcomes.until(1)).reason == "quota"
        assert plane.gate.asked == 1


async def test_a_known_refusal_needs_no_question() -> None:
    """While the throttle is known to be used up, neither the plan nor the store is asked."""
    async with throttled(route(1)) as plane:
        known = Verdict(throttle_of("service-test", RULE), False, None)
        refused(Limit.RATE, "rate", 1)(known)
        plane.gate.known[TAG] = known
        async with raw(plane.port) as caller:
            await caller.send(get())
            assert (await caller.answer()).status == 429
        assert (await plane.outcomes.until(1)).reason == "throttle"
        assert plane.gate.asked == 0


@pytest.mark.parametrize(("reason", "status"), [("store", 200), ("overload", 503)])
async def test_when_the_store_does_not_answer_for_the_throttle(reason: str, status: int) -> None:
    """The plan's policy has decided then; only too many who wait are refused, and cost the plan nothing."""
    async with running_backend() as backend, throttled(route(backend.port)) as plane:
        refuse_throttle(plane.gate, reason)
        async with raw(plane.port) as caller:
            await caller.send(get())
            assert (await caller.answer()).status == status
        assert len(plane.gate.released) == (status != 200)


@pytest.mark.parametrize("step", [1, 2])
async def test_who_leaves_gets_everything_back(step: int) -> None:
    """A caller that hangs up while it waits for the plan, or for the throttle, leaves nothing taken."""
    async with throttled(route(1)) as plane:
        plane.gate.held = True
        async with raw(plane.port) as caller:
            await caller.send(get())
            await until(lambda: plane.gate.asked == 1)
            if step == 2:
                plane.gate.open()
                await until(lambda: plane.gate.asked == 2)
            caller.reset()
            outcome = await plane.outcomes.until(1)
        plane.gate.open()
        assert outcome.reason == "client_left"
        assert len(plane.gate.granted) == len(plane.gate.released) == step - 1


async def test_no_backend_gives_both_back_or_settles_both() -> None:
    """Where no backend is reached, the throttle's unit ends as the plan's does."""
    async with throttled(route(1)) as plane:
        async with raw(plane.port) as caller:
            await caller.send(get())
            assert (await caller.answer()).status == 502
        await plane.outcomes.until(1)
        assert len(plane.gate.settled) == len(plane.gate.granted) == 2


async def test_preflights_pass() -> None:
    """A preflight that passes uncounted is not throttled either."""
    async with (
        running_backend() as backend,
        throttled(route(backend.port, preflight_pass=True)) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(
            b"OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: b\r\nAccess-Control-Request-Method: PUT\r\n\r\n"
        )
        assert (await caller.answer()).status == 200
        assert plane.gate.asked == 0
