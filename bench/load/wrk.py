"""Runs wrk and reads what it measured: one thread, closed loop."""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench import tools
from bench.cases import OTHER_CORE
from bench.errors import BenchError

SCRIPT = Path(__file__).with_name("callers.lua")


@dataclass(frozen=True, slots=True)
class Order:
    """What wrk is to do."""

    port: int
    requests: Path
    """The file that ``bench.load.requests`` wrote; sent in turn."""
    connections: int
    seconds: int
    begin: int = 0
    """How many of the requests were sent before."""
    pause_ms: int = 0
    """Between an answer and the connection's next request, on average."""
    distinct: bool = False
    cores: str = str(OTHER_CORE)


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw.

    Percentiles are of a closed loop: a slow answer delays the next question, so they say how the
    proxy queues at its limit, not what a caller at a given rate would wait.
    """

    connections: int
    requests: int
    duration_us: int
    p50_us: int
    p99_us: int
    refused: int
    """Answers of 400 and above."""
    broken: int
    """Connections and reads that failed, and time-outs."""

    @property
    def rps(self) -> float:
        """Requests per second."""
        return self.requests / self.duration_us * 1e6


def run(order: Order) -> Load:
    """Load the port for that long. Raises BenchError when wrk fails."""
    return result(start(order), order)


def start(order: Order) -> "subprocess.Popen[str]":
    """Begin; ``result`` waits for the end."""
    return subprocess.Popen(
        ["taskset", "-c", order.cores, *_command(order)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def result(wrk: "subprocess.Popen[str]", order: Order) -> Load:
    """What it found. Raises BenchError when it failed."""
    out, errors = wrk.communicate(timeout=order.seconds + 60)
    found = re.search(r"^result (\{.*\})$", out, re.MULTILINE)
    if found is None:
        raise BenchError(f"wrk failed: {out}{errors}")
    return Load(connections=order.connections, **json.loads(found.group(1)))


def _command(order: Order) -> list[str]:
    wrk = tools.program("wrk", "Debian's wrk (apt-get install wrk)")
    shape = ["-t1", f"-c{order.connections}", f"-d{order.seconds}s", "--timeout", "10s", "-s", str(SCRIPT)]
    told = [str(order.begin), str(order.pause_ms), "distinct" if order.distinct else "same"]
    return [wrk, *shape, f"http://127.0.0.1:{order.port}", "--", str(order.requests), *told]
