"""Throttles of environments and of single Apis beside a caller's plan; the engine says what is left."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from quotad.config.model import Address, Authorize, Route
from quotad.core.plans import (
    Api,
    Binding,
    EnvironmentRule,
    Secret,
    Service,
    Subject,
    UsagePlan,
)
from quotad.core.quota import Limit
from quotad.core.table import PlanTable, throttle_of
from quotad.core.verdict import Verdict
from quotad.dataplane.snapshot import Snapshot
from tests.support.backends import running_backend
from tests.support.dataplane import (
    SERVICE,
    Asking,
    Gate,
    Plane,
    refused,
    route,
    running_plane,
    snapshot,
    until,
)
from tests.support.rawhttp import PAIR, SECRET_ID, SECRET_KEY, get, post, raw

RULE = EnvironmentRule("release", 5, 10)
TAG = throttle_of("service-test", RULE).tag
API_TAG = throttle_of("service-test", RULE, "api-one").tag
APIS = (
    Api("api-one", "one", "GET", "/one/{id}", (RULE,)),
    Api("api-two", "two", "ANY", "/two", (EnvironmentRule("test", 5, 10),)),
)
SHADOW = UsagePlan("usagePlan-shadow", "shadow")


@contextlib.asynccontextmanager
async def throttled(
    *routes: Route,
    shadow: UsagePlan | None = None,
    rule: EnvironmentRule | None = RULE,
    apis: tuple[Api, ...] = (),
) -> AsyncIterator[Plane]:
    """A plane whose environment has a throttle, or one of whose Apis has."""
    async with running_plane(*routes, shadow=shadow) as plane:
        service = replace(SERVICE, rules=() if rule is None else (rule,), apis=apis)
        plane.holder.current = snapshot(*routes, shadow=shadow, service=service)
        yield plane


def is_throttle(subject: Subject) -> bool:
    """Whether it is that of all callers together."""
    return subject.tag == TAG


def names(verdicts: list[Verdict]) -> list[str]:
    """Whose they are: the plan's, the Api's throttle's, the environment's."""
    said = {TAG: "environment", API_TAG: "api"}
    return [said.get(verdict.subject.tag, "plan") for verdict in verdicts]


def refuse_throttle(gate: Gate, reason: str = "rate", tag: str = TAG) -> None:
    """From now on the throttle has nothing left."""
    limit = Limit.RATE if reason == "rate" else Limit.NONE

    def change(verdict: Verdict) -> None:
        if verdict.subject.tag == tag:
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


async def test_an_apis_throttle_is_asked_before_the_environments() -> None:
    """First the plan, then the Api's throttle, then that of all callers; each unit is settled."""
    async with running_backend() as backend, throttled(route(backend.port), apis=APIS) as plane:
        async with raw(plane.port) as caller:
            await caller.send(get("/one/1?a=b"))
            assert (await caller.answer()).status == 200
        assert names(plane.gate.granted) == ["plan", "api", "environment"]
        assert plane.gate.released == []
        assert (await plane.outcomes.until(1)).api_id == ""


@pytest.mark.parametrize(
    ("target", "method"), [("/two", "GET"), ("/one", "GET"), ("/one/1", "POST"), ("/three", "GET")]
)
async def test_other_requests_are_not_held_to_it(target: str, method: str) -> None:
    """Who calls no Api, or one without a throttle in this environment, meets the plan alone."""
    async with running_backend() as backend, throttled(route(backend.port), rule=None, apis=APIS) as plane:
        async with raw(plane.port) as caller:
            await caller.send(get(target) if method == "GET" else post(b"x", target=target))
            assert (await caller.answer()).status == 200
        assert names(plane.gate.granted) == ["plan"]


async def test_the_api_is_found_by_what_the_backend_is_asked_for() -> None:
    """A prefix that the route strips is none of the Api's path, and HEAD is a GET."""
    there = {"path_prefix": "/api", "strip_prefix": True}
    async with (
        running_backend() as backend,
        throttled(route(backend.port, **there), rule=None, apis=APIS) as plane,
    ):
        async with raw(plane.port) as caller:
            await caller.send(get("/api/one/1"))
            assert (await caller.answer()).status == 200
            await caller.send(get("/api/one/1").replace(b"GET", b"HEAD", 1))
            assert (await caller.answer("HEAD")).status == 200
        assert names(plane.gate.granted) == ["plan", "api"] * 2


async def test_a_path_of_two_apis_is_refused() -> None:
    """What a backend may read as an Api with a throttle, or as another, is 400; it costs nothing."""
    async with throttled(route(1), rule=None, apis=APIS) as plane:
        async with raw(plane.port) as caller:
            await caller.send(get("/one/..%2f1"))
            assert (await caller.answer()).status == 400
        assert (await plane.outcomes.until(1)).reason == "ambiguous_path"
        assert plane.gate.asked == 0


@pytest.mark.parametrize(
    ("tag", "reason", "given_back"), [(API_TAG, "api_throttle", ["plan"]), (TAG, "throttle", ["api", "plan"])]
)
async def test_what_a_throttle_refuses_costs_no_quota(tag: str, reason: str, given_back: list[str]) -> None:
    """The one that refused is told; all that was granted before goes back, once."""
    async with throttled(route(1), apis=APIS) as plane:
        refuse_throttle(plane.gate, tag=tag)
        async with raw(plane.port) as caller:
            await caller.send(get("/one/1"))
            answer = await caller.answer()
        body = json.loads(answer.body)
        assert (answer.status, body["detail"], body["limit"]) == (429, "API rate limit exceeded.", "rate")
        assert body["type"] == f"urn:quotad:problem:{reason.replace('_', '-')}"
        assert answer.values(b"retry-after") == [b"3"]
        outcome = await plane.outcomes.until(1)
        assert (outcome.reason, outcome.limit, outcome.counted) == (reason, "rate", None)
        assert outcome.verdict is not None
        assert outcome.verdict.subject.tag == tag
        assert names(plane.gate.released) == given_back


@pytest.mark.parametrize(("tag", "reason"), [(API_TAG, "api_throttle"), (TAG, "throttle")])
async def test_while_either_is_known_to_be_used_up_nothing_is_asked(tag: str, reason: str) -> None:
    """Neither the plan nor the other throttle loses anything to a flood."""
    async with throttled(route(1), apis=APIS) as plane:
        known = Verdict(throttle_of("service-test", RULE, "api-one" if tag == API_TAG else ""), False, None)
        refused(Limit.RATE, "rate", 1)(known)
        plane.gate.known[tag] = known
        async with raw(plane.port) as caller:
            await caller.send(get("/one/1"))
            assert (await caller.answer()).status == 429
        assert (await plane.outcomes.until(1)).reason == reason
        assert plane.gate.asked == 0


@pytest.mark.parametrize("step", [1, 2, 3])
async def test_who_leaves_between_throttles_gets_everything_back(step: int) -> None:
    """A caller that hangs up while it waits for the plan or either throttle leaves nothing taken."""
    async with throttled(route(1), apis=APIS) as plane:
        plane.gate.held = True
        async with raw(plane.port) as caller:
            await caller.send(get("/one/1"))
            for asked in range(1, step):
                await until(lambda asked=asked: plane.gate.asked == asked)  # type: ignore[misc]
                plane.gate.open()
            await until(lambda: plane.gate.asked == step)
            caller.reset()
            outcome = await plane.outcomes.until(1)
        plane.gate.open()
        assert outcome.reason == "client_left"
        assert len(plane.gate.granted) == len(plane.gate.released) == step - 1


async def test_an_apis_throttle_stands_beside_plans_of_single_apis() -> None:
    """Under its own plan and under the default plan of the environment an Api has the same throttle."""
    rules = (EnvironmentRule("release", default_plan_id="usagePlan-default"),)
    table = PlanTable(
        [Service("service-test", "test", apis=APIS, rules=rules)],
        [UsagePlan("usagePlan-test", "test"), UsagePlan("usagePlan-default", "default")],
        [Secret("test", SECRET_ID, SECRET_KEY.encode()), Secret("other", "AKIDother", SECRET_KEY.encode())],
        [Binding("usagePlan-test", (SECRET_ID,), (("service-test", "release"),), api_ids=("api-one",))],
    )
    async with running_backend() as backend, running_plane(route(backend.port)) as plane:
        plane.holder.current = Snapshot((route(backend.port),), table)
        async with raw(plane.port) as caller:
            for secret_id in (SECRET_ID, "AKIDother"):
                await caller.send(get("/one/1").replace(SECRET_ID.encode(), secret_id.encode()))
                assert (await caller.answer()).status == 200
        await plane.outcomes.until(2)
        assert [each.subject.tag for each in plane.gate.granted] == [
            "usagePlan-test/service-test/release/.api.api-one", API_TAG,
            "usagePlan-default/service-test/release", API_TAG,
        ]  # fmt: skip


async def test_other_proxies_are_held_to_the_throttle_of_the_api_that_they_ask_about() -> None:
    """It is found by the method and target of the request, not of the question."""
    about = b"X-Forwarded-Host: a.test\r\nX-Forwarded-Uri: /one/1\r\nX-Forwarded-Method: "
    rules = Authorize(
        Address("127.0.0.1", 0), "caddy", "x-forwarded-method", "x-forwarded-uri", "x-forwarded-host"
    )
    async with running_plane(route(1), listen=Asking(rules)) as plane:
        plane.holder.current = snapshot(route(1), service=replace(SERVICE, apis=APIS))
        refuse_throttle(plane.gate, tag=API_TAG)
        async with raw(plane.port) as proxy:
            for method, status in ((b"PUT", 200), (b"GET", 429)):
                await proxy.send(
                    b"GET /authorize HTTP/1.1\r\nHost: proxy\r\n%b%b\r\n%b\r\n" % (about, method, PAIR)
                )
                assert (await proxy.answer()).status == status
        assert names(plane.gate.released) == ["plan"]
