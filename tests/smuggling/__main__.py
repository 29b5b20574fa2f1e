"""``python -m tests.smuggling``: does every backend read what quotad accepts as it does? Status 1: no."""

import argparse
import sys
from pathlib import Path

import uvloop

from tests.smuggling.report import markdown, summary
from tests.smuggling.run import run

RESULTS = Path(__file__).parents[2] / "bench" / "results" / "smuggling.md"


def main() -> int:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.smuggling", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--requests", type=int, default=50_000, help="mutated ones")
    parser.add_argument(
        "--sent", type=int, default=5_000, help="streams that are also given as sent, at most"
    )
    parser.add_argument("--show", type=int, default=10, help="how many of each kind of finding to print")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    options = parser.parse_args()
    result = uvloop.run(run(options.seed, options.requests, sent=options.sent))
    print(summary(result))
    for findings in (*result.forwarded, *result.sent):
        print(f"{findings.reader.name}: {findings.equal} alike, {len(findings.refused)} refused")
        print("".join(f"    {refused[:600]}\n" for refused in findings.refused[: options.show]), end="")
    print("\n".join(problem[:2000] for problem in result.problems[: options.show]))
    if options.write:
        RESULTS.write_text(markdown(result, "make smuggling"), encoding="utf-8")
        print(f"written: {RESULTS}")
    return 1 if result.problems else 0


if __name__ == "__main__":
    sys.exit(main())
