"""``quotad admin``: the control plane alone, without a port for callers. One or two serve a whole fleet."""

import logging
from pathlib import Path

import uvloop

from quotad import lifetime
from quotad.config.model import Config
from quotad.errors import ConfigError, QuotadError
from quotad.ground import Ground
from quotad.telemetry.metrics import Recorder
from quotad.telemetry.server import Readiness
from quotad.telemetry.sources import Scrape, Sources

log = logging.getLogger("quotad")


class AdminProcess:
    """Serves the admin port, and the telemetry port where the configuration has one."""

    def __init__(self, path: Path, config: Config) -> None:
        """``path``: of the file that ``config`` was read from. Raises QuotadError when it is not for this."""
        if config.admin is None:
            raise QuotadError("the configuration has no admin section: there is nothing to serve")
        self._path = path
        self._config = config
        self._ground = Ground(config)
        self._draining = False

    async def start(self) -> dict[str, str]:
        """Start every part; answers what each port is bound to. Raises QuotadError."""
        ground = self._ground
        lifetime.log_level(self._config.telemetry.log_level)
        store = await ground.open_store(await ground.start_server())
        # For the version alone: the desk has a replica of its own.
        await ground.follow(keys=False, secrets=False)
        sources = Sources(
            recorder=Recorder(),
            store_durations=lambda: store.stats.durations,
            store_errors=lambda: store.stats.errors,
            following=ground.follower,
            webhooks=lambda: ground.webhooks,
            log_dropped=lambda: ground.log_dropped,
        )
        scrape = Scrape(sources.figures, config_version=lambda: ground.version(self._config))
        await ground.open_telemetry(scrape, self._readiness)
        await ground.open_admin(lambda: self._config.table, store)
        return ground.bound

    def reload(self) -> None:
        """Read the file again, whole or not at all, and open the access log again under its name."""
        from quotad.config.reread import reread

        try:
            self._config = reread(self._path, self._config)
        except ConfigError as error:
            log.error("reload refused: %s", "; ".join(map(str, error.problems)))  # noqa: TRY400 - no trace
            return
        lifetime.log_level(self._config.telemetry.log_level)
        self._ground.reopen_log(self._config)
        log.info("reloaded: version %s", self._config.version)

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
        if follower is not None and not follower.loaded.is_set():
            return Readiness(ready=False, words="the control records are not loaded")
        return Readiness(ready=True, words="ready")


def run(path: Path, config: Config) -> int:
    """Serve until SIGTERM or SIGINT; SIGHUP reads ``path`` again. Raises QuotadError when it cannot start."""
    process = AdminProcess(path, config)
    lifetime.log_to_stderr()
    return uvloop.run(lifetime.serve(process))
