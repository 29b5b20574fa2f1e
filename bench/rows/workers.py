"""Row 10: two workers against one, as far as two cores can tell.

Workers share no memory, so N of them on N cores of their own serve N times what one does, less two things
that can be measured here: what a request costs more when there are two, and how unevenly the kernel deals out
connections. Each worker gets the same load in both runs, far below its limit, so that neither the load tool
nor the backend holds anybody up:

    speed-up = CPU per request of one / (CPU per request of two x share of the busier one)

Beside it stands what this machine served at most with one and with two, where all of it wants both cores.
"""

from dataclasses import dataclass
from statistics import median

from bench.cases import Case
from bench.findings import Aim, Finding, shown
from bench.processes import cpu_s
from bench.rows.ground import OURS, Ground, peer

CORES = "0,1"
_CONNECTIONS = 256
"""Of each worker: of many connections the kernel gives each worker about as many."""
_PAUSE_MS = 50
"""So that each worker gets 5,000 requests/s, about a third of what it could serve."""
AIM = Aim(10, "2 workers / 1 worker", 1.8, "x", at_least=True)


@dataclass(frozen=True, slots=True)
class Crew:
    """One run with so many workers."""

    cpu_us: float
    """Per request, the supervisor's in it."""
    busiest: float
    """Share of the workers' CPU that the busiest one had."""
    rps: float
    """Requests per second when everybody asks as fast as they can, on all cores."""


def measure(ground: Ground) -> list[Finding]:
    """One and two in turn."""
    rounds = [(_crew(ground, 1), _crew(ground, 2)) for _ in range(ground.budget.small.rounds)]
    ratios = [one.cpu_us / (two.cpu_us * two.busiest) for one, two in rounds]
    one_us, two_us = (median(pair[at].cpu_us for pair in rounds) for at in (0, 1))
    busiest = median(two.busiest for _, two in rounds)
    served = median(two.rps / one.rps for one, two in rounds)
    note = (
        f"reckoned from {shown(one_us)} us/request with one, {shown(two_us)} with two, whose busier had "
        f"{busiest:.0%}; on these cores, which load tool, backend and Redis want too, two served at most "
        f"{served:.2f} times what one did"
    )
    return [Finding(AIM, ground.main, ratios, note)]


def _crew(ground: Ground, workers: int) -> Crew:
    name = OURS[ground.main]
    connections = _CONNECTIONS * workers
    case = Case(f"workers-{workers}", f"{workers} workers", 200, connections, workers=workers)
    with ground.stage.serving(peer(name), case, cores=CORES) as act:
        act.load(1, pause_ms=_PAUSE_MS, cores=CORES)
        each_before = _each(act.proxy.pids())
        load, used = act.measured(ground.budget.small.measured_s, pause_ms=_PAUSE_MS, cores=CORES)
        spent = [now - each_before.get(pid, 0) for pid, now in _each(act.proxy.pids()).items()]
        spent = sorted(spent)[-workers:]
        full = act.load(1, cores=CORES)
    crew = Crew(used.proxy_s / load.requests * 1e6, max(spent) / sum(spent), full.rps)
    ground.say(
        f"workers {workers}: {crew.cpu_us:.1f} us/request at {load.rps:.0f} requests/s, busiest "
        f"{crew.busiest:.0%}; {crew.rps:.0f} requests/s at most"
    )
    return crew


def _each(pids: list[int]) -> dict[int, float]:
    return {pid: cpu_s(pid) for pid in pids}
