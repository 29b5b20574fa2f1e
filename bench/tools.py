"""Programs that come from Debian or PyPI: where they are, or which package is missing."""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from bench.errors import BenchError

NGINX_MODULES = Path("/usr/lib/nginx/modules")
LUA_REDIS = Path("/usr/share/lua/5.1/nginx/redis.lua")


def program(name: str, package: str) -> str:
    """The path of a program, looked for beside this Python first. Raises BenchError naming the package."""
    places = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""), "/usr/sbin"))
    found = shutil.which(name, path=places)
    if found is None:
        raise BenchError(f"{name} is missing: install {package}")
    return found


def file(path: Path, package: str) -> str:
    """The path itself. Raises BenchError naming the package when nothing is there."""
    if not path.exists():
        raise BenchError(f"{path} is missing: apt-get install {package}")
    return str(path)


def nginx() -> str:
    """The nginx binary."""
    return program("nginx", "Debian's nginx (apt-get install nginx)")


def output_of(command: list[str], pattern: str) -> str:
    """The first group that the pattern finds in what the command prints; ``?`` when it finds none."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    found = re.search(pattern, done.stdout + done.stderr)
    return found.group(1) if found else "?"


def package_version(name: str) -> str:
    """Of an installed Python package."""
    return version(name)


def redis_server() -> str:
    """The Redis server binary."""
    return program("redis-server", "Debian's redis-server (apt-get install redis-server)")


def program_version(name: str, asked: str, pattern: str) -> str:
    """Name and version of a program, by what it answers."""
    return f"{name} {output_of([program(name, name), asked], pattern)}"


def redis_version() -> str:
    """Name and version of the Redis server."""
    return "Redis " + output_of([redis_server(), "--version"], r"v=(\S+)")
