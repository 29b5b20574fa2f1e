"""Runs wrk and reads what it measured."""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench import tools
from bench.callers import Caller
from bench.cases import OTHER_CORE, Case
from bench.errors import BenchError

SCRIPT = Path(__file__).with_name("callers.lua")


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


def run(port: int, case: Case, callers: list[Caller], seconds: int, folder: Path) -> Load:
    """Load the port for that long. Raises BenchError when wrk fails."""
    wrk = tools.program("wrk", "Debian's wrk (apt-get install wrk)")
    headers = _write_headers(callers, case, folder)
    shape = ["-t1", f"-c{case.connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(SCRIPT)]
    url = f"http://127.0.0.1:{port}"
    told = [str(headers), "distinct" if case.distinct else "same"]
    done = subprocess.run(
        ["taskset", "-c", str(OTHER_CORE), wrk, *shape, url, "--", *told],
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + 30,
    )
    found = re.search(r"^result (\{.*\})$", done.stdout, re.MULTILINE)
    if found is None:
        raise BenchError(f"wrk failed: {done.stdout}{done.stderr}")
    return Load(connections=case.connections, **json.loads(found.group(1)))


def _write_headers(callers: list[Caller], case: Case, folder: Path) -> Path:
    """A Lua list of header tables. What JSON escapes in these strings, Lua escapes alike."""
    common = {"Host": "bench.example", "User-Agent": "bench", "Accept": "*/*"}
    rows = []
    for caller in callers:
        pairs = (common | caller.headers(signed=case.signed)).items()
        rows.append("{" + ", ".join(f"[{json.dumps(k)}] = {json.dumps(v)}" for k, v in pairs) + "},")
    path = folder / f"callers-{case.name}.lua"
    path.write_text("return {\n" + "\n".join(rows) + "\n}\n")
    return path
