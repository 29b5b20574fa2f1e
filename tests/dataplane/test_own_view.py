"""A caller's own view, over real connections; the store's side is in test_own_use."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from quotad.config.model import AuthRules, Route
from quotad.core.plans import Binding, Secret, Service, Subject, UsagePlan
from quotad.core.quota import Usage
from quotad.core.table import PlanTable
from quotad.dataplane.own_use import ASKED_PER_S, OwnUse
from quotad.dataplane.snapshot import Snapshot
from tests.support.backends import Backend, running_backend
from tests.support.dataplane import Plane, refused, route, running_plane, until
from tests.support.rawhttp import PAIR, SECRET_ID, SECRET_KEY, Answer, Raw, get, post, raw
from tests.support.samples import FixedReader, usage

TARGET = "/.well-known/quotad/usage"


@dataclass
class View:
    """A data plane whose store knows the same use of everything."""

    plane: Plane
    backend: Backend
    reader: FixedReader

    async def ask(self, request: bytes = b"", method: str = "GET") -> Answer:
        """One answer."""
        async with raw(self.plane.port) as caller:
            await caller.send(request or get(TARGET))
            return await caller.answer(method)


@pytest.fixture
async def view() -> AsyncIterator[View]:
    """A caller may use one service; a second key pair is bound to nothing."""
    reader = FixedReader()
    own_use = OwnUse(reader.usage, lambda: 1.0)
    async with (
        running_backend() as backend,
        running_plane(route(backend.port), own_use=own_use) as plane,
    ):
        yield View(plane, backend, reader)
    await own_use.close()


def rows(answer: Answer) -> list[dict[str, Any]]:
    """The rows that were shown."""
    assert (answer.status, answer.values(b"content-type")) == (200, [b"application/json"])
    assert answer.values(b"cache-control") == [b"no-store"]
    body = json.loads(answer.body)
    assert body["totalCount"] == len(body["usage"])
    assert body["storeTime"] == "2026-11-18T11:06:40Z"
    shown: list[dict[str, Any]] = body["usage"]
    return shown


def problem(answer: Answer, status: int) -> dict[str, Any]:
    """What a refusal says."""
    assert (answer.status, answer.values(b"content-type")) == (status, [b"application/problem+json"])
    members: dict[str, Any] = json.loads(answer.body)
    return members


async def test_a_caller_sees_its_own_rows(view: View) -> None:
    """It sees what the admin port shows of its Subject, and neither backend nor engine hears of it."""
    (row,) = rows(await view.ask())
    assert (row["usagePlanId"], row["serviceId"], row["environment"]) == (
        "usagePlan-test",
        "service-test",
        "release",
    )
    assert (row["inUseRequestNum"], row["held"], row["windows"]["day"]["inUse"]) == (7, 2, 7)
    assert (view.backend.seen, view.plane.gate.asked) == ([], 0)
    outcome = view.plane.outcomes.all[0]
    assert (outcome.status, outcome.reason, outcome.counted) == (200, "own_use", None)
    assert (outcome.secret_id, outcome.plan_id) == (SECRET_ID, "")


async def test_who_is_out_of_quota_sees_it_too(view: View) -> None:
    """A refused caller may still ask, on the same connection."""
    view.plane.gate.change = refused()
    async with raw(view.plane.port) as caller:
        await caller.send(get(), get(TARGET + "?any=thing"), get())
        assert (await caller.answer()).status == 429
        assert len(rows(await caller.answer())) == 1
        assert (await caller.answer()).status == 429


async def test_head(view: View) -> None:
    """HEAD answers as GET does, without the body."""
    answer = await view.ask(get(TARGET).replace(b"GET", b"HEAD"), "HEAD")
    assert answer.status == 200
    assert int(answer.values(b"content-length")[0]) > 100


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"OPTIONS"])
async def test_other_methods(view: View, method: bytes) -> None:
    """Whatever changes something is refused with the methods that are there; its body is read away."""
    async with raw(view.plane.port) as caller:
        await caller.send(post(b"a body", target=TARGET).replace(b"POST", method), get(TARGET))
        answer = await caller.answer()
        assert answer.values(b"allow") == [b"GET, HEAD"]
        problem(answer, 405)
        assert len(rows(await caller.answer())) == 1


async def test_a_get_with_a_body(view: View) -> None:
    """A body means nothing here; it is read away."""
    async with raw(view.plane.port) as caller:
        request = post(b"a body", target=TARGET).replace(b"POST", b"GET")
        await caller.send(request[:-3], request[-3:], get(TARGET))
        for _ in range(2):
            assert len(rows(await caller.answer())) == 1


@pytest.mark.parametrize(
    ("credentials", "words"),
    [
        (b"", "HMAC id or signature missing."),
        (
            f"X-Secret-Id: {SECRET_ID}\r\nX-Secret-Key: wrong-key-here\r\n".encode(),
            "Secret id or key is invalid.",
        ),
        (b"X-Secret-Id: nobody\r\nX-Secret-Key: wrong-key-here\r\n", "Secret id or key is invalid."),
    ],
)
async def test_strangers_get_the_usual_refusals(view: View, credentials: bytes, words: str) -> None:
    """Who is not known is told what any route tells it, and costs no read."""
    answer = await view.ask(get(TARGET).replace(PAIR, credentials))
    assert problem(answer, 401)["detail"] == words
    assert answer.values(b"www-authenticate")
    assert view.reader.asked == []


async def test_too_often(view: View) -> None:
    """More than ten questions in a second are refused for a moment; they cost one read in all."""
    async with raw(view.plane.port) as caller:
        await caller.send(get(TARGET) * (ASKED_PER_S + 1))
        for _ in range(ASKED_PER_S):
            assert len(rows(await caller.answer())) == 1
        answer = await caller.answer()
    assert (problem(answer, 429)["limit"], answer.values(b"retry-after")) == ("none", [b"1"])
    assert len(view.reader.asked) == 1


async def test_the_store_is_away(view: View) -> None:
    """Nothing is guessed: 503 until the store says what is in use."""
    view.reader.away = True
    answer = await view.ask()
    assert (problem(answer, 503)["retryAfter"], answer.values(b"retry-after")) == (1, [b"1"])


def world(*routes: Route, secret: Secret, bindings: list[Binding]) -> Snapshot:
    """Two services and a plan for each of two callers."""
    services = [Service("service-one", "one"), Service("service-two", "two")]
    plans = [
        UsagePlan("usagePlan-mine", "mine"),
        UsagePlan("usagePlan-theirs", "theirs"),
        UsagePlan("usagePlan-off", "off", disabled=True),
    ]
    return Snapshot(
        routes, PlanTable(services, plans, [secret, Secret("other", "AKIDother", b"o" * 20)], bindings)
    )


async def test_all_routes_of_the_host(view: View) -> None:
    """A caller sees what it may use on the host that it asked: not others' plans, hosts or shadows."""
    port = view.backend.port
    both: tuple[Any, ...] = (("service-one", "release"), ("service-two", "release"))
    secret = Secret("mine", SECRET_ID, SECRET_KEY.encode())
    view.plane.holder.current = world(
        route(port, path_prefix="/one", service_id="service-one"),
        route(port, path_prefix="/two", service_id="service-two", auth=AuthRules(key_pair=False)),
        route(port, host="else.test", service_id="service-two"),
        secret=secret,
        bindings=[
            Binding("usagePlan-mine", (SECRET_ID,), both),
            Binding("usagePlan-theirs", ("AKIDother",), both),
            Binding("usagePlan-theirs", (SECRET_ID,), both, shadow=True),
        ],
    )
    assert [row["serviceId"] for row in rows(await view.ask())] == ["service-one"]
    basic = b"Authorization: Basic %b\r\n" % b64encode(f"{SECRET_ID}:{SECRET_KEY}".encode())
    by_basic = rows(await view.ask(get(TARGET).replace(PAIR, basic)))
    assert [(row["serviceId"], row["usagePlanId"]) for row in by_basic] == [
        ("service-one", "usagePlan-mine"),
        ("service-two", "usagePlan-mine"),
    ]
    assert [row["serviceId"] for row in rows(await view.ask(get(TARGET, host="else.test")))] == [
        "service-two",
        "service-one",
    ]


async def test_without_a_plan_there_is_nothing_to_see(view: View) -> None:
    """No plan, or one that is switched off: 403; no route on the host: 404; a disabled Secret: 401."""
    port = view.backend.port
    only = route(port, service_id="service-one")
    place: tuple[Any, ...] = (("service-one", "release"),)
    mine = Secret("mine", SECRET_ID, SECRET_KEY.encode())
    for bindings in ([], [Binding("usagePlan-off", (SECRET_ID,), place)]):
        view.plane.holder.current = world(only, secret=mine, bindings=bindings)
        assert problem(await view.ask(), 403)["detail"] == "Found no validate usage plan."
    view.plane.holder.current = world(only, secret=replace(mine, enabled=False), bindings=[])
    problem(await view.ask(), 401)
    view.plane.holder.current = world(replace(only, host="else.test"), secret=mine, bindings=[])
    problem(await view.ask(), 404)


@pytest.mark.parametrize(
    "target", ["/.well-known/quotad", "/.well-known/quotad/usage/", "/a/.well-known/quotad/usage"]
)
async def test_its_neighbours_are_the_backends(view: View, target: str) -> None:
    """Only this one path is ours; all others go to the backend."""
    assert (await view.ask(get(target))).body == b"ok"


async def leave(caller: Raw, half: bool) -> None:
    """Hang up, or close one side."""
    if half:
        caller.writer.write_eof()
    else:
        caller.reset()


@pytest.mark.parametrize("half", [False, True])
async def test_who_leaves_while_the_store_is_read(half: bool) -> None:
    """A caller that does not wait for its answer is forgotten; the read goes on for the next."""
    go = asyncio.Event()

    async def slow(subjects: Sequence[Subject]) -> list[Usage]:
        await go.wait()
        return [usage()] * len(subjects)

    own_use = OwnUse(slow, lambda: 1.0)
    async with running_backend() as backend, running_plane(route(backend.port), own_use=own_use) as plane:
        async with raw(plane.port) as caller:
            await caller.send(get(TARGET))
            await until(lambda: own_use._reads)
            await leave(caller, half)
            outcome = await plane.outcomes.until(1)
        assert (outcome.status, outcome.reason) == (0, "client_left")
        go.set()
        async with raw(plane.port) as caller:
            await caller.send(get(TARGET))
            assert len(rows(await caller.answer())) == 1
    await own_use.close()


async def test_an_end_of_the_process_waits_for_no_read() -> None:
    """Closing the port ends a question that the store has not answered."""

    async def never(subjects: Sequence[Subject]) -> list[Usage]:
        await asyncio.Event().wait()
        return []

    own_use = OwnUse(never, lambda: 1.0)
    async with running_backend() as backend, running_plane(route(backend.port), own_use=own_use) as plane:
        async with raw(plane.port) as caller:
            await caller.send(get(TARGET))
            await until(lambda: own_use._reads)
            await plane.listener.close()
        await own_use.close()
        assert plane.outcomes.all[0].status == 0
