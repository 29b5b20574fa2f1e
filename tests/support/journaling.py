"""Processes that write and take over outage journals until they are killed.

python -m tests.support.journaling write DIRECTORY SEED     what was taken goes to stdout, line by line
python -m tests.support.journaling take DIRECTORY GATE      takes orphans once GATE's file can be locked
python -m tests.support.journaling limit DIRECTORY BYTES    writes under a bound on the size of files
"""

import contextlib
import fcntl
import os
import random
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from quotad.engine.journal import Journal
from tests.support.journals import DAY_US, NAMESPACE

ROOT = Path(__file__).parent.parent.parent


def write(directory: Path, seed: int) -> None:
    """Totals of a dozen Subjects grow for ever, some are settled; each is told after it was taken."""
    journal = Journal(directory, NAMESPACE, seed.to_bytes(8, "big"))
    journal.open()
    chance = random.Random(seed)
    totals: dict[str, int] = {}
    while True:
        tag = f"usagePlan-{chance.randrange(12):08d}/service-aaaaaaaa/release"
        totals[tag] = totals.get(tag, 0) + 1
        assert journal.record(tag, tag[:18], DAY_US, totals[tag], tag.encode())
        os.write(1, f"{tag} {totals[tag]}\n".encode())
        if chance.random() < 0.05:
            os.write(1, f"{tag} -{totals[tag]}\n".encode())
            journal.settled(tag, DAY_US, totals[tag])


def take(directory: Path, gate: Path) -> None:
    """Take over what there is, say whose it was, and hold it until stdin ends."""
    journal = Journal(directory, NAMESPACE, os.urandom(8))
    journal.open()
    print("here", flush=True)
    with gate.open() as handle:
        fcntl.flock(handle, fcntl.LOCK_SH)
    orphans = list(journal.orphans())
    print(" ".join(orphan.sidecar_id.hex() for orphan in orphans), flush=True)
    sys.stdin.read()
    for orphan in orphans:
        for record in orphan.records:
            orphan.done(record)
    journal.close()


def limit(directory: Path, size: int) -> None:
    """How many Subjects found room; that a known one still counts; and that raising the bound heals."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    now_s = [0.0]
    journal = Journal(directory, NAMESPACE, b"limited!", monotonic=lambda: now_s[0])
    journal.open()
    taken = 0
    while journal.record(f"plan/{taken}", "plan", DAY_US, 1, b""):
        taken += 1
    print(taken, journal.writable, journal.record("plan/0", "plan", DAY_US, 2, b""), journal.writable)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(journal.record("plan/new", "plan", DAY_US, 1, b""))
    now_s[0] = 2.0
    print(journal.record("plan/new", "plan", DAY_US, 1, b""), journal.writable, len(journal.pending()))


@contextlib.contextmanager
def running(verb: str, directory: Path, argument: object) -> Iterator[subprocess.Popen[str]]:
    """This program in a process of its own, killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.journaling", verb, str(directory), str(argument)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


if __name__ == "__main__":
    folder = Path(sys.argv[2])
    match sys.argv[1]:
        case "write":
            write(folder, int(sys.argv[3]))
        case "take":
            take(folder, Path(sys.argv[3]))
        case _:
            limit(folder, int(sys.argv[3]))
