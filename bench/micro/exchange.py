"""CPU microseconds per proxied request of the data plane alone: no store, Verdicts come in the next tick.

    python -m bench.micro.exchange [--rounds 8] [--connections 32] [--callers 200] [--profile FILE]

Starts a trivial backend, the data plane, and beside it the floor: a uvloop process that passes bytes
through and reads none of them. wrk drives both in turn; their CPU time comes from the kernel. On a
shared machine the smallest figure and the distance to the floor are what can be compared.
``--callers``: key pairs that wrk cycles through. ``--profile``: where py-spy writes what it saw of the
data plane. Needs wrk (Debian: wrk), taskset, and two cores.
"""

import argparse
import asyncio
import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import uvloop

from quotad.config.model import Address, Listen, Route, UpstreamAddress
from quotad.core.plans import Binding, Secret, Service, Subject, UsagePlan
from quotad.core.quota import Answer
from quotad.core.table import PlanTable
from quotad.core.verdict import Verdict, Waiter
from quotad.dataplane.listener import Listener
from quotad.dataplane.snapshot import Snapshot, SnapshotHolder
from quotad.telemetry.metrics import Recorder

TICKS = os.sysconf("SC_CLK_TCK")
BODY = b'{"hello": "world"}'
RESPONSE = (
    b"HTTP/1.1 200 OK\r\nServer: trivial\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
)
LIMITS = {"rate_limit": 1000, "burst": 2000, "tokens": 1500, "day_limit": 10**6, "month_limit": -1}
ANSWER = Answer._make((LIMITS | {"total_limit": -1}).get(name, 0) for name in Answer._fields)


class TrivialBackend(asyncio.Protocol):
    """Answers each head with the same bytes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Count heads, not caring what they say."""
        self.transport.write(RESPONSE * data.count(b"\r\n\r\n"))


class Passing(asyncio.Protocol):
    """The floor: hands every byte to its other side."""

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self.other: Passing | None = None
        self.early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport; the caller's side opens the backend's."""
        self.transport = cast(asyncio.Transport, transport)
        if self.upstream:
            self.opening = asyncio.get_running_loop().create_task(self.open())

    async def open(self) -> None:
        """Connect, and send what came meanwhile."""
        loop = asyncio.get_running_loop()
        _, other = await loop.create_connection(lambda: Passing(0), "127.0.0.1", self.upstream)
        self.other, other.other = other, self
        for data in self.early:
            other.transport.write(data)

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        if self.other is None:
            self.early.append(data)
        elif not self.other.transport.is_closing():
            self.other.transport.write(data)


class Admit:
    """Admits everybody in the next tick, all of a tick in one loop call, as the engine does."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Subject, Waiter]] = []

    def reserve(self, subject: Subject, waiter: Waiter) -> None:
        """Ask for one unit."""
        if not self.waiting:
            asyncio.get_running_loop().call_soon(self.answer)
        self.waiting.append((subject, waiter))

    def known_refusal(self, subject: Subject) -> None:
        """Nobody is ever refused."""

    def answer(self) -> None:
        """Admit everybody who waits."""
        waiting, self.waiting = self.waiting, []
        for subject, waiter in waiting:
            waiter.on_verdict(Verdict(subject, admitted=True, answer=ANSWER))

    def settle(self, verdict: Verdict, counted: bool) -> None:
        """Nothing to do."""

    def release(self, verdict: Verdict) -> None:
        """Nothing to do."""


async def serve_backend() -> None:
    """The backend's process."""
    server = await asyncio.get_running_loop().create_server(TrivialBackend, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def serve_floor(upstream: int) -> None:
    """The floor's process."""
    server = await asyncio.get_running_loop().create_server(lambda: Passing(upstream), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def serve_plane(upstream: int, callers: int) -> None:
    """The data plane's process."""
    plan = UsagePlan("usagePlan-bench", "bench", rate_rps=1000)
    keys = [Secret(f"s{n}", f"AKID{n:036d}", f"{n:032d}".encode()) for n in range(callers)]
    binding = Binding(
        plan.usage_plan_id, tuple(key.secret_id for key in keys), (("service-bench", "release"),)
    )
    table = PlanTable([Service("service-bench", "bench")], [plan], keys, [binding])
    route = Route("", "/", "service-bench", "release", (UpstreamAddress("127.0.0.1", upstream),))
    recorder = Recorder()
    recorder.configure((route,), table)
    holder = SnapshotHolder(Snapshot((route,), table))
    listener = Listener(Listen(Address("127.0.0.1", 0)), holder, Admit(), recorder)
    print(await listener.start(), flush=True)
    await asyncio.Event().wait()


def cpu_s(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def script(callers: int) -> str:
    """What wrk sends: each request as the next caller."""
    return f"""
local n = 0
function request()
  n = (n + 1) % {callers}
  wrk.headers["X-Secret-Id"] = string.format("AKID%036d", n)
  wrk.headers["X-Secret-Key"] = string.format("%032d", n)
  return wrk.format("GET", "/items/42?page=1")
end
"""


@contextlib.contextmanager
def child(core: int, *arguments: str) -> Iterator[tuple[int, int]]:
    """A process of this module, pinned to a core: its id and its port."""
    process = subprocess.Popen(
        ["taskset", "-c", str(core), sys.executable, "-m", "bench.micro.exchange", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


def drive(pid: int, port: int, load: list[str]) -> float:
    """One round of load: CPU microseconds per request of a process."""
    before_s = cpu_s(pid)
    command = [*load, f"http://127.0.0.1:{port}/"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    requests = re.search(r"(\d+) requests in", said)
    assert requests is not None, said
    assert "Non-2xx" not in said, said
    return (cpu_s(pid) - before_s) / int(requests[1]) * 1e6


def measure(options: argparse.Namespace) -> None:
    """Run both in turn and print a line for each."""
    figures: dict[str, list[float]] = {"floor": [], "quotad": []}
    with (
        child(1, "--role", "backend") as (_, upstream),
        child(0, "--role", "floor", "--upstream", str(upstream)) as floor,
        child(0, "--role", "plane", "--upstream", str(upstream), "--callers", str(options.callers)) as plane,
        tempfile.NamedTemporaryFile("w", suffix=".lua") as lua,
    ):
        lua.write(script(options.callers))
        lua.flush()
        load = ["taskset", "-c", "1", "wrk", "-t1", f"-c{options.connections}", "-d1s", "-s", lua.name]
        drive(*plane, load)
        profiler = None
        if options.profile:
            record = ["py-spy", "record", "-p", str(plane[0]), "-d", str(2 * options.rounds), "-r", "500"]
            profiler = subprocess.Popen([*record, "-f", "raw", "-o", options.profile])
        for _ in range(options.rounds):
            figures["floor"].append(drive(*floor, load))
            figures["quotad"].append(drive(*plane, load))
        if profiler is not None:
            profiler.wait()
    for name, numbers in figures.items():
        least, median = min(numbers), statistics.median(numbers)
        print(f"{name:7} {least:5.1f} us CPU/request at least, {median:5.1f} median")
    print(f"quotad's own part: {min(figures['quotad']) - min(figures['floor']):.1f} us")


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--role", choices=("measure", "backend", "floor", "plane"), default="measure")
    parser.add_argument("--upstream", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--callers", type=int, default=200)
    parser.add_argument("--profile", default="")
    options = parser.parse_args()
    if options.role == "backend":
        uvloop.run(serve_backend())
    elif options.role == "floor":
        uvloop.run(serve_floor(options.upstream))
    elif options.role == "plane":
        uvloop.run(serve_plane(options.upstream, options.callers))
    else:
        measure(options)


if __name__ == "__main__":
    main()
