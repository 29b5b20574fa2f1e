"""Cases and peers that were chosen, in every detail: ``python -m bench --case pair --peer quotad``."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from bench.cases import CASES, FULL, QUICK, Case, Effort
from bench.errors import BenchError
from bench.peers.catalog import CATALOG
from bench.peers.peer import Peer
from bench.picture import svg
from bench.report import Result, aims_table, disturbance, figures_table, markdown
from bench.rounds import Sample, run
from bench.stage import stage
from bench.tools import redis_version

RESULTS = Path(__file__).parent / "results"


def measure(options: argparse.Namespace) -> None:
    """What the options name: cases, peers, rounds. Raises BenchError."""
    for name in options.case or ["pair"]:
        _measure(CASES[name], _effort(options), options)


def _effort(options: argparse.Namespace) -> Effort:
    effort = QUICK if options.quick else FULL
    if options.rounds:
        effort = replace(effort, rounds=options.rounds)
    return replace(effort, measured_s=options.seconds) if options.seconds else effort


def _peers(case: Case, chosen: list[str] | None) -> list[Peer]:
    peers = [peer for peer in CATALOG if not chosen or peer.name in chosen]
    lacks = {peer.name: peer.lack() for peer in peers}
    for name, lack in lacks.items():
        if lack:
            print(f"left out: {name}: {lack}", flush=True)
    peers = [peer for peer in peers if not lacks[peer.name] and (peer.checks_callers or not case.signed)]
    if not peers:
        raise BenchError("nobody is left to measure")
    return peers


def _measure(case: Case, effort: Effort, options: argparse.Namespace) -> None:
    peers = _peers(case, options.peer)
    print(f"{case.title}: {len(peers)} peers, {effort.rounds} rounds of {effort.measured_s} s", flush=True)
    samples = []
    with stage() as ground:
        for sample in run(ground, case, effort, peers):
            samples.append(sample)
            _print_progress(sample)
    command = " ".join(("python -m bench", *sys.argv[1:]))
    result = Result(case, effort, peers, samples, command, redis_version())
    print(f"\n{figures_table(result)}\n\n{aims_table(result)}\n\n{disturbance(result)}", flush=True)
    if options.name:
        _write(result, options.name if case.name == "pair" else f"{options.name}-{case.name}")


def _print_progress(sample: Sample) -> None:
    print(
        f"  {sample.peer:15} {sample.cpu_us:7.1f} us/request {sample.rps:8.0f} requests/s"
        f"  Redis {sample.store_us:5.1f}  others {sample.disturbed:.2f} cores",
        flush=True,
    )


def _write(result: Result, name: str) -> None:
    picture = RESULTS / f"{name}.svg"
    picture.write_text(svg(result))
    page = RESULTS / f"{name}.md"
    page.write_text(markdown(result, picture.name))
    print(f"\nwritten: {page} and {picture.name}")
