"""``quotad admin``: the control plane alone, without a port for callers. One or two serve a whole fleet."""

import logging

import uvloop

from quotad import lifetime
from quotad.config.model import Config
from quotad.errors import QuotadError
from quotad.ground import Ground
from quotad.telemetry.metrics import Recorder
from quotad.telemetry.server import Readiness
from quotad.telemetry.sources import Scrape, Sources

log = logging.getLogger("quotad")


class AdminProcess:
    """Serves the admin port, and the telemetry port where the configuration has one."""

    def __init__(self, config: Config) -> None:
        """Raises QuotadError for a configuration that is not for it."""
        if config.admin is None:
            raise QuotadError("the configuration has no admin section: there is nothing to serve")
        if config.control is None:
            raise QuotadError(
                "the configuration has no control section: what a file says is changed in the file"
            )
        self._config = config
        self._ground = Ground(config)
        self._draining = False

    async def start(self) -> dict[str, str]:
        """Start every part; answers what each port is bound to. Raises QuotadError."""
        ground, config = self._ground, self._config
        store = await ground.open_store(await ground.start_server())
        await ground.follow(keys=False)
        sources = Sources(
            recorder=Recorder(),
            store_durations=lambda: store.stats.durations,
            store_errors=lambda: store.stats.errors,
            following=ground.follower,
        )
        scrape = Scrape(sources.figures, config_version=lambda: ground.version(config))
        await ground.open_telemetry(scrape, self._readiness)
        await ground.open_admin(lambda: config.table, store)
        return ground.bound

    def reload(self) -> None:
        """Nothing of it can be changed without a restart; what it serves is followed anyway."""
        log.info("SIGHUP: an admin process has nothing to read again")

    def swap(self) -> None:
        """There are no workers."""
        log.info("SIGUSR2: an admin process has no workers")

    async def stop(self) -> None:
        """Let go of all that was started."""
        self._draining = True
        await self._ground.close()

    def _readiness(self) -> Readiness:
        if self._draining:
            return Readiness(ready=False, words="draining")
        follower = self._ground.follower
        if follower is None or not follower.loaded.is_set():
            return Readiness(ready=False, words="the control records are not loaded")
        return Readiness(ready=True, words="ready")


def run(config: Config) -> int:
    """Serve until SIGTERM or SIGINT. Raises QuotadError when it cannot start."""
    process = AdminProcess(config)
    lifetime.log_to_stderr()
    return uvloop.run(lifetime.serve(process))
