"""A primary, its replicas and three Sentinels for tests, and everything that can happen to them.

    with running_sentinels() as group:        # Valkey, TCP loopback, no persistence
        group.url                             # redis+sentinel://127.0.0.1:P1,127.0.0.1:P2,127.0.0.1:P3/counters
        group.primary().kill()                # SIGKILL; the Sentinels promote the replica after some 1-2 s
        group.failover()                      # a failover that was asked for; returns when it is done
        group.primary().pause(), .resume()    # SIGSTOP and SIGCONT, see servers.StoreServer

All that wait are bounded and raise TimeoutError.
"""

import contextlib
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import redis

from quotad.clock import monotonic_s
from tests.support.servers import Engine, ServerOptions, StoreServer

NAME = "counters"
DOWN_AFTER_MS = 500
"""Silence of a primary after which a Sentinel calls it down."""

_QUORUM = 2
_FAILOVER_MS = 1000
_AT_MOST_S = 120.0
_REPLICATING = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")


class SentinelServer(StoreServer):
    """One Sentinel process, watching the primary of a port."""

    def __init__(self, directory: Path, options: ServerOptions, primary: StoreServer) -> None:
        super().__init__(directory, options)
        self.primary = primary

    def _arguments(self) -> list[str]:
        auth = self.primary.options.password
        lines = [
            f"port {self.port}",
            "bind 127.0.0.1",
            f"dir {self.directory}",
            f"sentinel monitor {NAME} 127.0.0.1 {self.primary.port} {_QUORUM}",
            f"sentinel down-after-milliseconds {NAME} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {NAME} {_FAILOVER_MS}",
            *([f"sentinel auth-pass {NAME} {auth}"] if auth else []),
            *([f"requirepass {self.options.password}"] if self.options.password else []),
        ]
        path = self.directory / "sentinel.conf"
        if not path.exists():
            path.write_text("\n".join(lines) + "\n")
        return [str(path), "--sentinel", *self.options.extra]

    def says(self) -> dict[str, str]:
        """What this Sentinel knows of the primary (``SENTINEL MASTER``)."""
        with self.client() as client:
            flat = client.execute_command("SENTINEL", "MASTER", NAME)
        return _words(flat)

    def stay_awake(self) -> None:
        """Go on after standing still for two seconds; else it does nothing for thirty (TILT)."""
        # Redis 6.2 has no such command.
        with self.client() as client, contextlib.suppress(redis.ResponseError):
            client.execute_command("SENTINEL", "DEBUG", "TILT-TRIGGER", 600_000)

    def names(self) -> int:
        """The port that this Sentinel names as the primary's; 0 while it cannot be asked."""
        try:
            with redis.Redis(
                port=self.port, password=self.options.password or None, socket_timeout=1.0
            ) as client:
                _, port = client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)
            return int(port)
        except (redis.RedisError, OSError):
            return 0

    def knows(self, replicas: int, sentinels: int) -> bool:
        """Whether it sees a healthy primary with so many healthy replicas, and so many other Sentinels."""
        said = self.says()
        with self.client() as client:
            rows = client.execute_command("SENTINEL", "REPLICAS", NAME)
        healthy = [row for row in map(_words, rows) if row["flags"] == "slave" and _linked(row)]
        others = int(said["num-other-sentinels"])
        return said["flags"] == "master" and len(healthy) == replicas and others == sentinels


class SentinelGroup:
    """``nodes`` hold the data, the first of them the primary at the start; ``sentinels`` watch."""

    def __init__(self, nodes: list[StoreServer], sentinels: list[SentinelServer]) -> None:
        self.nodes = nodes
        self.sentinels = sentinels

    @property
    def url(self) -> str:
        """What ``store.url`` would say, the data nodes' password included."""
        password = self.nodes[0].options.password
        secret = f":{password}@" if password else ""
        places = ",".join(f"127.0.0.1:{each.port}" for each in self.sentinels)
        return f"redis+sentinel://{secret}{places}/{NAME}"

    def primary(self) -> StoreServer:
        """Whom most of the Sentinels name now; asked again while none of them answers."""
        ports: list[int] = []
        end_s = monotonic_s() + _AT_MOST_S
        while not ports and monotonic_s() < end_s:
            ports = [port for sentinel in self.sentinels if (port := sentinel.names())]
        port = max(ports, key=ports.count)
        return next(node for node in self.nodes if node.port == port)

    def replicas(self) -> list[StoreServer]:
        """All other data nodes, running or not."""
        primary = self.primary()
        return [node for node in self.nodes if node is not primary]

    def until_switched(self, old: StoreServer) -> StoreServer:
        """The new primary, once every Sentinel that answers names it."""

        def switched() -> bool:
            named = {sentinel.names() for sentinel in self.sentinels} - {0}
            return len(named) == 1 and named != {old.port}

        wait_until(switched)
        return self.primary()

    def until_named(self, old: StoreServer) -> int:
        """The port of a new primary, once the first Sentinel names one."""
        named: list[int] = []

        def one() -> bool:
            named.extend({sentinel.names() for sentinel in self.sentinels} - {0, old.port})
            return bool(named)

        wait_until(one)
        return named[0]

    def failover(self) -> StoreServer:
        """Have the Sentinels promote a replica of a healthy primary; the new primary."""
        old = self.primary()
        wait_until(lambda: self._fails_over(old))
        return self.until_switched(old)

    def _fails_over(self, old: StoreServer) -> bool:
        """Whether the first Sentinel names another; else it is asked, again where it gave up in time."""
        first = self.sentinels[0]
        if first.names() not in (0, old.port):
            return True
        # INPROG: it is at it. NOGOODSLAVE: no replica is fit yet.
        with first.client() as client, contextlib.suppress(redis.ResponseError):
            client.execute_command("SENTINEL", "FAILOVER", NAME)
        return False

    def be_patient(self) -> None:
        """Let no Sentinel call a server down from now on, however long this machine stands still."""
        for sentinel in self.sentinels:
            with sentinel.client() as client:
                client.execute_command("SENTINEL", "SET", NAME, "down-after-milliseconds", 600_000)

    def until_healthy(self) -> None:
        """Return once every Sentinel sees the primary, every replica linked to it, and the others."""
        replicas, others = len(self.nodes) - 1, len(self.sentinels) - 1
        wait_until(lambda: all(sentinel.knows(replicas, others) for sentinel in self.sentinels))

    def kill(self) -> None:
        """End every process of the group."""
        for server in [*self.sentinels, *self.nodes]:
            server.kill()


@contextlib.contextmanager
def running_sentinels(
    engine: Engine = "valkey",
    *,
    replicas: int = 1,
    password: str = "",
    sentinel_password: str = "",
    extra: tuple[str, ...] = (),
) -> Iterator[SentinelGroup]:
    """A started group that knows itself, in folders of its own; all gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="quotad-", ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        auth = ("--masterauth", password) if password else ()
        options = ServerOptions(engine, password=password, extra=(*_REPLICATING, *auth, *extra))
        nodes = [StoreServer(_folder(root, f"node{each}"), options) for each in range(replicas + 1)]
        watch = ServerOptions(engine, password=sentinel_password)
        sentinels = [SentinelServer(_folder(root, f"sentinel{each}"), watch, nodes[0]) for each in range(3)]
        group = SentinelGroup(nodes, sentinels)
        try:
            for node in nodes:
                node.start()
            for replica in nodes[1:]:
                with replica.client() as client:
                    client.replicaof("127.0.0.1", nodes[0].port)
            for sentinel in sentinels:
                sentinel.start()
                sentinel.stay_awake()
            group.until_healthy()
            yield group
        finally:
            group.kill()


def wait_until(condition: Callable[[], bool]) -> None:
    """Return once the condition holds; TimeoutError when it never does. Blocks its thread."""
    ends_s = monotonic_s() + _AT_MOST_S
    pause = threading.Event()
    while not condition():
        if monotonic_s() > ends_s:
            raise TimeoutError("the group did not get there")
        pause.wait(0.02)


def _folder(root: Path, name: str) -> Path:
    path = root / name
    path.mkdir()
    return path


def _words(flat: object) -> dict[str, str]:
    if isinstance(flat, dict):
        return {_text(key): _text(value) for key, value in flat.items()}
    assert isinstance(flat, list)
    return {_text(key): _text(value) for key, value in zip(flat[::2], flat[1::2], strict=True)}


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _linked(row: dict[str, str]) -> bool:
    return row["master-link-status"] == "ok"
