"""Processes on a core of their own: started, timed and ended by their id."""

import contextlib
import os
import random
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError

ROOT = Path(__file__).resolve().parent.parent
START_S = 60.0
_PORTS = (15_000, 32_000)
STOP_S = 5.0
_CPU_CLOCK = 2
"""CPUCLOCK_SCHED of the kernel: what the scheduler saw of a process, see clock_getcpuclockid(3)."""


@dataclass(frozen=True, slots=True)
class Process:
    """A running program and the file that holds what it printed."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path

    def pids(self) -> list[int]:
        """Its id and those of all its descendants."""
        children: dict[int, list[int]] = {}
        for pid, fields in _stats():
            children.setdefault(int(fields[1]), []).append(pid)
        found = [self.popen.pid]
        for pid in found:
            found.extend(children.get(pid, ()))
        return found

    def cpu_s(self) -> float:
        """User and system time that all its threads and descendants have used so far."""
        return sum(cpu_s(pid) for pid in self.pids())

    def memory_mb(self) -> list[float]:
        """Resident memory of each process: its own first, then its descendants', largest first."""
        own, *others = [resident_mb(pid) for pid in self.pids()]
        return [own, *sorted(others, reverse=True)]

    def said(self) -> str:
        """The last lines of its output."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-12:])


def cpu_s(pid: int) -> float:
    """User and system time of a process and all its threads, also of those that ended; 0 when it is gone.

    Its CPU clock, to the nanosecond: /proc counts in hundredths of a second, and a store that is hardly asked
    uses less than that while it is watched.
    """
    with contextlib.suppress(OSError):
        return time.clock_gettime((~pid << 3) | _CPU_CLOCK)
    return 0.0


def resident_mb(pid: int) -> float:
    """Resident memory of a process now; 0 when it is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0


def _stats() -> Iterator[tuple[int, list[str]]]:
    """Each process's id and the fields of /proc/PID/stat from the third on (see proc(5))."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                yield int(folder.name), (folder / "stat").read_text().rpartition(")")[2].split()


@contextlib.contextmanager
def running(name: str, command: list[str], cores: int | str, folder: Path) -> Iterator[Process]:
    """A program pinned to a core, or to some (``"0,1"``); ended with the block, and all that it started."""
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        popen = subprocess.Popen(
            ["taskset", "-c", str(cores), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    process = Process(name, popen, log)
    try:
        yield process
    finally:
        _stop(process)


def _stop(process: Process) -> None:
    pids = process.pids()
    process.popen.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.popen.wait(STOP_S)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.popen.wait()


def free_port() -> int:
    """A loopback port that nobody uses at this moment, nor is it one that the system gives to connections."""
    while True:
        port = random.randrange(*_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_until_open(process: Process, address: int | Path) -> None:
    """Return once the TCP port or unix socket takes connections. Raises BenchError when it never does."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.popen.poll() is not None:
            break
        if _takes_connections(address):
            return
        time.sleep(0.02)
    raise BenchError(f"{process.name} did not start:\n{process.said()}")


def _takes_connections(address: int | Path) -> bool:
    family = socket.AF_INET if isinstance(address, int) else socket.AF_UNIX
    with socket.socket(family) as probe:
        target = ("127.0.0.1", address) if isinstance(address, int) else str(address)
        return probe.connect_ex(target) == 0


def descriptors() -> int:
    """How many files a process may have open: as many as the system allows, from now on."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most
