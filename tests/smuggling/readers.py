"""Three backends that share no code with quotad's readers but, in Node's case, llhttp; and what they read."""

import asyncio
import contextlib
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.support.backends import Seen
from tests.support.servers import free_port
from tests.support.waiting import until_true

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
HANGS_S = 10.0
IDENTITY = (b"host", b"x-request-id", b"x-quotad-secret-id", b"x-quotad-plan-id")

_ABSOLUTE = re.compile("^[^/]*://[^/?]*")


class Sight(NamedTuple):
    """One request, as somebody read it."""

    method: str
    target: str
    host: str
    request_id: str
    secret_id: str
    plan_id: str
    body_bytes: int
    body_sha1: str

    @classmethod
    def of(cls, request: bytes) -> "Sight":
        """What quotad meant by the bytes that it wrote."""
        head, _, body = request.partition(b"\r\n\r\n")
        seen = Seen(head + b"\r\n\r\n", body)
        method, target, _ = seen.line.decode().split(" ")
        payload = seen.payload
        digest = hashlib.sha1(payload, usedforsecurity=False).hexdigest()
        host, name, secret_id, plan_id = (
            b", ".join(seen.values(name)).decode("latin-1") for name in IDENTITY
        )
        return cls(method, target, host, name, secret_id, plan_id, len(payload), digest)

    @property
    def message(self) -> tuple[str, str, int, str]:
        """What of it the caller said, whoever wrote the head."""
        target = self.target
        if not target.startswith(("/", "*")):
            # Absolute-form: what a backend without a proxy before it makes of it (RFC 9112, section 3.2.2).
            target = _ABSOLUTE.sub("", target)
            target = target if target.startswith("/") else f"/{target}"
        if target == "/" and self.method == "OPTIONS":
            target = "*"  # Section 3.2.4: what a proxy sends for an empty path.
        return self.method, target, self.body_bytes, self.body_sha1


@dataclass(frozen=True)
class Reader:
    """A backend that runs."""

    name: str
    port: int


class Heard(NamedTuple):
    """What a backend answered on one connection."""

    sights: list[Sight]
    """Of the requests that it took, up to the first that it did not."""
    status: int
    """Of the answer to that; 0: there was none, the connection ended."""
    waits: bool
    """It waits for more, though all was sent."""


async def tell(reader: Reader, data: bytes) -> Heard:
    """Send this, and listen until the connection ends."""
    source, sink = await asyncio.open_connection("127.0.0.1", reader.port, limit=1 << 20)
    sink.write(data)
    sights: list[Sight] = []
    try:
        async with asyncio.timeout(HANGS_S):
            while True:
                answer = Seen(await source.readuntil(b"\r\n\r\n"))
                status = int(answer.line[9:12])
                if status == 200:
                    (sight,) = answer.values(b"x-seen")
                    sights.append(Sight(*json.loads(bytes.fromhex(sight.decode()))))
                elif status >= 200:
                    return Heard(sights, status, waits=False)
    except (asyncio.IncompleteReadError, ConnectionError):
        return Heard(sights, 0, waits=False)
    except TimeoutError:
        return Heard(sights, 0, waits=True)
    finally:
        sink.transport.abort()


@contextlib.asynccontextmanager
async def running_readers() -> AsyncIterator[list[Reader]]:
    """All three, on free loopback ports."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            _telling("node", "--max-http-header-size=262144", str(HERE / "reader.js")) as (
                node,
                node_version,
            ),
            _telling(sys.executable, "-m", "tests.smuggling.reader_wsgi") as (wsgi, wsgi_version),
            _nginx(Path(folder), node) as (nginx, nginx_version),
        ):
            yield [
                Reader(f"nginx {nginx_version}", nginx),
                Reader(f"Node {node_version}", node),
                Reader(f"waitress {wsgi_version}", wsgi),
            ]


@contextlib.asynccontextmanager
async def _telling(*command: str) -> AsyncIterator[tuple[int, str]]:
    """A process whose first line says its port and version."""
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(HANGS_S):
            port, version = (await process.stdout.readline()).decode().split()
        yield int(port), version
    finally:
        await _end(process)


@contextlib.asynccontextmanager
async def _nginx(folder: Path, behind: int) -> AsyncIterator[tuple[int, str]]:
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
    assert program is not None, "nginx is missing"
    port = free_port()
    text = (HERE / "reader.conf").read_text(encoding="utf-8")
    config = folder / "nginx.conf"
    config.write_text(text.replace("%BEHIND%", str(behind)).replace("%PORT%", str(port)))
    process = await asyncio.create_subprocess_exec(program, "-p", str(folder), "-c", str(config))
    try:
        await until_true(lambda: _answers(port))
        said = subprocess.run([program, "-v"], check=True, capture_output=True, text=True).stderr
        yield port, said.strip().partition("/")[2]
    finally:
        await _end(process)


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    await process.wait()
