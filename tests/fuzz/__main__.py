"""``python -m tests.fuzz``: bytes from callers and backends, led by coverage. Status 1: a promise broke.

Atheris (libFuzzer) instruments what reads bytes, starts from the rows of the tables in ``tests/http``, and
keeps every input that reaches something new. What broke a promise is kept in ``build/fuzz`` and said.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

from bench.machine import description, today

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "fuzz"
RESULTS = ROOT / "bench" / "results" / "fuzz.md"
SIDES = ("caller", "backend")

_DONE = re.compile(r"#(\d+)\s+DONE\s+cov: (\d+) ft: (\d+) corp: (\d+)")


def main() -> int:
    """Fuzz each side for half of the time."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="for both sides together")
    parser.add_argument("--side", choices=SIDES, action="append", help="only this")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    options = parser.parse_args()
    sides = options.side or list(SIDES)
    seconds = int(options.minutes * 60 / len(sides))
    rows, broken = [], False
    for side in sides:
        status, said = _run(side, seconds)
        found = _DONE.search(said)
        runs, edges, features, kept = map(int, found.groups()) if found else (0, 0, 0, 0)
        held = status == 0 and found is not None
        broken |= not held
        rows.append(f"| {side} | {runs:,} | {seconds:,} s | {edges:,} | {features:,} | {kept:,} | {held} |")
        print(rows[-1])
        if not held:
            print(said[-4000:])
    if options.write:
        RESULTS.write_text(_page(rows), encoding="utf-8")
    return 1 if broken else 0


def _page(rows: list[str]) -> str:
    table = "\n".join(rows)
    return f"""# Fuzzing: any bytes, from callers and from backends

`make fuzz`, {today()}, on one core of {description()}.
Whole connections in memory, the bytes in pieces of every size, led by coverage (Atheris). Of each input must
hold: every byte ends in valid answers or in an end of the connection; nothing raises or waits for ever; a
backend gets whole requests alone, as h11 reads them, or sees its connection end; no answer becomes two; every
unit that was granted is settled or released (`tests/fuzz/shells.py`).

| who sends | inputs | time | edges reached | features | inputs kept | all held |
|---|---|---|---|---|---|---|
{table}
"""


def _run(side: str, seconds: int) -> tuple[int, str]:
    """Fuzz one side in a process of its own; its exit status and what it said."""
    log = KEPT / f"{side}.log"
    KEPT.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.fuzz.driver", side, str(seconds)]
    with log.open("wb") as said:
        done = subprocess.run(command, cwd=ROOT, stdout=said, stderr=said, check=False)
    return done.returncode, log.read_text(encoding="utf-8", errors="replace")


if __name__ == "__main__":
    sys.exit(main())
