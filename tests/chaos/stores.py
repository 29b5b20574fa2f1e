"""What stands behind the Sidecars' store URL in a run, with the handles by which it is hurt."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

import redis

from tests.chaos.proxy import FaultProxy, fault_proxy
from tests.support.clusters import Cluster, running_cluster
from tests.support.sentinels import SentinelGroup, running_sentinels
from tests.support.servers import StoreServer, running_server
from tests.support.waiting import until

LAG_S = 0.5
"""How far the replica of ``replicated`` is behind."""


class Behind(Protocol):
    """Every kind of store in a run."""

    def url_for(self, process: int) -> str:
        """What this Sidecar connects to."""

    @property
    def reader_url(self) -> str:
        """For reading the counters at rest."""


@dataclass(slots=True)
class Standalone:
    """One server behind a fault proxy."""

    server: StoreServer
    proxy: FaultProxy

    def url_for(self, _process: int) -> str:
        """Through the proxy."""
        return f"redis://127.0.0.1:{self.proxy.port}/0"

    @property
    def reader_url(self) -> str:
        """Past the proxy."""
        return self.server.url

    def error_replies(self, word: str) -> int:
        """How many error replies with this first word the server has sent."""
        with self.server.client() as client:
            found = client.info("errorstats").get(f"errorstat_{word}", {})
        return int(found.get("count", 0)) if isinstance(found, dict) else 0


@dataclass(slots=True)
class Replicated:
    """A primary and a replica that is behind; the Sidecars' address moves from one to the other."""

    primary: StoreServer
    replica: StoreServer
    stream: FaultProxy
    """Between the two."""
    front: FaultProxy
    """What the Sidecars connect to."""

    def url_for(self, _process: int) -> str:
        """The address that moves."""
        return f"redis://127.0.0.1:{self.front.port}/0"

    @property
    def reader_url(self) -> str:
        """The same."""
        return self.url_for(0)

    def fail_over(self) -> int:
        """Kill the primary, and promote the replica as it is; answers how many bytes of writes are lost."""
        with self.primary.client() as primary, self.replica.client() as replica:
            written = int(primary.info("replication")["master_repl_offset"])
            self.primary.kill()
            self.stream.reset()
            replica.replicaof("NO", "ONE")
            had = int(replica.info("replication")["master_repl_offset"])
        self.front.target = ("127.0.0.1", self.replica.port)
        self.front.reset()
        return written - had


@dataclass(slots=True)
class Split:
    """A primary and two replicas. The first Sidecar has an address of its own, which may stay behind."""

    old: StoreServer
    new: StoreServer
    witness: StoreServer
    """Follows whoever is the primary for the majority."""
    left: FaultProxy
    """Of the first Sidecar."""
    right: FaultProxy
    """Of all others."""

    def url_for(self, process: int) -> str:
        """By side."""
        return f"redis://127.0.0.1:{(self.right if process else self.left).port}/0"

    @property
    def reader_url(self) -> str:
        """The majority's."""
        return self.url_for(1)

    async def part(self) -> None:
        """Promote ``new`` for the majority; ``old`` goes on without a replica, and does not know it."""
        with self.new.client() as new, self.witness.client() as witness:
            new.replicaof("NO", "ONE")
            await _follow(witness, self.new.port)
        self.right.target = ("127.0.0.1", self.new.port)
        self.right.reset()

    def fence(self) -> None:
        """Lead the first Sidecar to the majority's primary."""
        self.left.target = self.right.target
        self.left.reset()
        self.old.kill()


@dataclass(slots=True)
class Watched:
    """A primary, its replicas, and three Sentinels."""

    group: SentinelGroup

    def url_for(self, _process: int) -> str:
        """The Sentinels."""
        return self.group.url

    @property
    def reader_url(self) -> str:
        """The same."""
        return self.group.url


@dataclass(slots=True)
class Clustered:
    """Three primaries, a replica each."""

    cluster: Cluster

    def url_for(self, _process: int) -> str:
        """Every node."""
        return self.cluster.url

    @property
    def reader_url(self) -> str:
        """The same."""
        return self.cluster.url

    def error_replies(self, word: str) -> int:
        """How many error replies with this first word all living nodes have sent."""
        return sum(
            int(value.rpartition("=")[2])
            for node in self.cluster.living
            for name, value in node.info("errorstats").items()
            if name == f"errorstat_{word}"
        )


@contextlib.asynccontextmanager
async def standalone() -> AsyncIterator[Standalone]:
    """A started server and its proxy."""
    with running_server() as server:
        async with fault_proxy(("127.0.0.1", server.port)) as proxy:
            yield Standalone(server, proxy)


@contextlib.asynccontextmanager
async def replicated() -> AsyncIterator[Replicated]:
    """A started pair, in sync but for ``LAG_S``."""
    with running_server() as primary:
        address = ("127.0.0.1", primary.port)
        async with fault_proxy(address) as stream, fault_proxy(address) as front:
            with running_server() as replica:
                with replica.client() as client:
                    await _follow(client, stream.port)
                stream.delay_s = LAG_S
                yield Replicated(primary, replica, stream, front)


@contextlib.asynccontextmanager
async def watched() -> AsyncIterator[Watched]:
    """A started group that knows itself."""
    with running_sentinels() as group:
        yield Watched(group)


@contextlib.asynccontextmanager
async def clustered() -> AsyncIterator[Clustered]:
    """A started Cluster that agrees."""
    with running_cluster() as cluster:
        yield Clustered(cluster)


@contextlib.asynccontextmanager
async def split() -> AsyncIterator[Split]:
    """All three in sync, everybody at ``old``."""
    with running_server() as old, running_server() as new, running_server() as witness:
        for replica in (new, witness):
            with replica.client() as client:
                await _follow(client, old.port)
        address = ("127.0.0.1", old.port)
        async with fault_proxy(address) as left, fault_proxy(address) as right:
            yield Split(old, new, witness, left, right)


async def _follow(replica: "redis.Redis", port: int) -> None:
    replica.replicaof("127.0.0.1", str(port))
    await until(lambda: replica.info("replication").get("master_link_status") == "up")
