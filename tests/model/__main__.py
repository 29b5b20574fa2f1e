"""Thousands of runs of the protocol, and what they showed as a table.

python -m tests.model [--runs 200] [--first 0] [--only WORD] [--write]

Ends with 1 when a promise did not hold; the run is the same again for the same case and seed.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

from tests.model.cases import CASES, Case
from tests.model.report import Row, table
from tests.model.run import run

RESULTS = Path(__file__).parent.parent.parent / "bench" / "results" / "model.md"


def main() -> int:
    """Run all cases in turn."""
    parser = argparse.ArgumentParser(prog="tests.model")
    parser.add_argument("--runs", type=int, default=200, help="of each case")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--only", default="", help="cases with this in their name")
    parser.add_argument("--write", action="store_true", help="to bench/results/model.md")
    chosen = parser.parse_args()
    cases = [case for case in CASES if chosen.only in case.name]
    rows = [_row(case, range(chosen.first, chosen.first + chosen.runs)) for case in cases]
    text = table(rows)
    print(text)
    if chosen.write:
        RESULTS.write_text(text, encoding="utf-8")
    return 1 if any(row.broken for row in rows) else 0


def _row(case: Case, seeds: range) -> Row:
    row = Row(case, Counter(), [], {})
    for seed in seeds:
        result = run(case, seed)
        row.take(result)
        for broken in result.broken:
            row.broken.append(f"{case.name}, seed {seed}: {broken}")
            print(row.broken[-1], file=sys.stderr, flush=True)
    return row


if __name__ == "__main__":
    sys.exit(main())
