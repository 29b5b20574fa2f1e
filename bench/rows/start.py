"""Row 12: from the start of the process to the first answer to a caller."""

import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from bench import callers
from bench.cases import PROXY_CORE, Case
from bench.checks import ask
from bench.errors import BenchError
from bench.findings import Aim, Build, Finding
from bench.peers.peer import Site
from bench.processes import free_port, running
from bench.rows.ground import OURS, Ground, peer

PLAIN = Case("start", "20 callers", 20, 1)
EMBEDDED = Case("start-embedded", "20 callers, a store of its own", 20, 1, embedded=True)
_IMPORTS = "import uvloop, httptools, hiredis"
READY = Aim(12, "start to ready, less 2 x the imports", 0.2, " s")
READY_EMBEDDED = Aim(12, "the same with an embedded store", 1.2, " s")


def measure(ground: Ground) -> list[Finding]:
    """Of each build: imports alone, quotad on a store, quotad with one of its own; in turn."""
    return [finding for build in ground.builds for finding in _build(ground, build)]


def _build(ground: Ground, build: Build) -> list[Finding]:
    rounds = [
        (_imports(ground, build), _ready(ground, build, PLAIN), _ready(ground, build, EMBEDDED))
        for _ in range(ground.budget.starts)
    ]
    imports, plain, embedded = (median(each) for each in zip(*rounds, strict=True))
    ground.say(
        f"start   {build}: imports {imports:.2f} s, ready {plain:.2f} s, with a store {embedded:.2f} s"
    )
    note = (
        f"ready after {plain:.2f} s (median of {len(rounds)}), `python -c '{_IMPORTS}'` takes {imports:.2f} s"
    )
    return [
        Finding(READY, build, [took - 2 * alone for alone, took, _ in rounds], note),
        Finding(
            READY_EMBEDDED,
            build,
            [took - 2 * alone for alone, _, took in rounds],
            f"ready after {embedded:.2f} s",
        ),
    ]


def _imports(ground: Ground, build: Build) -> float:
    python = peer(OURS[build]).command(_site(ground, ground.stage.folder, PLAIN))[0]
    begun_s = time.monotonic()
    subprocess.run(["taskset", "-c", str(PROXY_CORE), python, "-c", _IMPORTS], check=True)
    return time.monotonic() - begun_s


def _ready(ground: Ground, build: Build, case: Case) -> float:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="quotad-bench-")))
        site = _site(ground, folder, case)
        command = peer(OURS[build]).command(site)
        headers = site.callers[0].pair_headers()
        begun_s = time.monotonic()
        process = stack.enter_context(running("start", command, PROXY_CORE, folder))
        while ask(site.port, headers)[0] != 200:
            if process.popen.poll() is not None:
                raise BenchError(f"quotad did not start:\n{process.said()}")
            time.sleep(0.005)
        return time.monotonic() - begun_s


def _site(ground: Ground, folder: Path, case: Case) -> Site:
    stage = ground.stage
    who = callers.make(case.callers)
    return Site(folder, free_port(), stage.backend_port, stage.store.socket, stage.script_sha, who, case)
