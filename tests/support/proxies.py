"""Other people's proxies in front of a backend, configured as docs/beside says, on free ports."""

import asyncio
import contextlib
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.servers import free_port
from tests.support.waiting import until_true

BESIDE = Path(__file__).parents[2] / "docs" / "beside"


@dataclass(frozen=True)
class Kind:
    """One program."""

    shape: str
    program: str
    files: tuple[str, ...]
    """Of docs/beside; the first is the one that it is given."""
    arguments: tuple[str, ...]
    """``{}`` stands for that file."""


NGINX = Kind(
    "nginx", "nginx", ("nginx.conf",), ("-p", ".", "-e", "error.log", "-g", "daemon off;", "-c", "{}")
)
CADDY = Kind("caddy", "caddy", ("Caddyfile",), ("run", "--config", "{}", "--adapter", "caddyfile"))
TRAEFIK = Kind("traefik", "traefik", ("traefik.yaml", "traefik-routes.yaml"), ("--configFile={}",))
# Without hot restarts two of them may run on one machine.
ENVOY = Kind("envoy", "envoy", ("envoy.yaml",), ("-c", "{}", "--disable-hot-restart", "--log-level", "warn"))


def _program(name: str) -> str:
    places = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""), "/usr/sbin"))
    found = shutil.which(name, path=places)
    assert found is not None, f"{name} is missing"
    return found


def _written(kind: Kind, folder: Path, port: int, quotad_port: int, backend_port: int) -> Path:
    """The files as they stand in docs/beside, but for their ports."""
    # In one go: a port that is put in may itself look like one that stands there.
    ports = {"8000": port, "8081": quotad_port, "9000": backend_port}
    for name in kind.files:
        text = (BESIDE / name).read_text(encoding="utf-8")
        text = re.sub("|".join(ports), lambda said: str(ports[said[0]]), text)
        if kind is NGINX:
            text = text.replace("events {}", "pid nginx.pid;\nevents {}").replace(
                "access_log off;", "access_log off;\n" + _TEMPORARY
            )
        (folder / name).write_text(text, encoding="utf-8")
    return folder / kind.files[0]


_TEMPORARY = "".join(
    f"{name}_temp_path tmp;\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
)


async def _asks(port: int) -> bool:
    """Whether it asks quotad already: some listen before they know their routes."""
    try:
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"http://127.0.0.1:{port}/nowhere")
    except httpx.TransportError:
        return False
    return bool(answer.headers.get("content-type") == "application/problem+json")


@contextlib.asynccontextmanager
async def running_proxy(kind: Kind, folder: Path, quotad_port: int, backend_port: int) -> AsyncIterator[int]:
    """The proxy, in ``folder``; answers its port. quotad is there, and has no route for ``/nowhere``."""
    folder.mkdir()
    port = free_port()
    config = _written(kind, folder, port, quotad_port, backend_port)
    process = await asyncio.create_subprocess_exec(
        _program(kind.program),
        *(argument.format(config) for argument in kind.arguments),
        cwd=folder,
        env={**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=(said := (folder / "said.log").open("wb")),
        stderr=said,
    )
    said.close()
    try:

        async def is_there() -> bool:
            assert process.returncode is None, (folder / "said.log").read_text()
            return await _asks(port)

        await until_true(is_there)
        yield port
    finally:
        if process.returncode is None:
            process.kill() if kind is not NGINX else process.terminate()
        await process.wait()
