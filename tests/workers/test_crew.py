import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop

from quotad.config.parcel import pack
from quotad.errors import QuotadError
from quotad.workers import crew as module
from quotad.workers.crew import Crew
from tests.support.crews import Workplace, running_crew, workplace
from tests.support.processes import workers_of
from tests.support.servers import StoreServer
from tests.support.waiting import until


def pids(crew: Crew) -> set[int]:
    """Its workers' process ids."""
    return {child.process.pid for child in crew._children.values()}


async def test_a_stuck_worker_is_not_ready_and_is_replaced(
    tmp_path: Path, store_server: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who does not answer first counts as not ready, then is killed; the others are not touched."""
    monkeypatch.setattr(module, "REPORT_EVERY_S", 0.02)
    monkeypatch.setattr(module, "SLUGGISH_S", 0.2)
    async with workplace(tmp_path, store_server.url) as place, running_crew(place, 2, place.parcel()) as crew:
        await until(lambda: crew.ready == 2)
        stuck, other = sorted(pids(crew))
        os.kill(stuck, signal.SIGSTOP)
        await until(lambda: crew.ready == 1)
        await crew.refresh()
        assert pids(crew) == {stuck, other}
        monkeypatch.setattr(module, "STUCK_S", 0.1)
        await until(lambda: stuck not in pids(crew))
        monkeypatch.setattr(module, "STUCK_S", 30.0)
        await until(lambda: crew.ready == 2)
        assert other in pids(crew)
        assert crew.restarts == 1


async def test_a_worker_that_dies_at_start_is_tried_again(tmp_path: Path, store_server: StoreServer) -> None:
    """With growing pauses and in words, until it can start."""
    folder = tmp_path / "log"
    folder.mkdir()
    async with (
        workplace(tmp_path, store_server.url) as place,
        running_crew(place, 1, place.parcel(folder / "access.log")) as crew,
    ):
        (folder / "access.log").unlink()
        folder.rmdir()
        (first,) = pids(crew)
        os.kill(first, signal.SIGKILL)
        await until(lambda: crew.restarts >= 2)
        assert crew.ready == 0
        folder.mkdir()
        await until(lambda: crew.ready == 1)


async def test_one_that_cannot_start_fails_the_start(tmp_path: Path, store_server: StoreServer) -> None:
    """In its own words; what did start is ended by ``drain``."""
    async with workplace(tmp_path, store_server.url) as place:
        with pytest.raises(QuotadError, match=r"access log .*: No such file"):
            async with running_crew(place, 2, place.parcel(tmp_path / "none" / "access.log")):
                pass


def renamed(place: Workplace, version: str) -> bytes:
    """Another configuration."""
    return pack(replace(place.config, version=version, listen=place.config.listen))


async def test_a_configuration_that_is_refused_is_refused_everywhere(
    tmp_path: Path, store_server: StoreServer
) -> None:
    """After the refusal all have the old one, and a later one is taken by all."""
    async with workplace(tmp_path, store_server.url) as place, running_crew(place, 2, place.parcel()) as crew:
        with pytest.raises(QuotadError, match="not a configuration"):
            await crew.prepare(b"[]")
        new = renamed(place, "new")
        prepared = await crew.prepare(new)
        assert len(prepared) == 2
        await crew.commit(new, prepared)
        assert {child.parcel for child in crew._children.values()} == {new}
        assert (crew.ready, crew.restarts) == (2, 0)


async def test_one_that_dies_between_the_phases_comes_back_with_the_new_configuration(
    tmp_path: Path, store_server: StoreServer
) -> None:
    """The decision stands once all have prepared."""
    async with workplace(tmp_path, store_server.url) as place, running_crew(place, 2, place.parcel()) as crew:
        new = renamed(place, "new")
        prepared = await crew.prepare(new)
        prepared[0].end(signal.SIGKILL)
        await crew.commit(new, prepared)
        await until(lambda: crew.ready == 2 and prepared[0] not in crew._children.values())
        assert {child.parcel for child in crew._children.values()} == {new}


async def test_one_that_began_to_listen_meanwhile_is_told_too(
    tmp_path: Path, store_server: StoreServer
) -> None:
    """Nobody keeps the old configuration: also not who was not asked to prepare."""
    async with workplace(tmp_path, store_server.url) as place, running_crew(place, 2, place.parcel()) as crew:
        new = renamed(place, "new")
        prepared = await crew.prepare(new)
        await crew.commit(new, prepared[:1])
        assert {child.parcel for child in crew._children.values()} == {new}
        with pytest.raises(QuotadError, match="nothing was prepared"):
            await prepared[1].order("commit", 30.0)


async def test_what_the_dead_counted_stays_in_the_sum(tmp_path: Path, store_server: StoreServer) -> None:
    """Counters of a worker that ended are kept, and drain leaves no process."""
    async with workplace(tmp_path, store_server.url) as place, running_crew(place, 2, place.parcel()) as crew:
        child = next(iter(crew._children.values()))
        child.figures.put("quotad_access_log_dropped", 7)
        child.figures.put("quotad_event_loop_lag_seconds", 1e9)
        child.end(signal.SIGKILL)
        await until(lambda: child not in crew._children.values())
        assert crew.figures().numbers["quotad_access_log_dropped"][()] == 7
        lags = crew.figures().numbers.get("quotad_event_loop_lag_seconds", {})
        assert 1e9 not in lags.values()
    assert not crew._children


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_swap_may_be_cancelled_at_any_moment(
    tmp_path: Path, store_server: StoreServer, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """However far a new worker has come to be: it has ended when the drain has."""

    async def cancelled_after(turns: int, place: Workplace) -> bool:
        """Whether the worker was there already."""
        crew = Crew(1, place.parcel(), place.spawn)
        swapping = asyncio.ensure_future(crew.swap(place.parcel()))
        for _ in range(turns):
            await asyncio.sleep(0)
        is_there = bool(crew._alive)
        swapping.cancel()
        await asyncio.wait([swapping])
        await crew.drain(1.0)
        assert workers_of(os.getpid()) == [], f"after {turns} turns of the loop"
        return is_there

    async def at_every_turn() -> None:
        async with workplace(tmp_path, store_server.url) as place:
            turns = 0
            while not await cancelled_after(turns, place):
                turns += 1
            assert turns > 2

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(at_every_turn())
