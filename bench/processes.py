"""Processes on a core of their own: started, timed and ended by their id."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError

ROOT = Path(__file__).resolve().parent.parent
START_S = 15.0
STOP_S = 5.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


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
        wanted = set(self.pids())
        return sum(int(f[11]) + int(f[12]) for pid, f in _stats() if pid in wanted) / _TICKS_PER_S

    def said(self) -> str:
        """The last lines of its output."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-12:])


def _stats() -> Iterator[tuple[int, list[str]]]:
    """Each process's id and the fields of /proc/PID/stat from the third on (see proc(5))."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                yield int(folder.name), (folder / "stat").read_text().rpartition(")")[2].split()


@contextlib.contextmanager
def running(name: str, command: list[str], core: int, folder: Path) -> Iterator[Process]:
    """A program pinned to one core; ended, with all that it started, when the block ends."""
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        popen = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
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
    """A loopback port that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
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
