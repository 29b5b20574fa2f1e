"""What stands behind the Sidecars' store URL in a run, with the handles by which it is hurt."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from tests.chaos.proxy import FaultProxy, fault_proxy
from tests.support.clusters import Cluster, running_cluster
from tests.support.sentinels import SentinelGroup, running_sentinels
from tests.support.servers import StoreServer, running_server
from tests.support.waiting import until

LAG_S = 0.5
"""How far the replica of ``replicated`` is behind."""


class Behind(Protocol):
    """Every kind of store in a run."""

    @property
    def url(self) -> str:
        """For the Sidecars."""

    @property
    def reader_url(self) -> str:
        """For reading the counters at rest."""


@dataclass(slots=True)
class Standalone:
    """One server behind a fault proxy."""

    server: StoreServer
    proxy: FaultProxy

    @property
    def url(self) -> str:
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

    @property
    def url(self) -> str:
        """The address that moves."""
        return f"redis://127.0.0.1:{self.front.port}/0"

    @property
    def reader_url(self) -> str:
        """The same."""
        return self.url

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
class Watched:
    """A primary, its replicas, and three Sentinels."""

    group: SentinelGroup

    @property
    def url(self) -> str:
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

    @property
    def url(self) -> str:
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
                    client.replicaof("127.0.0.1", str(stream.port))
                    await until(lambda: client.info("replication").get("master_link_status") == "up")
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
