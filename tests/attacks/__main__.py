"""The attacks in full size, one after the other, as a table: ``python -m tests.attacks [--write]``."""

import argparse
import resource
import tempfile
from pathlib import Path

import uvloop

from bench import machine
from bench.report import table
from tests.attacks.cases import attacks
from tests.attacks.measure import Findings, run
from tests.support.servers import running_server
from tests.support.tls import make_papers

MANY, BUSY, REQUESTS, REQUESTS_LOUD = 10_000, 2_000, 200, 20
PAGE = Path(__file__).parents[2] / "bench" / "results" / "attacks.md"
COLUMNS = (
    "attack",
    "connections",
    "held",
    "memory more",
    "by connection",
    "CPU of a core",
    "caller: median",
    "worst",
)

HOW = """\
Each attack is held against one `quotad serve` (default settings but for what the case is about, and
`poolConnections` 4,000) from a process of its own on the same machine, while a well-behaved caller sends
200 requests one by one (20 where the attacker sends and reads all the time), every tenth on a new
connection. Its columns are what it waited, the attacker's own load on the machine and its way through the
queue of connections included; every answer was 200. Memory is resident memory more than before the attack,
whole and divided by the connections that are held. Where none are held the bounds have ended them
meanwhile."""


def row(found: Findings) -> tuple[str, ...]:
    """One attack."""
    each = f"{found.bytes_each / 1024:.1f} KB" if found.held else "-"
    return (
        found.attack.what,
        f"{found.attack.connections:,}",
        f"{found.held:,}",
        f"{found.grown_bytes / 2**20:.1f} MB",
        each,
        f"{found.cpu_share:.0%}",
        f"{found.median_ms:.1f} ms",
        f"{found.worst_ms:.0f} ms",
    )


async def measured(many: int, busy: int) -> list[Findings]:
    """Every attack, each on a fresh quotad."""
    done = []
    with tempfile.TemporaryDirectory() as folder, running_server(unix=True) as store:
        papers = make_papers(Path(folder))
        for attack in attacks(many, busy):
            requests = REQUESTS_LOUD if attack.reads and attack.more else REQUESTS
            found = await run(attack, Path(folder), store.url, papers, requests)
            print(*row(found), sep=" | ", flush=True)
            if found.statuses != {200}:
                raise SystemExit(f"{attack.what}: the well-behaved caller got {found.statuses}")
            done.append(found)
    return done


def main() -> None:
    """Run all of them."""
    options = argparse.ArgumentParser(prog="python -m tests.attacks")
    options.add_argument("--write", action="store_true", help="write bench/results/attacks.md")
    options.add_argument("--many", type=int, default=MANY)
    options.add_argument("--busy", type=int, default=BUSY)
    given = options.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    done = uvloop.run(measured(given.many, given.busy))
    page = "\n\n".join(
        [
            "# Under attack",
            table(map(row, done), COLUMNS),
            f"{machine.today()}, `make attacks`. {machine.description()}.",
            HOW,
        ]
    )
    if given.write:
        PAGE.write_text(page + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
