"""``python -m bench``: the table of aims, measured and written to bench/results/. See bench/README.md."""

import argparse
import os
import sys

from bench import budget, detail, page
from bench.cases import CASES
from bench.errors import BenchError
from bench.peers.catalog import CATALOG
from bench.processes import descriptors
from bench.rows import everything

CORES = 2


def main() -> int:
    """Exit status: 0 when all was measured, met or not; 1 when something could not be."""
    options = _options()
    try:
        if len(os.sched_getaffinity(0)) < CORES:
            raise BenchError("the bench needs two cores: one for the proxy, one for everything else")
        descriptors()
        if options.case or options.peer:
            detail.measure(options)
        else:
            return _table(options)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    quick = os.environ.get("QUICK", "") not in ("", "0")
    names = [peer.name for peer in CATALOG]
    parser.add_argument("--quick", action="store_true", default=quick, help="two minutes, nothing written")
    parser.add_argument("--case", action="append", choices=CASES, help="no table: this traffic (may repeat)")
    parser.add_argument("--peer", action="append", choices=names, help="no table: only these (may repeat)")
    parser.add_argument("--rounds", type=int, help="with --case or --peer: how often each is measured")
    parser.add_argument("--seconds", type=int, help="with --case or --peer: how long each time")
    parser.add_argument("--name", help="with --case or --peer: write bench/results/NAME.md and NAME.svg")
    return parser.parse_args()


def _table(options: argparse.Namespace) -> int:
    effort = budget.QUICK if options.quick else budget.FULL
    print("the table of aims, in about", "two minutes" if options.quick else "eleven minutes", flush=True)
    found = everything.measure(effort)
    command = "QUICK=1 make bench" if options.quick else "make bench"
    print(f"\n{page.text(found, effort, command)}")
    if not options.quick:
        print(f"\nwritten: {page.write(detail.RESULTS, found, effort, command)}")
    return 1 if found.failures else 0


if __name__ == "__main__":
    sys.exit(main())
