"""``python -m bench.simulation``: run the cases, print a table, write bench/results/scale*."""

import argparse
import gc
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bench.simulation import report
from bench.simulation.cases import NAMES, case
from bench.simulation.outcome import Outcome
from bench.simulation.trial import Trial
from bench.simulation.variants import VARIANTS, applied

RESULTS = Path(__file__).parents[1] / "results"


def main() -> int:
    """Exit status: 1 when more was admitted than a limit allows, or something was not given back."""
    options = _options()
    names = options.case or list(NAMES)
    runs = [(name, tuple(options.variant), options.seed, options.quick) for name in names]
    outcomes = []
    with ProcessPoolExecutor(max_workers=options.jobs) as pool:
        for outcome in pool.map(_run, runs):
            print(report.line(outcome), flush=True)
            outcomes.append(outcome)
    print()
    print(report.tables(outcomes))
    return 1 if any(outcome.over_admitted or not outcome.drained for outcome in outcomes) else 0


def _run(run: tuple[str, tuple[str, ...], int, bool]) -> Outcome:
    name, variants, seed, quick = run
    # Nothing that a run makes is a circle that would have to be found before its end.
    gc.disable()
    with applied(variants):
        outcome = Trial(case(name, quick=quick), seed).run()
    gc.enable()
    return outcome


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.simulation", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything; writes nothing")
    parser.add_argument("--case", action="append", choices=NAMES, help="only this one (may be repeated)")
    parser.add_argument("--variant", action="append", default=[], choices=sorted(VARIANTS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
