"""Peers in turn, each on its own core, several rounds: what each run cost."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from bench.cases import Case, Effort
from bench.peers.peer import Peer
from bench.stage import Stage


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


def measure(stage: Stage, peer: Peer, case: Case, effort: Effort) -> Sample:
    """Start the peer, prove that it works, load it, end it. Raises BenchError."""
    with stage.serving(peer, case) as act:
        act.load(effort.warm_s)
        load, used = act.measured(effort.measured_s)
    return Sample(
        peer=peer.name,
        requests=load.requests,
        duration_s=load.duration_us / 1e6,
        p50_us=load.p50_us,
        p99_us=load.p99_us,
        proxy_cpu_s=used.proxy_s,
        store_cpu_s=used.store_s,
        others_cpu_s=used.others_s,
    )


def run(stage: Stage, case: Case, effort: Effort, peers: list[Peer]) -> Iterator[Sample]:
    """All samples of a case, as they are taken. Each round begins with another peer."""
    for number in range(effort.rounds):
        for peer in turned(peers, number):
            yield measure(stage, peer, case, effort)


def turned(peers: list[Peer], number: int) -> list[Peer]:
    """All of them, each round another one first."""
    first = number % len(peers)
    return peers[first:] + peers[:first]
