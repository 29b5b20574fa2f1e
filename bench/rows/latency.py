"""Row 8: what a caller waits longer than without the proxy, at a rate that all of them carry."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from statistics import median

from bench import callers
from bench.cases import CASES
from bench.errors import BenchError
from bench.findings import Aim, Build, Finding, shown
from bench.load import open_loop
from bench.load.open_loop import Arrivals
from bench.processes import Process
from bench.rows.ground import OURS, Ground, peer

RATE = 2_000
_CALLERS = 20
_CONNECTIONS = 300
"""Enough for a stop of 150 ms; who needs more spoils the run."""
_STOP_S = 1.0
_PROOF_S = 4
_PROOF_CONNECTIONS = 2 * RATE

P50 = Aim(8, "added latency at 2,000/s, p50", 0.35, " ms")
P99 = Aim(8, "added latency at 2,000/s, p99", 1, " ms")
RIVAL = Aim(8, "p99 at 2,000/s / nginx + Lua's", 1, "x")
HONEST = Aim(8, "the load tool sees the backend stopped for 1 s: p90", 400, " ms", at_least=True)

STRAIGHT = "straight"


def measure(ground: Ground) -> list[Finding]:
    """The proof of the tool first, then straight to the backend, through quotad, and through nginx + Lua."""
    proof = prove(ground)
    rounds: dict[str, list[Arrivals]] = {}
    names = [STRAIGHT, OURS[ground.main], "nginx_lua"]
    for number in range(ground.budget.small.rounds):
        for name in names[number % 3 :] + names[: number % 3]:
            rounds.setdefault(name, []).append(_run(ground, name))
    return [*_findings(rounds, ground.main), proof]


def _run(ground: Ground, name: str) -> Arrivals:
    if name == STRAIGHT:
        found = _arrivals(ground, ground.stage.backend_port)
    else:
        with ground.stage.serving(peer(name), CASES["pair"]) as act:
            found = _arrivals(ground, act.site.port)
            act.uncounted = True
    ground.say(
        f"latency {name:16} p50 {found.p50_ms:.2f} ms, p99 {found.p99_ms:.2f} ms, p99 of lateness "
        f"{found.late_p99_ms:.2f} ms, dropped {found.dropped}"
    )
    return found


def _arrivals(ground: Ground, port: int) -> Arrivals:
    seconds = ground.budget.small.measured_s + 1
    order = open_loop.Order(port, callers.make(_CALLERS), RATE, seconds, _CONNECTIONS)
    found = open_loop.run(order, ground.stage.folder)
    if found.failed:
        raise BenchError(f"at {RATE} requests/s {found.failed} of the answers were no success")
    return found


def _findings(rounds: dict[str, list[Arrivals]], build: Build) -> list[Finding]:
    ours, straight, rival = rounds[OURS[build]], rounds[STRAIGHT], rounds["nginx_lua"]
    dropped = sum(each.dropped for runs in rounds.values() for each in runs)
    invalid = f"{dropped} requests were not sent when due" if dropped else ""
    note = (
        f"straight {_both(straight)}, quotad {_both(ours)}, nginx + Lua {_both(rival)} (p50, p99; medians of "
        f"{len(ours)} rounds)"
    )
    added_p50 = [a.p50_ms - b.p50_ms for a, b in zip(ours, straight, strict=True)]
    added_p99 = [a.p99_ms - b.p99_ms for a, b in zip(ours, straight, strict=True)]
    against = [a.p99_ms / b.p99_ms for a, b in zip(ours, rival, strict=True)]
    return [
        Finding(P50, build, added_p50, note, invalid),
        Finding(P99, build, added_p99, "", invalid),
        Finding(RIVAL, build, against, "", invalid),
    ]


def _both(runs: list[Arrivals]) -> str:
    return (
        f"{shown(median(each.p50_ms for each in runs))} and {shown(median(each.p99_ms for each in runs))} ms"
    )


def prove(ground: Ground) -> Finding:
    """Stop the backend for a second: a quarter of the requests of four seconds wait for up to that second.

    So one in ten waits 0.6 s and more. A tool that asks again only when it was answered sees next to nothing.
    """
    stage = ground.stage
    order = open_loop.Order(
        stage.backend_port, callers.make(_CALLERS), RATE, _PROOF_S, _PROOF_CONNECTIONS, warm_s=0
    )
    running = open_loop.start(order, stage.folder)
    open_loop.wait_begun(running)
    time.sleep(_STOP_S / 2)
    with _stopped(stage.backend):
        time.sleep(_STOP_S)
    found = open_loop.result(running)
    ground.say(f"latency backend stopped: p90 {found.p90_ms:.0f} ms, {found.dropped} dropped")
    invalid = f"{found.dropped} requests were not sent when due" if found.dropped else ""
    note = f"p50 {found.p50_ms:.2f} ms, longest {found.most_ms:.0f} ms, of {found.requests:,} requests"
    return Finding(HONEST, ground.main, [found.p90_ms], note, invalid)


@contextlib.contextmanager
def _stopped(process: Process) -> Iterator[None]:
    pids = process.pids()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
