"""What an exchange costs, whatever the machine is doing: in units of a fixed loop of Python.

    python -m bench.micro.guard [--compiled] [--instructions] [--rounds 25]

The exchange runs without sockets (``bench.micro.still``), in turn with the loop, in the same process: CPU
time of the one over that of the other hardly moves when others use the machine. It is printed beside the
figure that was measured when it was last looked at; far above it a warning is printed. The exit status
does not depend on it: this is no test. ``--compiled``: of what ``make compiled`` made.
``--instructions``: valgrind counts them, nearly the same on every run.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from bench.micro import still
from bench.micro.still import World
from bench.peers.quotad.command import COMPILED_PYTHON
from bench.processes import ROOT
from bench.tools import program
from quotad.engine import limiter

BASELINE = {"pure": 3.1, "compiled": 1.3}
"""Loops per exchange as measured last, on Python 3.11."""
WARN = 2.0
"""Times the baseline. Far more than versions of Python and kinds of processors differ by."""

_EXCHANGES = 500
_LOOPS = 2_000
_COUNTED = 500
_INSIDE = """\
import runpy, sys
sys.path.append({!r})
runpy.run_module("bench.micro.guard", run_name="__main__", alter_sys=True)
"""


def loop() -> int:
    """The unit: what Python code does most, in fixed amounts. Never to be changed."""
    seen: dict[int, bytes] = {}
    total = 0
    text = b"X-Secret-Id: AKID0123456789"
    for number in range(24):
        name, _, value = text.partition(b": ")
        seen[number % 8] = name
        total += len(value) + number
        if seen.get(number) is not None and total > 10_000:
            total -= 10_000
    return total


def build() -> str:
    """Which one is measured here."""
    return "compiled" if str(limiter.__file__).endswith(".so") else "pure"


async def rounds(world: World, count: int) -> list[tuple[float, float]]:
    """CPU microseconds of an exchange and of a loop, of each round."""
    await world.exchange(_EXCHANGES)
    return [(await _exchange_us(world), _loop_us()) for _ in range(count)]


async def _exchange_us(world: World) -> float:
    begun_ns = time.process_time_ns()
    await world.exchange(_EXCHANGES)
    return (time.process_time_ns() - begun_ns) / _EXCHANGES / 1000


def _loop_us() -> float:
    begun_ns = time.process_time_ns()
    for _ in range(_LOOPS):
        loop()
    return (time.process_time_ns() - begun_ns) / _LOOPS / 1000


def told(found: list[tuple[float, float]], kind: str) -> list[str]:
    """The figure in words, and a warning when it is far off."""
    ratios = [exchange / unit for exchange, unit in found]
    value, baseline = median(ratios), BASELINE[kind]
    exchange_us, unit_us = (min(each) for each in zip(*found, strict=True))
    lines = [
        f"an exchange, {kind}: {value:.2f} loops of Python ({min(ratios):.2f} - {max(ratios):.2f})",
        f"when last looked at: {baseline:.2f}; a warning above {WARN * baseline:.2f}",
        f"at least {exchange_us:.1f} us, a loop {unit_us:.2f} us, Python {platform.python_version()}",
    ]
    if value > WARN * baseline:
        lines.append(f"WARNING: more than {WARN:g} times of what it was: something made requests dearer")
    return lines


def instructions() -> int:
    """Of one exchange: those of a run less those of a shorter one. Needs valgrind. Raises BenchError."""
    short, long = (_counted(exchanges) for exchanges in (_COUNTED, 2 * _COUNTED))
    return (long - short) // _COUNTED


def _counted(exchanges: int) -> int:
    valgrind = program("valgrind", "Debian's valgrind (apt-get install valgrind)")
    counting = [valgrind, "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    done = subprocess.run(
        [*counting, *_command(build() == "compiled"), "--exchanges", str(exchanges)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    found = re.search(r"Collected : (\d+)", done.stderr)
    assert found is not None, done.stderr
    return int(found[1])


def _command(compiled: bool) -> list[str]:
    if not compiled:
        return [sys.executable, "-m", "bench.micro.guard"]
    # The sources must not stand before the wheel.
    return [str(COMPILED_PYTHON), "-I", "-c", _INSIDE.format(str(ROOT))]


def main() -> int:
    """Print the figure. The exit status says only whether there is one."""
    parser = argparse.ArgumentParser(prog="python -m bench.micro.guard", description=__doc__)
    parser.add_argument("--compiled", action="store_true", help="of the compiled wheel")
    parser.add_argument("--instructions", action="store_true", help="count them, with valgrind")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--exchanges", type=int, help="only run so many; for counting")
    options = parser.parse_args()
    if options.compiled and build() == "pure":
        words = [word for word in sys.argv[1:] if word != "--compiled"]
        return subprocess.run([*_command(compiled=True), *words], cwd=Path("/"), check=False).returncode
    if options.exchanges:
        still.run(lambda world: world.exchange(options.exchanges))
    elif options.instructions:
        print(f"an exchange, {build()}: {instructions():,} instructions")
    else:
        print("\n  ".join(told(still.run(lambda world: rounds(world, options.rounds)), build())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
