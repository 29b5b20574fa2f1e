"""``python -m tests.chaos``: run the cases, print what was found. Exit status 1: one of them failed."""

import argparse
import os
import signal
import sys
from pathlib import Path

import uvloop

from tests.chaos import clocks, failovers, forgetting, processes_die, store_hurts
from tests.chaos.case import Case, Ended, run
from tests.chaos.report import complaints, figures, markdown, progress
from tests.support.servers import running_server

RESULTS = Path(__file__).parents[2] / "bench" / "results" / "chaos.md"
CASES = {
    case.name: case
    for case in (*processes_die.CASES, *store_hurts.CASES, *forgetting.CASES, *failovers.CASES, *clocks.CASES)
}


def main() -> int:
    """Run what the command line says."""
    # As Ctrl-C does: the run is cancelled, and ends every process that it started.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    options = _options()
    chosen = [CASES[name] for name in options.case] if options.case else list(CASES.values())
    if options.quick and not options.case:
        chosen = [case for case in chosen if case.quick]
    runs = [_run(case) for case in chosen]
    print(f"\n{figures(runs)}\n")
    problems = [problem for ended in runs for problem in complaints(ended)]
    print("\n".join(problems))
    if options.write:
        command = "make chaos" if not options.case else " ".join(("python -m tests.chaos", *sys.argv[1:]))
        RESULTS.write_text(markdown(runs, command, _versions()))
        print(f"written: {RESULTS}")
    return 1 if problems else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    quick = os.environ.get("QUICK", "") not in ("", "0")
    parser.add_argument("--quick", action="store_true", default=quick, help="the short form")
    parser.add_argument("--case", action="append", choices=CASES, help="only these (may repeat)")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    return parser.parse_args()


def _run(case: Case) -> Ended:
    ended = uvloop.run(run(case))
    print(progress(ended), flush=True)
    for problem in complaints(ended):
        print(f"       {problem}", flush=True)
    return ended


def _versions() -> str:
    with running_server() as server, server.client() as client:
        return f"Valkey {client.info('server')['valkey_version']}"


if __name__ == "__main__":
    sys.exit(main())
