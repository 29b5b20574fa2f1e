"""The Redis server of the peers that count: private, on a unix socket, nothing written to disk."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import redis

from bench import tools
from bench.cases import OTHER_CORE
from bench.processes import Process, running, wait_until_open

MAX_CLIENTS = 1024


@dataclass(frozen=True, slots=True)
class BenchStore:
    """A running server and a connection to ask it how it does."""

    process: Process
    socket: Path
    client: "redis.Redis"

    def script_calls(self) -> int:
        """EVALSHA calls since the server started."""
        stats = self.client.info("commandstats")
        return int(stats.get("cmdstat_evalsha", {}).get("calls", 0))


@contextlib.contextmanager
def store(folder: Path) -> Iterator[BenchStore]:
    """A server for the length of the block."""
    socket = folder / "redis.sock"
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "save": "",
        "appendonly": "no",
        "maxclients": str(MAX_CLIENTS),
        "dir": str(folder),
    }
    command = [
        tools.redis_server(),
        *(word for name, value in options.items() for word in (f"--{name}", value)),
    ]
    with running("redis", command, OTHER_CORE, folder) as process:
        wait_until_open(process, socket)
        with redis.Redis(unix_socket_path=str(socket)) as client:
            yield BenchStore(process, socket, client)
