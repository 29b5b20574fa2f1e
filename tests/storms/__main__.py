"""A minute of storm: ``python -m tests.storms [--seconds 60] [--sidecars 2] [--write]``."""

import argparse
import asyncio
import tempfile
from pathlib import Path

import uvloop

from bench import machine
from bench.report import table
from quotad.clock import monotonic_s
from tests.storms.callers import Traffic
from tests.storms.storm import Storm, storm
from tests.storms.world import WRITERS
from tests.support.servers import running_server

PAGE = Path(__file__).parents[2] / "bench" / "results" / "storm.md"

HOW = """\
Eight writers, each with a connection and a copy of the records of its own as an admin process has them, all
in one process, make changes through the operations of the control plane as fast as they can: six do anything
to twelve Secrets, eight plans, and three services with two Apis each in two environments (plans bound to
whole environments and to single Apis, demotion, throttles of both), one moves a pair of Secrets to a new plan
in one commit each time, one has two plans change places between two environments. Meanwhile eight callers
ask, four of each sidecar, which is a `quotad serve` of its own. Of all of it must hold (`tests/storms/`):

- in the store, at every look and at the end: one plan, and one shadow plan, for a Secret in an environment or
  for an Api there, a service's plans bound in one of the two ways, to Apis that there are, read from the
  records without quotad; at the end also that the index agrees with the records, and the log with both;
- no caller sees half a commit: the pair is never met under an earlier plan after a later one, and who changes
  plans is never refused; nobody gets anything but 200, 401, 403, 404, and 429 by throttles of 0;
- every call is charged once, and to the plan under which the backend was called; what a throttle refused is
  charged to no plan; no Api and no throttle is charged for more calls than came through;
- after the last change every sidecar answers as the records say, whoever asks, with the plan and the limit of
  the record.
"""


def page(found: Storm, seconds: float) -> str:
    """What happened, as a page."""
    rows = [
        ("changes made", f"{found.made.total():,}"),
        *((f"- {name}", f"{count:,}") for name, count in found.made.most_common()),
        ("changes refused", f"{found.refused.total():,}"),
        *((f"- {name}", f"{count:,}") for name, count in found.refused.most_common()),
        ("requests", f"{found.statuses.total():,}"),
        *((f"- {status}", f"{count:,}") for status, count in sorted(found.statuses.items())),
        ("plans of the pair that callers met", f"{found.moves_met:,}"),
        ("looks at the store on the way", f"{found.looks:,}"),
        (
            "a sidecar last answered otherwise than the store, after the last change",
            f"{found.differed_s:.2f} s",
        ),
        ("all were asked everything, and answered as the store, after", f"{found.agreed_s:.2f} s"),
        ("rules that did not hold", f"{len(found.wrong):,}"),
    ]
    about = (
        f"{machine.today()}, `make storm`, {WRITERS} writers for {seconds:.0f} s. {machine.description()}."
    )
    return "\n\n".join(["# Changes while callers come", table(rows, ("what", "how many")), about, HOW])


async def _storm(folder: Path, seconds: float, sidecars: int) -> Storm:
    begun: list[float] = []

    async def going(_: Traffic, __: int) -> bool:
        await asyncio.sleep(0)
        begun.extend(() if begun else (monotonic_s(),))
        return monotonic_s() - begun[0] < seconds

    with running_server() as server:
        return await storm(folder, server, sidecars, going)


def main() -> None:
    """Let it happen, and say what did."""
    options = argparse.ArgumentParser(prog="python -m tests.storms")
    options.add_argument("--seconds", type=float, default=60.0)
    options.add_argument("--sidecars", type=int, default=2)
    options.add_argument("--write", action="store_true", help="write bench/results/storm.md")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = uvloop.run(_storm(Path(folder), given.seconds, given.sidecars))
    said = page(found, given.seconds)
    print(said)
    if found.wrong:
        raise SystemExit("\n".join(found.wrong[:20]))
    if given.write:
        PAGE.write_text(said, encoding="utf-8")


if __name__ == "__main__":
    main()
