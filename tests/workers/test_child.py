import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from quotad.errors import QuotadError
from quotad.telemetry.figures import Figures
from quotad.workers.child import Child
from tests.support.crews import workplace
from tests.support.servers import StoreServer
from tests.support.waiting import until


async def test_a_worker_starts_listens_reports_and_ends(tmp_path: Path, store_server: StoreServer) -> None:
    """Its numbers come when asked for, and once more at its end."""
    async with workplace(tmp_path, store_server.url) as place:
        child = await place.spawn(1)
        await child.start(place.parcel(), 30.0)
        assert child.ready_for_s == 0.0
        await child.listen((0,), 30.0)
        child.is_ready()
        await child.report()
        assert sum(child.figures.numbers["quotad_requests"].values()) == 0
        child.figures.numbers.clear()
        child.end()
        assert await child.ended() == 0
        assert "quotad_requests" in child.figures.numbers
        assert not child.ready


async def test_a_refused_order_says_why(tmp_path: Path, store_server: StoreServer) -> None:
    """What the worker cannot do comes back as an error, and it lives on."""
    async with workplace(tmp_path, store_server.url) as place:
        child = await place.spawn(1)
        with pytest.raises(QuotadError, match="not started"):
            await child.listen((0,), 30.0)
        with pytest.raises(QuotadError, match="nothing was prepared"):
            await child.order("commit", 30.0)
        with pytest.raises(QuotadError, match="not a configuration"):
            await child.start(b"[]", 30.0)
        child.end()
        await child.ended()


async def test_orders_to_a_dead_worker_fail(tmp_path: Path, store_server: StoreServer) -> None:
    """Those that wait, and those that come later; nobody waits for ever."""
    async with workplace(tmp_path, store_server.url) as place:
        child = await place.spawn(1)
        await child.start(place.parcel(), 30.0)
        os.kill(child.process.pid, signal.SIGSTOP)
        report = child.report()
        assert child.report() is report
        await until(lambda: child.silent_s > 0.0)
        with pytest.raises(QuotadError, match="no answer to abort in 0 s"):
            await child.order("abort", 0.01)
        child.end(signal.SIGKILL)
        assert await child.ended() == -signal.SIGKILL
        with pytest.raises(QuotadError, match="worker 1 has ended"):
            await report
        assert child.silent_s == 0.0
        with pytest.raises(QuotadError, match="worker 1 has ended"):
            await child.order("abort", 30.0)
        child.end()


async def test_a_worker_that_talks_nonsense_is_ended(tmp_path: Path, store_server: StoreServer) -> None:
    """What cannot be read does not take the supervisor's ear away for good: the worker goes, in words."""

    def misunderstand(_message: dict[str, Any]) -> Figures:
        raise KeyError("places")

    async with workplace(tmp_path, store_server.url) as place:
        child = await Child.spawn(1, place.log_lock, place.port.slots, misunderstand)
        await child.start(place.parcel(), 30.0)
        with pytest.raises(QuotadError, match="worker 1 has ended"):
            await child.report()
        assert await child.ended() == -signal.SIGKILL


async def test_where_nothing_can_be_run_the_error_is_ours(
    tmp_path: Path, store_server: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system that refuses to start a process is told like any other reason."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    async with workplace(tmp_path, store_server.url) as place:
        with pytest.raises(QuotadError, match="a worker cannot be run: No such file"):
            await place.spawn(1)
