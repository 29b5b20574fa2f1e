"""``python -m bench.simulation``: run the cases, print a table, write bench/results/scale*."""

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bench.simulation import report
from bench.simulation.cases import NAMES, case
from bench.simulation.outcome import Outcome
from bench.simulation.plots import pictures
from bench.simulation.trial import Trial
from bench.simulation.variants import TRIED, VARIANTS, applied

RESULTS = Path(__file__).parents[1] / "results"

Run = tuple[str, tuple[str, ...], int, bool]
"""Case, variants, seed, and whether it is the quick form."""


def main() -> int:
    """Exit status: 1 when more was admitted than a limit allows, or something was not given back."""
    options = _options()
    names = options.case or list(NAMES)
    runs: list[Run] = [(name, tuple(options.variant), options.seed, options.quick) for name in names]
    if options.variants:
        runs += [(name, variants, options.seed, options.quick) for name, variants in TRIED]
    outcomes: list[Outcome] = []
    with ProcessPoolExecutor(max_workers=options.jobs) as pool:
        for run, outcome in zip(runs, pool.map(_run, runs), strict=True):
            print(" + ".join((report.line(outcome), *run[1])), flush=True)
            outcomes.append(outcome)
    plain = outcomes[: len(names)]
    with_variants = [(run[1], outcome) for run, outcome in zip(runs, outcomes, strict=True)][len(names) :]
    print()
    print(report.tables(plain))
    if with_variants:
        print()
        print(report.tried(plain, with_variants))
    if not (options.quick or options.case or options.variant):
        write(plain, with_variants, options.seed)
    return 1 if any(outcome.over_admitted or not outcome.drained for outcome in outcomes) else 0


def write(outcomes: Sequence[Outcome], with_variants: report.Tried, seed: int) -> None:
    """bench/results/scale.md and its pictures."""
    names = []
    for name, picture in pictures(outcomes):
        names.append(name)
        (RESULTS / f"{name}.svg").write_text(picture, encoding="utf-8")
    page = report.markdown(outcomes, with_variants, names, seed)
    (RESULTS / "scale.md").write_text(page, encoding="utf-8")


def _run(run: Run) -> Outcome:
    name, variants, seed, quick = run
    # What a run makes lives until its end: looking for garbage meanwhile finds none.
    gc.disable()
    with applied(variants):
        outcome = Trial(case(name, quick=quick), seed).run()
    gc.enable()
    gc.collect()
    return outcome


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.simulation", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything; writes nothing")
    parser.add_argument("--case", action="append", choices=NAMES, help="only this one (may be repeated)")
    parser.add_argument("--variant", action="append", default=[], choices=sorted(VARIANTS))
    parser.add_argument("--variants", action="store_true", help="also what else the sizing could do")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
