"""A real Redis Cluster for tests: primaries with replicas on free ports, killed, paused, its slots moved.

    with running_cluster() as cluster:        # 3 Valkey primaries, a replica each; about 3 s
        cluster.url                           # redis+cluster://127.0.0.1:PORT,...
        node = cluster.owner(cluster.slot(subject))
        node.server.kill()                    # or pause(), resume(), start()
        cluster.wait_ok()                     # every living node knows an owner for every slot
        cluster.migrate(slot, to)             # or step by step: Migration(cluster, slot, to)

Blocking; from a test that runs a store, call through ``asyncio.to_thread``.
"""

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from quotad.clock import monotonic_s
from quotad.core.plans import Subject
from quotad.store.keys import subject_keys
from tests.support.servers import Engine, ServerOptions, StoreServer, free_port

_PATIENCE_S = 120.0
_GRAIN_S = 0.01
_NODE_TIMEOUT_MS = "1000"


def until(condition: Callable[[], bool]) -> None:
    """Return once the condition holds; TimeoutError when it never does. A server that is away holds none."""
    end_s = monotonic_s() + _PATIENCE_S
    pause = Event()
    while True:
        with contextlib.suppress(redis.exceptions.ConnectionError, redis.exceptions.TimeoutError):
            if condition():
                return
        if monotonic_s() > end_s:
            raise TimeoutError(f"never came true: {condition}")
        pause.wait(_GRAIN_S)


@dataclass(frozen=True)
class Node:
    """One member. ``node_id`` is what the others know it by."""

    server: StoreServer
    bus_port: int
    node_id: str

    @property
    def address(self) -> str:
        """As CLUSTER SLOTS names it."""
        return f"127.0.0.1:{self.server.port}"

    def ask(self, *command: str | int) -> object:
        """The reply to one command on a connection of its own."""
        with self.server.client() as client:
            return client.execute_command(*command)

    def info(self, section: str) -> dict[str, str]:
        """``CLUSTER INFO``, or a section of ``INFO``, as text."""
        words = ("CLUSTER", "INFO") if section == "cluster" else ("INFO", section)
        with self.server.client() as client:
            # redis-py would parse it, differently in each version.
            client.response_callbacks.clear()
            reply = client.execute_command(*words)
        lines = (reply if isinstance(reply, bytes) else b"").decode().split("\r\n")
        return dict(line.split(":", 1) for line in lines if ":" in line)


class Cluster:
    """The members, living and dead. ``nodes`` are in the order of their making: primaries first."""

    def __init__(self, nodes: Sequence[Node], password: str = "") -> None:
        self.nodes = list(nodes)
        self.password = password

    @property
    def url(self) -> str:
        """What ``store.url`` would say; every node is a start node."""
        secret = f":{self.password}@" if self.password else ""
        return f"redis+cluster://{secret}" + ",".join(node.address for node in self.nodes)

    @property
    def living(self) -> list[Node]:
        """Those whose process runs."""
        return [node for node in self.nodes if node.server.pid]

    def slot(self, subject: Subject, namespace: str = "quotad") -> int:
        """The slot of a Subject's keys."""
        return key_slot(subject_keys(namespace, subject).state)

    def by_id(self, node_id: str) -> Node:
        """The member of this id."""
        return next(node for node in self.nodes if node.node_id == node_id)

    def owner(self, slot: int) -> Node:
        """The primary of a slot, as a living node says; LookupError while there is none."""
        for row in self._rows():
            if row[0] <= slot <= row[1]:
                return self.by_id(row[2][0])
        raise LookupError(f"nobody owns slot {slot}")

    def primaries(self) -> list[Node]:
        """Every node that owns slots, as a living node says."""
        ids = dict.fromkeys(row[2][0] for row in self._rows())
        return [self.by_id(each) for each in ids]

    def share(self, primary: Node) -> tuple[int, int]:
        """The first and the last slot of the first range that a primary owns."""
        return next((first, last) for first, last, ids in self._rows() if ids[0] == primary.node_id)

    def replica(self, primary: Node) -> Node:
        """A living replica of a primary."""
        for _, _, ids in self._rows():
            if ids[0] == primary.node_id:
                return next(node for node in map(self.by_id, ids[1:]) if node.server.pid)
        raise LookupError("it has no replica")

    def wait_ok(self) -> None:
        """Return when every living node says that all is well, names the same owners, and replicas follow."""

        def agreed() -> bool:
            living = self.living
            views = {str(_owners(node)) for node in living}
            return len(views) == 1 and all(map(_is_well, living))

        until(agreed)

    def wait_failover(self, dead: Node) -> None:
        """Return when no living node calls ``dead`` an owner, and all slots have one."""

        def over() -> bool:
            living = [node for node in self.living if node is not dead]
            return all(
                node.info("cluster")["cluster_state"] == "ok"
                and dead.node_id not in {owner for _, _, owner in _owners(node)}
                for node in living
            )

        until(over)

    def be_patient(self) -> None:
        """Let no node call another failed from now on, however long this machine stands still."""
        for node in self.nodes:
            node.ask("CONFIG", "SET", "cluster-node-timeout", 600_000)

    def die(self, primary: Node) -> None:
        """Kill a primary, as suddenly as can be, once its replica has read what it had passed on.

        A replica that gets no processor time would otherwise lag behind, and be promoted without.
        """
        replica = self.replica(primary)
        primary.server.pause()
        offsets: list[str] = []

        def has_read_all() -> bool:
            replication = replica.info("replication")
            offsets.append(replication["master_repl_offset"])
            return replication["role"] == "master" or offsets[-3:] == offsets[-1:] * 3

        until(has_read_all)
        primary.server.kill()

    def flush(self) -> None:
        """Delete every key."""
        for node in self.primaries():
            node.ask("FLUSHALL")

    def migrate(self, slot: int, to: Node) -> None:
        """Move a slot with its keys, as an operator's tool does."""
        migration = Migration(self, slot, to)
        migration.begin()
        migration.move()
        migration.finish()

    def kill(self) -> None:
        """End every process."""
        for node in self.nodes:
            node.server.kill()

    def _rows(self) -> list[tuple[int, int, list[str]]]:
        for node in self.living:
            with contextlib.suppress(redis.exceptions.RedisError):
                return _slots(node)
        raise LookupError("no node answers")


class Migration:
    """One slot on its way from its owner to another primary, step by step."""

    def __init__(self, cluster: Cluster, slot: int, to: Node) -> None:
        self.source = cluster.owner(slot)
        self.to = to
        self.slot = slot
        self._cluster = cluster

    def begin(self) -> None:
        """From now on the source sends those who ask for keys that it lacks to the target (ASK)."""
        self.to.ask("CLUSTER", "SETSLOT", self.slot, "IMPORTING", self.source.node_id)
        self.source.ask("CLUSTER", "SETSLOT", self.slot, "MIGRATING", self.to.node_id)

    def keys(self) -> list[bytes]:
        """The slot's keys that are still at the source."""
        found = self.source.ask("CLUSTER", "GETKEYSINSLOT", self.slot, 1000)
        return found if isinstance(found, list) else []

    def move(self, *keys: bytes) -> None:
        """Move these keys; all that there are when none is named."""
        wanted = keys or tuple(self.keys())
        if wanted:
            with self.source.server.client() as client:
                auth = ("AUTH", self._cluster.password) if self._cluster.password else ()
                port = self.to.server.port
                client.execute_command("MIGRATE", "127.0.0.1", port, "", 0, 5000, *auth, "KEYS", *wanted)

    def finish(self) -> None:
        """Make the target the owner: it is told first, so that there always is one."""
        for node in [self.to, self.source, *self._cluster.primaries()]:
            node.ask("CLUSTER", "SETSLOT", self.slot, "NODE", self.to.node_id)


@contextlib.contextmanager
def running_cluster(
    engine: Engine = "valkey",
    *,
    primaries: int = 3,
    replicas: int = 1,
    password: str = "",
    extra: tuple[str, ...] = (),
    each: Callable[[], tuple[str, ...]] = tuple,
) -> Iterator[Cluster]:
    """A Cluster that is ready to use; processes and data are gone afterwards.

    ``extra`` are options of every server, which may name another ``--cluster-node-timeout``; ``each`` is
    asked for those of one.
    """
    options: tuple[str, ...] = ("--cluster-enabled", "yes", "--cluster-node-timeout", _NODE_TIMEOUT_MS)
    options += ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1", *extra)
    if password:
        options += ("--masterauth", password)
    with tempfile.TemporaryDirectory(prefix="quotad-", ignore_cleanup_errors=True) as folder:
        servers: list[StoreServer] = []
        try:
            nodes = [
                _start(Path(folder) / str(place), engine, (*options, *each()), password, servers)
                for place in range(primaries * (1 + replicas))
            ]
            cluster = Cluster(nodes, password)
            _join(cluster, primaries)
            if not replicas:
                cluster.be_patient()
            yield cluster
        finally:
            for server in servers:
                server.kill()


def _start(
    folder: Path, engine: Engine, options: tuple[str, ...], password: str, servers: list[StoreServer]
) -> Node:
    folder.mkdir()
    # The bus port, left to itself, is 10,000 above the port, which need not be a port at all.
    bus_port = free_port()
    extra = (*options, "--cluster-port", str(bus_port))
    server = StoreServer(folder, ServerOptions(engine, password=password, extra=extra))
    servers.append(server)
    server.start()
    with server.client() as client:
        return Node(server, bus_port, client.execute_command("CLUSTER", "MYID").decode())


def _join(cluster: Cluster, primaries: int) -> None:
    first = cluster.nodes[0]
    share = REDIS_CLUSTER_HASH_SLOTS // primaries
    for place, node in enumerate(cluster.nodes):
        node.ask("CLUSTER", "SET-CONFIG-EPOCH", place + 1)
        if place < primaries:
            end = REDIS_CLUSTER_HASH_SLOTS if place == primaries - 1 else (place + 1) * share
            node.ask("CLUSTER", "ADDSLOTSRANGE", place * share, end - 1)
    for node in cluster.nodes:
        for other in cluster.nodes:
            if other is not node:
                node.ask("CLUSTER", "MEET", "127.0.0.1", other.server.port, other.bus_port)
    until(lambda: all(_knows(node, cluster) for node in cluster.nodes))
    for place, node in enumerate(cluster.nodes[primaries:]):
        node.ask("CLUSTER", "REPLICATE", cluster.nodes[place % primaries].node_id)
    until(lambda: first.info("cluster")["cluster_state"] == "ok")
    until(lambda: all(len(row[2]) == len(cluster.nodes) // primaries for row in _slots(first)))
    cluster.wait_ok()


def _knows(node: Node, cluster: Cluster) -> bool:
    reply = node.ask("CLUSTER", "NODES")
    return all(each.node_id in str(reply) for each in cluster.nodes) and "handshake" not in str(reply)


def _slots(node: Node) -> list[tuple[int, int, list[str]]]:
    """First slot, last slot, ids of primary and replicas."""
    with node.server.client() as client:
        client.response_callbacks.clear()
        reply = client.execute_command("CLUSTER", "SLOTS")
    rows = reply if isinstance(reply, list) else []
    return [(row[0], row[1], [member[2].decode() for member in row[2:]]) for row in rows]


def _owners(node: Node) -> list[tuple[int, int, str]]:
    return sorted((first, last, ids[0]) for first, last, ids in _slots(node))


def _is_well(node: Node) -> bool:
    if node.info("cluster")["cluster_state"] != "ok":
        return False
    replication = node.info("replication")
    return replication["role"] == "master" or replication.get("master_link_status") == "up"
