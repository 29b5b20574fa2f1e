"""What the figures were taken on, and who else was using it."""

import os
import platform
import re
import resource
import sys
from datetime import UTC, datetime
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_WAITING = (3, 4)
"""The fields of /proc/stat in which nobody worked: idle and waiting for a disk (see proc(5))."""
_GUEST = 8


def cpu_in_use_s() -> float:
    """CPU time that all processes and the kernel have used since the machine started."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    used = sum(int(ticks) for i, ticks in enumerate(fields[:_GUEST]) if i not in _WAITING)
    return used / _TICKS_PER_S


def children_cpu_s() -> float:
    """CPU time of this process and of those of its children that have ended: wrk's, between two calls."""
    own, ended = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


def today() -> str:
    """The date in UTC."""
    return datetime.now(UTC).date().isoformat()


def description() -> str:
    """Processor, cores, memory, kernel and Python in one line."""
    model = _first(r"model name\s*: (.*)", Path("/proc/cpuinfo"))
    memory_gib = int(_first(r"MemTotal:\s+(\d+)", Path("/proc/meminfo"))) / 2**20
    kernel = f"Linux {platform.release().split('-')[0]}"
    whose = "the system's" if sys.base_prefix == "/usr" else "not the system's"
    python = f"Python {platform.python_version()} ({whose})"
    return f"{model}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, {kernel}, {python}"


def _first(pattern: str, path: Path) -> str:
    found = re.search(pattern, path.read_text())
    return found.group(1) if found else "0"
