"""Row 11: what a worker holds of the machine's memory, and what the process over it holds."""

import contextlib
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.cases import PROXY_CORE, Case
from bench.findings import Aim, Build, Finding
from bench.load.requests import request
from bench.peers.peer import Site
from bench.processes import Process, free_port, running, wait_until_open
from bench.rows.fleet import admin_command, in_control
from bench.rows.ground import OURS, Ground, peer
from bench.stage import Act, Stage

IDLE = Aim(11, "memory of a worker, idle", 45, " MB")
HELD = Aim(11, "memory of a worker, 2,000 connections", 80, " MB")
SECRETS = Aim(11, "memory of a worker, 100,000 Secrets", 150, " MB")
OVER = Aim(11, "memory of the supervisor", 70, " MB")
ADMIN = Aim(11, "memory of an admin process", 70, " MB")


def measure(ground: Ground, many: Stage) -> list[Finding]:
    """Each build; ``many``: the stage whose store holds the many Secrets."""
    return [finding for build in ground.builds for finding in _build(ground, many, build)]


def _build(ground: Ground, many: Stage, build: Build) -> Iterator[Finding]:
    held, secrets = ground.budget.held, ground.budget.secrets
    case = Case("memory", "supervised", 20, held, supervised=True)
    with ground.stage.serving(peer(OURS[build]), case) as act:
        over_mb, idle_mb = _memory(act.proxy)
        with _open(act, held):
            _, quiet_mb = _memory(act.proxy)
        act.load(ground.budget.small.measured_s)
        _, busy_mb = _memory(act.proxy)
    case = Case(f"memory-{secrets}", "supervised", secrets, 32, supervised=True)
    with many.serving(in_control(build), case, keep=True) as act:
        act.load(ground.budget.small.warm_s)
        over_many_mb, many_mb = _memory(act.proxy)
    admin_mb = _admin_mb(ground, build)
    ground.say(
        f"memory  {build}: idle {idle_mb:.0f} MB, {held} connections {quiet_mb:.0f} and {busy_mb:.0f} MB"
    )
    ground.say(f"memory  {build}: {secrets} Secrets {many_mb:.0f} MB, an admin process {admin_mb:.0f} MB")
    yield Finding(IDLE, build, [idle_mb], "after a few requests")
    yield Finding(
        HELD, build, [busy_mb], f"{held:,} that asked as fast as they could; {quiet_mb:.0f} MB idle"
    )
    yield Finding(SECRETS, build, [many_mb], f"{secrets:,} in control mode, under load")
    words = f"{over_mb:.0f} MB in file mode, {over_many_mb:.0f} MB in control mode"
    yield Finding(OVER, build, [max(over_mb, over_many_mb)], words)
    yield Finding(ADMIN, build, [admin_mb], "idle, nothing in the store")


def _admin_mb(ground: Ground, build: Build) -> float:
    """What an admin process holds that nobody asks anything."""
    stage = ground.stage
    stage.store.client.flushall()
    with tempfile.TemporaryDirectory(prefix="quotad-bench-") as name:
        folder = Path(name)
        case = Case("admin", "an admin process", 0, 0)
        site = Site(folder, free_port(), 0, stage.store.socket, stage.script_sha, [], case)
        with running("admin", admin_command(build, site), PROXY_CORE, folder) as process:
            wait_until_open(process, site.port)
            return process.memory_mb()[0]


def _memory(process: Process) -> tuple[float, float]:
    """The supervisor's, and that of its one worker."""
    over_mb, worker_mb, *_ = process.memory_mb()
    return over_mb, worker_mb


@contextlib.contextmanager
def _open(act: Act, count: int) -> Iterator[None]:
    """So many connections that were each answered once."""
    asking = request(act.site.callers[0])
    with contextlib.ExitStack() as held:
        for _ in range(count):
            connection = held.enter_context(
                socket.create_connection(("127.0.0.1", act.site.port), timeout=10)
            )
            connection.sendall(asking)
            connection.recv(65536)
        act.asked += count
        yield
