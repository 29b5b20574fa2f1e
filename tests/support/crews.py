"""A crew of real worker processes inside the test's own process."""

import contextlib
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

from quotad.config.file import load
from quotad.config.model import Config
from quotad.config.parcel import pack
from quotad.telemetry.metrics import Recorder
from quotad.telemetry.report import absorb
from quotad.workers.child import Child
from quotad.workers.crew import Crew
from quotad.workers.ports import SharedPort
from tests.support.processes import write_config


@dataclass
class Workplace:
    """What workers need of a supervisor."""

    config: Config
    port: SharedPort
    log_lock: int

    def parcel(self, access_log: Path | None = None) -> bytes:
        """The configuration as workers get it."""
        address = replace(self.config.listen.address, port=self.port.number)
        return pack(
            replace(
                self.config,
                listen=replace(self.config.listen, address=address),
                telemetry=replace(self.config.telemetry, address=None, access_log=str(access_log or "")),
            )
        )

    async def spawn(self, number: int) -> Child:
        """A worker process that was told nothing yet."""
        recorder = Recorder()
        return await Child.spawn(
            number, self.log_lock, self.port.slots, lambda report: absorb(recorder, report)
        )


@contextlib.asynccontextmanager
async def workplace(folder: Path, store_url: str, backend_port: int = 9) -> AsyncIterator[Workplace]:
    """One plan, one caller, one route; a port of its own."""
    config = load(write_config(folder / "q.yaml", {"url": store_url}, backend_port, {}))
    port = SharedPort(config.listen.address, 4)
    with tempfile.TemporaryFile() as lock:
        try:
            yield Workplace(config, port, lock.fileno())
        finally:
            port.close()


@contextlib.asynccontextmanager
async def running_crew(place: Workplace, count: int, parcel: bytes) -> AsyncIterator[Crew]:
    """A started crew; drained at exit, whatever happened."""
    crew = Crew(count, parcel, place.spawn)
    try:
        await crew.start()
        yield crew
    finally:
        await crew.drain(1.0)
