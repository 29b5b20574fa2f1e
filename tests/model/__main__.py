"""``python -m tests.model [--runs N] [--write]``: every case N times; 1 when a promise did not hold."""

import argparse
import sys
from collections import Counter
from pathlib import Path

from tests.model.cases import CASES, Case
from tests.model.run import run

RESULTS = Path(__file__).resolve().parents[2] / "bench" / "results" / "model.md"
COLUMNS = ("over-admitted", "over the rate", "forgotten", "stranded")


def row(case: Case, runs: int) -> tuple[str, list[str]]:
    """A table's line: the worst of each promise over all runs; and what was broken, with its seed."""
    worst: Counter[str] = Counter()
    figures: Counter[str] = Counter()
    broken: list[str] = []
    for seed in range(runs):
        result = run(case, seed)
        figures.update(result.figures)
        for name in COLUMNS:
            worst[name] = max(worst[name], result.found[name])
        broken += [f"{case.name}, seed {seed}: {promise}" for promise in result.broken]
    events = ", ".join(f"{count:,} {name}" for name, count in sorted(figures.items()) if count)
    cells = " | ".join(f"{worst[name]:,}" for name in COLUMNS)
    return f"| {case.name} | {runs:,} | {cells} | {len(broken)} | {events} |", broken


def main() -> int:
    """Run, print, perhaps write."""
    parser = argparse.ArgumentParser(prog="tests.model")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    lines = [
        "# The protocol model: seeded runs without sockets or real time",
        "",
        "| case | runs | "
        + " | ".join(f"{name}, worst" for name in COLUMNS)
        + " | bounds passed | what happened |",
        "|---|---|---|---|---|---|---|---|",
    ]
    broken: list[str] = []
    for case in CASES:
        line, found = row(case, options.runs)
        print(line, flush=True)
        lines.append(line)
        broken += found
    lines += ["", "`make model`. What each case allows: tests/model/run.py.", ""]
    if options.write:
        RESULTS.write_text("\n".join(lines))
    print("\n".join(broken) or "every promise held")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
