"""Every admitted request ends in one settle or release: an error of our own is no exception.

The ways in which requests end in the course of things are in tests/dataplane/test_exchange.py.
"""

import asyncio
from typing import Any

import pytest

from quotad.core.plans import Subject
from quotad.core.verdict import Verdict
from tests.support.backends import running_backend
from tests.support.dataplane import Gate, route, running_plane
from tests.support.rawhttp import SECRET_ID, get, raw


@pytest.mark.parametrize("verb", ["reserve", "settle"])
async def test_an_error_inside(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a part breaks, the connection ends, the request is counted once, and the loop is told."""
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))

    def breaks(*arguments: object) -> None:
        raise LookupError("broken on purpose")

    async with running_backend() as backend, running_plane(route(backend.port)) as plane:
        original = plane.gate.settle
        monkeypatch.setattr(plane.gate, verb, breaks)
        async with raw(plane.port) as caller:
            await caller.send(get())
            assert await caller.is_closed()
        assert [outcome.reason for outcome in plane.outcomes.all] == ["internal"]
        assert [str(context["exception"]) for context in told] == ["broken on purpose"]
        for verdict in plane.gate.granted:
            original(verdict, counted=True)


async def test_a_second_verdict_is_heard_by_nobody() -> None:
    """A Verdict that comes when nothing is waited for breaks nothing that is whole."""
    async with running_backend() as backend, running_plane(route(backend.port)) as plane:
        async with raw(plane.port) as caller:
            await caller.send(get())
            assert (await caller.answer()).status == 200
        outcome = await plane.outcomes.until(1)
        assert (outcome.counted, outcome.bytes_out > 100, outcome.ended_s >= outcome.started_s) == (True,) * 3
        assert isinstance(plane.gate.granted[0], Verdict)


class Shares:
    """Remembers who used a unit, and whether that was before it was settled."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.used: list[tuple[str, bool]] = []

    def count(self, verdict: Verdict, secret_id: str) -> None:
        settled = verdict in [settled for settled, _ in self.gate.settled]
        self.used.append((secret_id, settled))


@pytest.mark.parametrize(
    ("status", "own", "used"), [(200, "", [(SECRET_ID, False)]), (404, "", []), (200, SECRET_ID, [])]
)
async def test_use_is_told_by_secret(status: int, own: str, used: list[tuple[str, bool]]) -> None:
    """A request that counts is told before it is settled, where the Secret has no counters of its own."""
    answer = b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status
    async with (
        running_backend(lambda seen: answer) as backend,
        running_plane(route(backend.port), condition=frozenset(("2xx",))) as plane,
    ):
        shares = Shares(plane.gate)
        assert plane.listener._plane is not None
        plane.listener._plane.shares = shares
        plane.gate.change = lambda verdict: setattr(
            verdict, "subject", Subject(verdict.subject.plan, "service-test", "release", own)
        )
        async with raw(plane.port) as caller:
            await caller.send(get())
            assert (await caller.answer()).status == status
        await plane.outcomes.until(1)
        assert shares.used == used
