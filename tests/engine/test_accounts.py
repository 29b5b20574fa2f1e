"""Replays over outages and deaths: every request admitted without the store is counted, once."""

from dataclasses import replace
from pathlib import Path

import pytest

from quotad.core.plans import StoreFailurePolicy, Subject
from quotad.core.quota import Replay, Terms, Usage
from quotad.core.reference import Reference, WindowsUnfitError
from quotad.core.verdict import Verdict
from quotad.engine import accounts
from quotad.engine.journal import Journal
from tests.support.dataplane import until
from tests.support.engines import START_US, Request, World, get, subject, turns
from tests.support.journals import NAMESPACE, Make, files, found, note
from tests.support.outages import admit, come_back, kill, serve, sidecar

DAY_US = 86_400_000_000
OPEN = subject(day_quota_request=100, on_store_failure=StoreFailurePolicy("open", 50))
CONDITIONAL = subject(
    day_quota_request=100,
    on_store_failure=StoreFailurePolicy("open", 50),
    quota_condition=frozenset({"2xx"}),
)
OTHER = replace(OPEN, service_id="service-other")
FIRST, SECOND = bytes(8), (1).to_bytes(8, "big")
"""The ids of a World's sidecars, in order."""


class Told(Reference):
    """A reference that remembers who told it which total, and cannot take those of broken Subjects."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, bytes, int]] = []
        self.broken: set[str] = set()

    def replay(
        self, now_us: int, owner: bytes, hold_us: int, subject: Subject, terms: Terms, record: Replay
    ) -> Usage:
        """Remember it, then do it."""
        if subject.tag in self.broken:
            raise WindowsUnfitError
        self.told.append((subject.tag, owner, record.total))
        return super().replay(now_us, owner, hold_us, subject, terms, record)


class Noted(Request):
    """A Waiter that looks into the journal when it hears that it may go on."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal
        self.seen = 0

    def on_verdict(self, verdict: Verdict) -> None:
        """What is in the journal by now."""
        super().on_verdict(verdict)
        self.seen = sum(record.total for record in self._journal.pending())


@pytest.fixture
def reference() -> Told:
    """What the server knows."""
    return Told()


@pytest.fixture
def world(reference: Told) -> World:
    """One server."""
    return World(reference=reference)


async def test_it_is_in_the_journal_before_the_request_hears_of_it(journal: Make, world: World) -> None:
    """Whoever may go on is noted, with all who went before."""
    own = journal(FIRST)
    limiter = sidecar(world, own)
    requests = [Noted(own) for _ in range(3)]
    for request in requests:
        assert limiter.reserve(OPEN, request) is None
    await turns()
    assert [request.seen for request in requests] == [1, 2, 3]
    for request in requests:
        limiter.settle(request.told, counted=True)
    await come_back(world)
    assert await limiter.close(1.0)


async def test_it_is_replayed_once_when_the_store_is_back(
    journal: Make, world: World, reference: Told
) -> None:
    """Use is what was admitted, and the journal is empty."""
    own = journal(FIRST)
    limiter = sidecar(world, own)
    await serve(limiter, OPEN, 5)
    assert world.used(OPEN) == (0, 0)
    await come_back(world)
    await come_back(world)
    assert world.used(OPEN) == (5, 0)
    assert reference.told == [(OPEN.tag, FIRST, 5)]
    assert own.pending() == []
    assert await limiter.close(1.0)
    assert world.used(OPEN) == (5, 0)


async def test_two_outages_of_a_day_add_up(journal: Make, world: World, reference: Told) -> None:
    """The second total goes on from the first."""
    own = journal(FIRST)
    limiter = sidecar(world, own)
    await serve(limiter, OPEN, 2)
    await come_back(world)
    world.stores[0].fault = "lose_call"
    await serve(limiter, OPEN, 3)
    await come_back(world)
    assert [total for _, _, total in reference.told] == [2, 5]
    assert world.used(OPEN) == (5, 0)
    assert await limiter.close(1.0)


async def test_what_does_not_count_is_not_replayed(journal: Make, world: World, reference: Told) -> None:
    """The condition holds without the store, too; the journal lets go of what came to nothing."""
    own = journal(FIRST)
    limiter = sidecar(world, own)
    requests = await admit(limiter, CONDITIONAL, 3)
    limiter.settle(requests[0].told, counted=True)
    limiter.settle(requests[1].told, counted=False)
    limiter.release(requests[2].told)
    await turns()
    await come_back(world)
    assert reference.told == [(CONDITIONAL.tag, FIRST, 1)]
    assert world.used(CONDITIONAL) == (1, 0)
    assert own.pending() == []
    assert await limiter.close(1.0)


async def test_what_is_in_flight_is_replayed_when_it_is_known(
    journal: Make, world: World, reference: Told
) -> None:
    """It stays in the journal until then, although the store is back."""
    own = journal(FIRST)
    limiter = sidecar(world, own)
    *known, open_still = await admit(limiter, CONDITIONAL, 3)
    for request in known:
        limiter.settle(request.told, counted=True)
    await turns()
    await come_back(world)
    assert [total for _, _, total in reference.told] == [2]
    assert [record.total for record in own.pending()] == [3]
    limiter.settle(open_still.told, counted=True)
    await turns(12)
    assert [total for _, _, total in reference.told] == [2, 3]
    assert own.pending() == []
    assert await limiter.close(1.0)


async def test_a_late_grant_pays_and_nothing_is_replayed(
    journal: Make, world: World, reference: Told
) -> None:
    """The units that the store granted to nobody stay charged, the rest goes back."""
    own = journal(FIRST)
    limiter = sidecar(world, own)
    world.stores[0].fault = "hold_reply"
    requests = await admit(limiter, OPEN, 4)
    for request in requests[:3]:
        limiter.settle(request.told, counted=True)
    limiter.release(requests[3].told)
    world.stores[0].fault = "none"
    world.stores[0].let_go()
    await turns()
    assert await limiter.close(1.0)
    assert reference.told == []
    assert world.used(OPEN) == (3, 0)
    assert own.pending() == []


async def test_a_journal_that_cannot_be_written_closes_the_plan(journal: Make, world: World) -> None:
    """What would be forgotten with the process is not admitted."""
    own = journal(FIRST)
    limiter = sidecar(world, own)
    own.close()
    (request,) = await get(limiter, OPEN)
    assert not request.admitted
    assert request.told.reason == "store"
    await come_back(world)
    assert await limiter.close(1.0)
    assert world.used(OPEN) == (0, 0)


async def test_a_full_journal_closes_for_new_subjects_only(tmp_path: Path, world: World) -> None:
    """Whoever has a slot goes on in it."""
    own = Journal(tmp_path / "j", NAMESPACE, FIRST, max_slots=1)
    own.open()
    limiter = sidecar(world, own)
    await serve(limiter, OPEN, 1)
    assert not any(request.admitted for request in await get(limiter, OTHER))
    await serve(limiter, OPEN, 1)
    await come_back(world)
    assert await limiter.close(1.0)
    own.close()
    assert (world.used(OPEN), world.used(OTHER)) == ((2, 0), (0, 0))


async def test_a_shadow_is_neither_admitted_nor_noted(journal: Make, world: World) -> None:
    """It denies nobody, so nothing has to be made good."""
    own = journal(FIRST)
    limiter = sidecar(world, own)
    await get(limiter, replace(OPEN, shadow=True))
    assert own.pending() == []
    await come_back(world)
    assert await limiter.close(1.0)


async def test_one_broken_subject_does_not_block_the_others(
    journal: Make, world: World, reference: Told
) -> None:
    """It is told again until the store takes it; the others do not wait for it."""
    own = journal(FIRST)
    limiter = sidecar(world, own)
    reference.broken = {OPEN.tag}
    for wanted in (OPEN, OTHER):
        await serve(limiter, wanted, 2)
    await come_back(world)
    assert world.used(OTHER) == (2, 0)
    assert [record.tag for record in own.pending()] == [OPEN.tag]
    reference.broken = set()
    await come_back(world)
    assert world.used(OPEN) == (2, 0)
    assert own.pending() == []
    assert await limiter.close(1.0)


async def test_a_dead_process_is_made_good_by_another(
    journal: Make, world: World, reference: Told, tmp_path: Path
) -> None:
    """In the dead one's name, so that its own replays before are not counted twice; its file goes."""
    own = journal(FIRST)
    limiter = sidecar(world, own)
    await serve(limiter, OPEN, 2)
    await come_back(world)
    world.stores[0].fault = "lose_call"
    await serve(limiter, OPEN, 1)
    await admit(limiter, OPEN, 1)
    kill(world, own)
    heir = sidecar(world, journal(SECOND))
    world.stores[1].fault = "none"
    await until(lambda: len(files(tmp_path / "j")) == 1)
    assert reference.told == [(OPEN.tag, FIRST, 2), (OPEN.tag, FIRST, 4)]
    assert world.used(OPEN) == (4, 0)
    assert await heir.close(1.0)


async def test_of_two_heirs_one_replays(journal: Make, world: World, reference: Told, tmp_path: Path) -> None:
    """The other leaves the file alone."""
    own = journal(FIRST)
    await serve(sidecar(world, own), OPEN, 3)
    kill(world, own)
    heirs = [sidecar(world, journal()) for _ in range(2)]
    for store in world.stores:
        store.fault = "none"
    await until(lambda: len(files(tmp_path / "j")) == 2)
    assert reference.told == [(OPEN.tag, FIRST, 3)]
    for heir in heirs:
        assert await heir.close(1.0)
    assert len(reference.told) == 1
    assert world.used(OPEN) == (3, 0)


async def test_an_heir_tries_until_the_store_takes_it(
    journal: Make, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not taken stays in the file."""
    own = journal(FIRST)
    await serve(sidecar(world, own), OPEN, 3)
    kill(world, own)
    monkeypatch.setattr(accounts, "RETRY_S", 0.0)
    heir = sidecar(world, journal(SECOND))
    await turns(100)
    assert len(files(tmp_path / "j")) == 2
    world.stores[1].fault = "none"
    await until(lambda: len(files(tmp_path / "j")) == 1)
    assert world.used(OPEN) == (3, 0)
    assert await heir.close(1.0)


async def test_an_heir_of_yesterday_charges_nothing_today(
    journal: Make, world: World, tmp_path: Path
) -> None:
    """A unit belongs to its day; the total knows no days."""
    own = journal(FIRST)
    await serve(sidecar(world, own), OPEN, 3)
    kill(world, own)
    world.now_us = START_US + DAY_US
    heir = sidecar(world, journal(SECOND))
    world.stores[1].fault = "none"
    await until(lambda: len(files(tmp_path / "j")) == 1)
    usage = world.reference.usage(world.now_us, OPEN)
    assert (usage.day_charged, usage.total_charged) == (0, 3)
    assert await heir.close(1.0)


async def test_an_heir_keeps_what_it_cannot_read_or_place(
    journal: Make, world: World, reference: Told, caplog: pytest.LogCaptureFixture
) -> None:
    """The records beside it are replayed all the same."""
    own = journal(FIRST)
    limiter = sidecar(world, own)
    note(own, 7)
    reference.broken = {OPEN.tag}
    for wanted in (OPEN, OTHER):
        await serve(limiter, wanted, 2)
    kill(world, own)
    heir = sidecar(world, journal(SECOND))
    world.stores[1].fault = "none"
    await until(lambda: reference.told)
    assert await heir.close(1.0)
    (left,) = found(journal()).values()
    assert sorted(left.values()) == [2, 7]
    assert OPEN.tag in left
    assert world.used(OTHER) == (2, 0)
    assert "cannot be read; it is kept" in caplog.text


async def test_closing_without_the_store_keeps_the_file(journal: Make, world: World, tmp_path: Path) -> None:
    """It says so, and the next process replays it."""
    own = journal(FIRST)
    limiter = sidecar(world, own)
    await serve(limiter, OPEN, 3)
    assert not await limiter.close(0.01)
    kill(world, own)
    assert len(files(tmp_path / "j")) == 1
    heir = sidecar(world, journal(SECOND))
    world.stores[1].fault = "none"
    await until(lambda: len(files(tmp_path / "j")) == 1)
    await turns()
    assert world.used(OPEN) == (3, 0)
    assert await heir.close(1.0)


async def test_closing_replays_without_waiting_for_the_next_try(
    journal: Make, world: World, tmp_path: Path
) -> None:
    """The store came back a moment ago: nothing is left for an heir."""
    own = journal(FIRST)
    limiter = sidecar(world, own)
    await serve(limiter, OPEN, 3)
    world.stores[0].fault = "none"
    assert await limiter.close(1.0)
    own.close()
    assert world.used(OPEN) == (3, 0)
    assert files(tmp_path / "j") == []


async def test_without_a_journal_it_is_replayed_by_the_same_process(world: World) -> None:
    """The folder is for deaths only."""
    limiter = world.sidecar()
    world.stores[0].fault = "lose_call"
    await serve(limiter, OPEN, 3)
    await come_back(world)
    assert world.used(OPEN) == (3, 0)
    assert await limiter.close(1.0)


async def test_a_soft_quota_stays_soft_for_those_who_outlive_its_newest_version(
    journal: Make, world: World, tmp_path: Path
) -> None:
    """The store forgot all; a dead process's plan binds by its version, and denies nobody either."""
    softly = {"soft_quotas": frozenset({"day"}), "day_quota_request": 2}
    policy = StoreFailurePolicy("open", 50)
    newest = subject(**softly, version=2, on_store_failure=policy)
    own = journal(FIRST)
    await serve(sidecar(world, own), newest, 3)
    kill(world, own)
    older = subject(**softly, version=1, on_store_failure=policy)
    heir = sidecar(world, journal(SECOND))
    world.stores[1].fault = "none"
    await until(lambda: len(files(tmp_path / "j")) == 1)
    requests = await get(heir, older, 4)
    assert [request.admitted for request in requests] == [True] * 4
    for request in requests:
        heir.settle(request.told, counted=True)
    assert await heir.close(1.0)
    assert world.used(older) == (7, 0)
