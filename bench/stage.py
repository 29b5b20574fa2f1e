"""What stands around every peer, and a peer on it: started, proven, loaded, ended."""

import contextlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench import callers, checks, machine, tools
from bench.cases import OTHER_CORE, PROXY_CORE, Case
from bench.counters import load_script
from bench.errors import BenchError
from bench.load import requests, wrk
from bench.load.wrk import Load
from bench.peers.peer import Peer, Site, fill
from bench.processes import Process, free_port, running, wait_until_open
from bench.store import BenchStore, store

BACKEND = Path(__file__).parent / "backend" / "nginx.conf"
_NOBODY = Case("backend", "no case", 0, 0)


@dataclass(frozen=True, slots=True)
class Used:
    """CPU seconds, of the parts and of everybody on the machine."""

    everybody_s: float
    proxy_s: float
    store_s: float
    backend_s: float
    load_s: float

    @property
    def others_s(self) -> float:
        """Used by programs that are no part of the bench."""
        return max(0.0, self.everybody_s - self.proxy_s - self.store_s - self.backend_s - self.load_s)

    def since(self, before: "Used") -> "Used":
        """What was used between two moments."""
        return Used(
            self.everybody_s - before.everybody_s,
            self.proxy_s - before.proxy_s,
            self.store_s - before.store_s,
            self.backend_s - before.backend_s,
            self.load_s - before.load_s,
        )


@dataclass(slots=True)
class Act:
    """A peer that serves, and what it was asked so far."""

    stage: "Stage"
    peer: Peer
    site: Site
    proxy: Process
    requests: Path
    asked: int = 0
    """By the checks."""
    loads: list[Load] = field(default_factory=list)
    uncounted: bool = False
    """It was asked by others than ``load``: how often is not known here."""

    def load(
        self,
        seconds: int,
        connections: int = 0,
        *,
        pause_ms: int = 0,
        requests: Path | None = None,
        cores: str = str(OTHER_CORE),
    ) -> Load:
        """Runs the load tool against it; each time it goes on with the caller after the last one."""
        order = self._order(seconds, connections, pause_ms)
        load = wrk.run(replace(order, requests=requests or self.requests, cores=cores))
        self.loads.append(load)
        return load

    def measured(
        self, seconds: int, *, pause_ms: int = 0, requests: Path | None = None, cores: str = str(OTHER_CORE)
    ) -> tuple[Load, Used]:
        """The same, and what it used. Raises BenchError when nothing was answered."""
        before = self.used()
        load = self.load(seconds, pause_ms=pause_ms, requests=requests, cores=cores)
        if not load.requests:
            raise BenchError(f"{self.peer.name} answered nothing for {seconds} s")
        return load, self.used().since(before)

    def steady_us(self, settle_s: int, seconds: int, connections: int, pause_ms: int) -> float:
        """CPU microseconds of the proxy per request, once all connections are open and have settled.

        Requests are counted by the backend: the load tool counts those of its whole run.
        """
        order = self._order(settle_s + seconds + 1, connections, pause_ms)
        running = wrk.start(order)
        time.sleep(settle_s)
        cpu_s, requests = self.proxy.cpu_s(), checks.requests(self.site.backend_port)
        time.sleep(seconds)
        cpu_s, requests = self.proxy.cpu_s() - cpu_s, checks.requests(self.site.backend_port) - requests
        self.loads.append(wrk.result(running, order))
        if not requests:
            raise BenchError(f"{self.peer.name} served no request for {seconds} s")
        return cpu_s / requests * 1e6

    def idle_s(self) -> float:
        """CPU seconds of the proxy in a second in which nobody asks."""
        before_s = self.proxy.cpu_s()
        time.sleep(1)
        return self.proxy.cpu_s() - before_s

    def _order(self, seconds: int, connections: int, pause_ms: int) -> wrk.Order:
        case = self.site.case
        return wrk.Order(
            port=self.site.port,
            requests=self.requests,
            connections=connections or case.connections,
            seconds=seconds,
            begin=sum(each.requests for each in self.loads),
            pause_ms=pause_ms,
            distinct=case.distinct,
        )

    def used(self) -> Used:
        """CPU seconds so far."""
        parts = (self.proxy.cpu_s(), self.stage.store.process.cpu_s(), self.stage.backend.cpu_s())
        return Used(machine.cpu_in_use_s(), *parts, machine.children_cpu_s())


@dataclass(frozen=True, slots=True)
class Stage:
    """The backend and the store, the same for all peers."""

    folder: Path
    backend_port: int
    backend: Process
    store: BenchStore
    script_sha: str

    @contextlib.contextmanager
    def serving(
        self, peer: Peer, case: Case, cores: int | str = PROXY_CORE, keep: bool = False
    ) -> Iterator[Act]:
        """The peer in front of the backend, proven to do its job before and after. Raises BenchError.

        ``keep``: what the store holds stays; else the peer begins with an empty one.
        """
        if not keep:
            self.store.client.flushall()
        self.store.client.config_resetstat()
        with tempfile.TemporaryDirectory(prefix="quotad-bench-") as name:
            site = self._site(Path(name), case)
            with running(peer.name, peer.command(site), cores, site.folder) as proxy:
                try:
                    wait_until_open(proxy, site.port)
                    act = Act(self, peer, site, proxy, self._requests(site))
                    act.asked = checks.before(peer, site)
                    yield act
                    if not act.uncounted:
                        checks.after(peer, site, act.asked, act.loads, self.store)
                except BenchError as error:
                    raise BenchError(f"{error}\n{proxy.said()}") from error

    def _site(self, folder: Path, case: Case) -> Site:
        return Site(
            folder=folder,
            port=free_port(),
            backend_port=self.backend_port,
            store_socket=self.store.socket,
            script_sha=self.script_sha,
            callers=callers.make(case.callers),
            case=case,
        )

    def _requests(self, site: Site) -> Path:
        path = self.folder / f"requests-{site.case.name}"
        # Signatures are good for a quarter of an hour only.
        if site.signed or not path.exists():
            requests.write(path, (requests.request(each, signed=site.signed) for each in site.callers))
        return path

    def with_store(self, other: BenchStore) -> "Stage":
        """The same before another store."""
        return Stage(self.folder, self.backend_port, self.backend, other, load_script(other))


@contextlib.contextmanager
def stage() -> Iterator[Stage]:
    """For the length of the block."""
    with tempfile.TemporaryDirectory(prefix="quotad-bench-") as name:
        folder = Path(name)
        port = free_port()
        site = Site(folder, port, port, folder, "", [], _NOBODY)
        command = [tools.nginx(), "-p", name, "-c", str(fill(BACKEND, site))]
        with store(folder) as server, running("backend", command, OTHER_CORE, folder) as backend:
            wait_until_open(backend, port)
            yield Stage(folder, port, backend, server, load_script(server))
