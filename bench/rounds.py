"""Peers in turn, each on its own core, several rounds: what each run cost."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import callers, checks, machine, tools
from bench.cases import OTHER_CORE, PROXY_CORE, Case, Effort
from bench.counters import load_script
from bench.errors import BenchError
from bench.load import wrk
from bench.peers.peer import Peer, Site, fill
from bench.processes import Process, free_port, running, wait_until_open
from bench.store import BenchStore, store

BACKEND = Path(__file__).parent / "backend" / "nginx.conf"


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured run of one peer."""

    peer: str
    requests: int
    duration_s: float
    p50_us: int
    p99_us: int
    proxy_cpu_s: float
    store_cpu_s: float
    others_cpu_s: float
    """Used by programs that are no part of the bench."""

    @property
    def cpu_us(self) -> float:
        """CPU time of the proxy per request, microseconds."""
        return self.proxy_cpu_s / self.requests * 1e6

    @property
    def store_us(self) -> float:
        """CPU time of Redis per request, microseconds."""
        return self.store_cpu_s / self.requests * 1e6

    @property
    def rps(self) -> float:
        """Requests per second."""
        return self.requests / self.duration_s

    @property
    def busy(self) -> float:
        """How much of its core the proxy used: below 1 the other core was the bottleneck."""
        return self.proxy_cpu_s / self.duration_s

    @property
    def disturbed(self) -> float:
        """Cores' worth of work that other programs did meanwhile."""
        return self.others_cpu_s / self.duration_s


@dataclass(frozen=True, slots=True)
class Figures:
    """Medians over one peer's samples."""

    cpu_us: float
    cpu_least_us: float
    cpu_most_us: float
    store_us: float
    rps: float
    p50_us: float
    p99_us: float
    busy: float
    disturbed: float


def figures(samples: list[Sample]) -> Figures:
    """What a table shows of a peer."""
    cpu = [sample.cpu_us for sample in samples]
    return Figures(
        cpu_us=median(cpu),
        cpu_least_us=min(cpu),
        cpu_most_us=max(cpu),
        store_us=median(sample.store_us for sample in samples),
        rps=median(sample.rps for sample in samples),
        p50_us=median(sample.p50_us for sample in samples),
        p99_us=median(sample.p99_us for sample in samples),
        busy=median(sample.busy for sample in samples),
        disturbed=median(sample.disturbed for sample in samples),
    )


@dataclass(frozen=True, slots=True)
class Bench:
    """What stands around every peer of a case."""

    case: Case
    effort: Effort
    backend_port: int
    backend: Process
    store: BenchStore
    script_sha: str

    def measure(self, peer: Peer) -> Sample:
        """Start the peer, prove that it works, load it, end it. Raises BenchError."""
        self.store.client.flushall()
        self.store.client.config_resetstat()
        with tempfile.TemporaryDirectory(prefix="quotad-bench-") as name:
            who = callers.make(self.case.callers)
            site = Site(
                folder=Path(name),
                port=free_port(),
                backend_port=self.backend_port,
                store_socket=self.store.socket,
                script_sha=self.script_sha,
                callers=who,
                signed=self.case.signed,
            )
            with running(peer.name, peer.command(site), PROXY_CORE, site.folder) as proxy:
                wait_until_open(proxy, site.port)
                try:
                    return self._load(peer, site, proxy)
                except BenchError as error:
                    raise BenchError(f"{error}\n{proxy.said()}") from error

    def _load(self, peer: Peer, site: Site, proxy: Process) -> Sample:
        asked = checks.before(peer, site)
        warm = wrk.run(site.port, self.case, site.callers, self.effort.warm_s, site.folder)
        before = self._cpu(proxy)
        load = wrk.run(site.port, self.case, site.callers, self.effort.measured_s, site.folder)
        used = [now - then for now, then in zip(self._cpu(proxy), before, strict=True)]
        checks.after(peer, site, asked, [warm, load], self.store)
        everything_s, proxy_s, store_s, *_ = used
        return Sample(
            peer=peer.name,
            requests=load.requests,
            duration_s=load.duration_us / 1e6,
            p50_us=load.p50_us,
            p99_us=load.p99_us,
            proxy_cpu_s=proxy_s,
            store_cpu_s=store_s,
            others_cpu_s=max(0.0, everything_s - sum(used[1:])),
        )

    def _cpu(self, proxy: Process) -> list[float]:
        """CPU seconds so far: of the machine, then of each part of the bench (proxy and store first)."""
        parts = (proxy.cpu_s(), self.store.process.cpu_s(), self.backend.cpu_s())
        return [machine.cpu_in_use_s(), *parts, machine.children_cpu_s()]


def run(case: Case, effort: Effort, peers: list[Peer]) -> Iterator[Sample]:
    """All samples of a case, as they are taken. Each round begins with another peer."""
    with tempfile.TemporaryDirectory(prefix="quotad-bench-") as name:
        folder = Path(name)
        port = free_port()
        site = Site(folder, port, port, folder, "", [], signed=False)
        command = [tools.nginx(), "-p", name, "-c", str(fill(BACKEND, site))]
        with store(folder) as server, running("backend", command, OTHER_CORE, folder) as backend:
            wait_until_open(backend, port)
            bench = Bench(case, effort, port, backend, server, load_script(server))
            for number in range(effort.rounds):
                first = number % len(peers)
                for peer in peers[first:] + peers[:first]:
                    yield bench.measure(peer)
