"""A shadow plan beside the one that enforces: asked, ended with its request, and never felt."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from quotad.core.plans import StatusClass, UsagePlan
from quotad.core.quota import Limit
from quotad.core.verdict import Verdict
from quotad.dataplane import shadow as module
from tests.support.backends import running_backend
from tests.support.dataplane import Gate, Plane, refused, route, running_plane, until
from tests.support.rawhttp import get, raw

ONLY_2XX: frozenset[StatusClass] = frozenset({"2xx"})
ONLY_4XX: frozenset[StatusClass] = frozenset({"4xx"})
SHADOW = UsagePlan("usagePlan-shadow", "shadow", quota_condition=ONLY_4XX)
TAG = "usagePlan-shadow/service-test/release/.shadow"


def only_shadows(change: Callable[[Verdict], None]) -> Callable[[Verdict], None]:
    """Changes the Verdicts of shadow Subjects alone."""

    def changed(verdict: Verdict) -> None:
        if verdict.subject.shadow:
            change(verdict)

    return changed


def ends(gate: Gate) -> list[tuple[bool, bool]]:
    """(shadow, counted) of everything settled."""
    return [(verdict.subject.shadow, counted) for verdict, counted in gate.settled]


async def status_of(plane: Plane) -> int:
    """One request's status."""
    async with raw(plane.port) as caller:
        await caller.send(get())
        return (await caller.answer()).status


@pytest.mark.parametrize("at_once", [False, True])
async def test_each_plan_counts_by_its_own_condition(at_once: bool) -> None:
    """The enforcing plan and the shadow each settle the same status once, by what each of them says."""
    async with (
        running_backend(lambda seen: b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n") as backend,
        running_plane(route(backend.port), condition=ONLY_2XX, shadow=SHADOW) as plane,
    ):
        plane.gate.at_once = at_once
        assert await status_of(plane) == 404
        await until(lambda: len(plane.gate.settled) == 2)
        assert sorted(ends(plane.gate)) == [(False, False), (True, True)]
        assert [(subject.tag, word) for subject, word in plane.outcomes.shadows] == [(TAG, "admitted")]
        assert (await plane.outcomes.until(1)).shadow_limit == "admitted"


@pytest.mark.parametrize(
    ("limit", "reason", "word"),
    [
        (Limit.RATE, "rate", "rate"),
        (Limit.TOTAL, "quota", "total"),
        (Limit.NONE, "store", "store"),
        (Limit.NONE, "overload", "store"),
    ],
)
async def test_a_refusal_of_the_shadow_is_only_told(limit: Limit, reason: str, word: str) -> None:
    """What the shadow would have refused is admitted all the same, counted once, and told by its limit."""
    async with (
        running_backend() as backend,
        running_plane(route(backend.port), shadow=SHADOW) as plane,
    ):
        plane.gate.change = only_shadows(refused(limit, reason))
        assert await status_of(plane) == 200
        await until(lambda: plane.outcomes.shadows)
        assert plane.outcomes.shadows[0][1] == word
        assert ends(plane.gate) == [(False, True)]
        assert plane.gate.released == []


async def test_who_is_refused_asks_no_shadow() -> None:
    """A request that the enforcing plan refused is no request to the shadow plan."""
    async with (
        running_backend() as backend,
        running_plane(route(backend.port), shadow=SHADOW) as plane,
    ):
        plane.gate.change = refused()
        assert await status_of(plane) == 429
        assert (plane.gate.asked, plane.outcomes.shadows) == (1, [])


async def test_nobody_waits_for_a_shadow() -> None:
    """A request is answered while its shadow waits; the shadow's Verdict is settled when it comes."""
    async with (
        running_backend() as backend,
        running_plane(route(backend.port), condition=ONLY_2XX, shadow=SHADOW) as plane,
    ):
        gate = plane.gate
        async with raw(plane.port) as caller:
            await caller.send(get())
            await until(lambda: gate.asked == 1)
            gate.held = True
            assert (await caller.answer()).status == 200
        outcome = await plane.outcomes.until(1)
        assert (ends(gate), outcome.shadow_limit) == ([(False, True)], "")
        gate.open()
        assert (ends(gate), outcome.shadow_limit) == ([(False, True), (True, False)], "admitted")


async def test_what_no_backend_saw_is_given_back_by_both() -> None:
    """A caller that left in the line for a connection used neither plan, whenever the shadow answers."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with running_backend(script=silent) as backend:
        only_one = route(backend.port, pool_connections=1)
        async with running_plane(only_one, shadow=SHADOW) as plane, raw(plane.port) as first:
            gate = plane.gate
            await first.send(get())
            await until(lambda: backend.open and gate.asked == 2)
            async with raw(plane.port) as second:
                await second.send(get())
                await until(lambda: gate.asked == 4 and not gate.waiting)
            await plane.outcomes.until(1)
            assert [verdict.subject.shadow for verdict in gate.released] == [True, False]
            async with raw(plane.port) as third:
                await third.send(get())
                await until(lambda: gate.asked == 5)
                gate.held = True
                await until(lambda: gate.asked == 6)
            await plane.outcomes.until(2)
            gate.open()
            assert [verdict.subject.shadow for verdict in gate.released] == [True, False, False]
            assert len(plane.outcomes.shadows) == 2


async def test_hanging_up_is_used_by_both() -> None:
    """A caller that breaks off what a backend has is charged by the shadow too, whatever its condition."""

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with (
        running_backend(script=never) as backend,
        running_plane(route(backend.port), condition=ONLY_2XX, shadow=SHADOW) as plane,
    ):
        async with raw(plane.port) as caller:
            await caller.send(get()[:-2] + b"Content-Length: 9\r\n\r\nhalf")
            await until(lambda: backend.open)
        await plane.outcomes.until(1)
        assert sorted(ends(plane.gate)) == [(False, True), (True, True)]


@pytest.mark.parametrize("verb", ["reserve", "settle"])
async def test_an_error_in_a_shadow_stays_there(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What breaks for the shadow is told to the loop, and the request goes on."""
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
    async with (
        running_backend() as backend,
        running_plane(route(backend.port), shadow=SHADOW) as plane,
    ):
        original = getattr(plane.gate, verb)

        def breaks(first: Any, *rest: Any) -> Any:
            subject = first.subject if isinstance(first, Verdict) else first
            if subject.shadow:
                raise LookupError("broken on purpose")
            return original(first, *rest)

        monkeypatch.setattr(plane.gate, verb, breaks)
        assert await status_of(plane) == 200
        await until(lambda: told)
        assert str(told[0]["exception"]) == "broken on purpose"
        plane.gate.granted[:] = [each for each in plane.gate.granted if not each.subject.shadow]


async def test_shadows_do_not_fill_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a bound of those that wait, a shadow is not asked, and says so."""
    monkeypatch.setattr(module, "SHADOWS_WAITING", 0)
    async with (
        running_backend() as backend,
        running_plane(route(backend.port), shadow=SHADOW) as plane,
    ):
        assert await status_of(plane) == 200
        assert plane.gate.asked == 1
        assert [word for _, word in plane.outcomes.shadows] == ["store"]


async def test_a_disabled_shadow_is_none() -> None:
    """A shadow plan that is switched off asks nothing."""
    off = UsagePlan("usagePlan-shadow", "shadow", disabled=True)
    async with running_backend() as backend, running_plane(route(backend.port), shadow=off) as plane:
        assert await status_of(plane) == 200
        assert (plane.gate.asked, plane.outcomes.shadows) == (1, [])
