"""Writes the settings of server.py and says how it is started."""

import json
import sys

from bench.peers.peer import Site
from bench.tools import package_version


def command(site: Site) -> list[str]:
    """Settings into the Site's folder."""
    settings = {
        "port": site.port,
        "backend_port": site.backend_port,
        "store": str(site.store_socket),
        "sha": site.script_sha,
        "callers": {caller.secret_id: caller.secret_key for caller in site.callers},
    }
    path = site.folder / "settings.json"
    path.write_text(json.dumps(settings))
    return [sys.executable, "-m", "bench.peers.aiohttp_redis.server", str(path)]


def version() -> str:
    """Of what it is made of."""
    return f"aiohttp {package_version('aiohttp')}, redis-py {package_version('redis')}"
