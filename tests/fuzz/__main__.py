"""``python -m tests.fuzz``: bytes from callers and backends, led by coverage. Status 1: a promise broke.

Atheris (libFuzzer) instruments what reads bytes, starts from the rows of the tables in ``tests/http``, and
keeps every input that reaches something new. What broke a promise is kept in ``build/fuzz`` and said.
"""

import argparse
import asyncio
import multiprocessing
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "fuzz"
RESULTS = ROOT / "bench" / "results" / "fuzz.md"
LONGEST_BYTES = 4096
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
    from bench.machine import description, today

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
    """Fuzz one side in a process of its own, which libFuzzer ends; its exit status and what it said."""
    log = KEPT / f"{side}.log"
    for folder in ("corpus", "broken"):
        (KEPT / folder / side).mkdir(parents=True, exist_ok=True)
    process = multiprocessing.get_context("spawn").Process(target=_fuzz, args=(side, seconds, log))
    process.start()
    process.join()
    return process.exitcode or 0, log.read_text(encoding="utf-8", errors="replace")


def _fuzz(side: str, seconds: int, log: Path) -> None:
    # libFuzzer writes to the process's own streams.
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    import atheris

    with atheris.instrument_imports(include=["quotad.core", "quotad.dataplane"]):
        from tests.fuzz.inputs import from_backend, from_caller, seeds

    for number, seed in enumerate(seeds(side)):
        (KEPT / "corpus" / side / f"seed-{number}").write_bytes(seed)
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={LONGEST_BYTES}",
        "-timeout=20",
        f"-artifact_prefix={KEPT / 'broken' / side}/",
        "-print_final_stats=1",
    ]

    async def fuzz() -> None:
        # The loop has nothing to do, it only has to be there: all of a conversation happens in one call.
        atheris.Setup([sys.argv[0], *options, str(KEPT / "corpus" / side)], one)
        atheris.Fuzz()

    one = from_caller if side == "caller" else from_backend
    asyncio.run(fuzz())


if __name__ == "__main__":
    sys.exit(main())
