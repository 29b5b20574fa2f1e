"""Changes upon the reference store: what they do, what the audit log says, what a key repeats."""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from quotad.controlplane import adjust
from quotad.controlplane.adjust import Adjuster, Asker
from quotad.controlplane.answers import RefusedError
from quotad.controlplane.audit import AuditLog
from quotad.controlplane.audit_trail import FileTrail
from quotad.controlplane.change import Change, parse_change
from quotad.core.plans import Subject
from quotad.core.quota import Call, DayNumbers, Reset, Terms, TopUp, Usage
from quotad.core.reference import Reference
from quotad.engine.terms import TermsBook
from quotad.errors import StoreError
from quotad.store.memory_store import MemoryStore
from tests.support.batches import submit
from tests.support.samples import NOW_US, TABLE

(SUBJECT, *_) = TABLE.subjects()
PLACE = {"usagePlanId": "usagePlan-shared", "serviceId": "service-aaaaaaaa", "environment": "release"}
PEER = {"peer": "127.0.0.1", "credential": "token"}


def change(action: str, **members: object) -> Change:
    assert action in ("reset", "top-up")
    body = json.dumps({**PLACE, "reason": "of the test", **members}).encode()
    return parse_change("reset" if action == "reset" else "top-up", body)


RESET = change("reset", windows=["day"])
TOP_UP = change("top-up", window="day", amount=5, until="windowEnd")


class World:
    """One store in memory, whose adjustments may fail before or after they were made."""

    def __init__(self, path: Path) -> None:
        self.now_us = NOW_US
        self.path = path
        self.memory = MemoryStore(Reference(), lambda: self.now_us, b"12345678")
        self.fault = ""
        self.sent: list[Reset | TopUp] = []
        self.before_adjust: Callable[[], None] = lambda: None
        self.number = 0

    async def usage(self, subjects: Sequence[Subject]) -> list[Usage]:
        return await self.memory.usage(subjects)

    async def adjust(self, subject: Subject, terms: Terms, told: TopUp | Reset) -> Usage:
        self.before_adjust()
        if self.fault == "call":
            raise StoreError("disconnected", "lost", executed=False)
        self.sent.append(told)
        after = await self.memory.adjust(subject, terms, told)
        if self.fault == "reply":
            raise StoreError("broken", "lost", executed=None)
        return after

    def adjuster(self, path: Path | None = None) -> Adjuster:
        """A process's: it knows only what the audit log says."""
        return Adjuster(self, FileTrail(AuditLog(path or self.path, lambda: self.now_us / 1e6)), 60.0)

    async def use(self, cost: int) -> int:
        """How many of so many requests are admitted."""
        self.number += 1
        terms = TermsBook().terms(SUBJECT.plan, self.now_us)._replace(conditional=False)
        unlimited = terms._replace(limits=terms.limits._replace(rate_rps=-1, burst=-1))
        call = Call(SUBJECT, unlimited, cost, 0, self.number, DayNumbers(), DayNumbers())
        (answer,) = await submit(self.memory, [call]).answers()
        return answer.granted

    def audited(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_text().splitlines()]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """An empty one: a day has 100 requests."""
    return World(tmp_path / "audit.jsonl")


async def test_a_reset_is_made_and_told(world: World) -> None:
    """Use of its windows is 0, of others it stays; before and after stand in the audit log."""
    assert await world.use(7) == 7
    answer = await world.adjuster().change(TABLE, RESET, Asker(PEER))
    assert (answer["usage"]["windows"]["day"]["inUse"], answer["usage"]["inUseRequestNum"]) == (0, 7)
    asked, done = world.audited()
    assert asked["id"] == done["id"]
    assert (asked["event"], done["event"]) == ("asked", "done")
    assert (asked["who"], asked["reason"], asked["subject"]) == (PEER, "of the test", SUBJECT.tag)
    assert (asked["change"], asked["before"]["day"]) == ({"version": world.now_us, "windows": ["day"]}, 7)
    assert (done["after"]["day"], done["after"]["total"]) == (0, 7)
    assert "key" not in asked


async def test_a_top_up_is_made_and_told(world: World) -> None:
    """So many more pass, once; the answer says what was asked for."""
    assert await world.use(200) == 100
    answer = await world.adjuster().change(TABLE, TOP_UP, Asker(PEER))
    assert answer["topUp"] == {"window": "day", "amount": 5, "until": "windowEnd"}
    assert await world.use(200) == 5


async def test_without_a_key_each_one_counts(world: World) -> None:
    """Two top-ups are two, two resets are two."""
    adjuster = world.adjuster()
    await world.use(200)
    for _ in range(2):
        await adjuster.change(TABLE, TOP_UP, Asker(PEER))
    assert await world.use(200) == 10
    for _ in range(2):
        world.now_us += 1
        await adjuster.change(TABLE, RESET, Asker(PEER))
        assert await world.use(50) == 50


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("asked", [RESET, TOP_UP], ids=["reset", "top-up"])
async def test_a_key_sent_again_changes_nothing(world: World, asked: Change, restarted: bool) -> None:
    """It answers the same, also hours later and after a restart; the store is not even asked."""
    adjuster = world.adjuster()
    await world.use(200)
    first = await adjuster.change(TABLE, asked, Asker(PEER, "key"))
    await world.use(3)
    world.now_us += 3_600_000_000
    if restarted:
        adjuster = world.adjuster()
    assert await adjuster.change(TABLE, asked, Asker(PEER, "key")) == first
    assert len(world.sent) == 1
    assert len(world.audited()) == 2


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("fault", ["call", "reply"])
@pytest.mark.parametrize("asked", [RESET, TOP_UP], ids=["reset", "top-up"])
async def test_a_change_without_an_end_is_made_once(
    world: World, asked: Change, fault: str, restarted: bool
) -> None:
    """Whether it had arrived or not: sent again with its key it is the same change, and is answered."""
    adjuster = world.adjuster()
    await world.use(200)
    world.fault = fault
    with pytest.raises(StoreError):
        await adjuster.change(TABLE, asked, Asker(PEER, "key"))
    assert [record["event"] for record in world.audited()] == ["asked", "failed"]
    world.fault = ""
    world.now_us += 1_000_000
    if restarted:
        adjuster = world.adjuster()
    await adjuster.change(TABLE, asked, Asker(PEER, "key"))
    assert len({told.version for told in world.sent}) == 1
    assert await world.use(200) == (100 if asked is RESET else 5)


async def test_two_at_once_with_one_key_are_one(world: World) -> None:
    """The second waits for the first and answers the same."""
    adjuster = world.adjuster()
    await world.use(200)
    asker = Asker(PEER, "key")
    first, second = await asyncio.gather(*(adjuster.change(TABLE, TOP_UP, asker) for _ in range(2)))
    assert first == second
    assert await world.use(200) == 5


async def test_two_processes_make_one_top_up_of_a_key(world: World, tmp_path: Path) -> None:
    """Also with audit logs of their own: its version comes from the key."""
    await world.use(200)
    for name in ("one", "two"):
        await world.adjuster(tmp_path / name).change(TABLE, TOP_UP, Asker(PEER, "key"))
    assert await world.use(200) == 5


async def test_a_key_belongs_to_one_change(world: World) -> None:
    """For another one it is refused, and nothing is made."""
    adjuster = world.adjuster()
    await adjuster.change(TABLE, RESET, Asker(PEER, "key"))
    with pytest.raises(RefusedError) as refused:
        await adjuster.change(TABLE, TOP_UP, Asker(PEER, "key"))
    assert (refused.value.status, len(world.sent)) == (422, 1)


async def test_keys_are_remembered_within_bounds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are forgotten first."""
    monkeypatch.setattr(adjust, "KEYS_KEPT", 2)
    adjuster = world.adjuster()
    for key in ("a", "b", "c", "c", "b", "a"):
        await adjuster.change(TABLE, TOP_UP, Asker(PEER, key))
    assert len(world.sent) == 4


async def test_what_cannot_be_audited_is_not_made(world: World) -> None:
    """Neither without a log, nor where it cannot be written or read."""
    world.path.mkdir()
    for adjuster in (world.adjuster(), Adjuster(world, None, 60.0)):
        with pytest.raises(RefusedError) as refused:
            await adjuster.change(TABLE, RESET, Asker(PEER))
        assert refused.value.status == 503
    with pytest.raises(RefusedError, match="cannot be read"):
        await world.adjuster().change(TABLE, RESET, Asker(PEER, "key"))
    assert world.sent == []


async def test_a_log_that_fails_in_between_is_reported(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """What was made is answered as made; the process's log says that its end is missing."""

    def spoil() -> None:
        world.path.unlink()
        world.path.mkdir()

    world.before_adjust = spoil
    await world.adjuster().change(TABLE, RESET, Asker(PEER))
    assert "the audit log knows no end" in caplog.text


async def test_a_day_that_ends_in_between(world: World) -> None:
    """The windows of the day before do not fit any more: they are made anew, once."""
    await world.use(200)
    world.before_adjust = lambda: setattr(world, "now_us", NOW_US + 3 * 86_400_000_000)
    answer = await world.adjuster().change(TABLE, TOP_UP, Asker(PEER))
    assert answer["usage"]["windows"]["day"]["inUse"] == 0
    assert await world.use(200) == 105


async def test_another_failure_of_the_store_is_not_repeated(world: World) -> None:
    """It is told, and the change is asked for once."""
    world.fault = "call"
    with pytest.raises(StoreError):
        await world.adjuster().change(TABLE, RESET, Asker(PEER))
    assert world.audited()[-1]["error"] == "disconnected"
