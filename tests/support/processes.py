"""Starts the real `quotad serve` as a child process, as a user would."""

import asyncio
import contextlib
import json
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from quotad.core.plans import Subject, UsagePlan

REQUEST = (
    b"GET /orders/1 HTTP/1.1\r\nHost: api.test\r\n"
    b"X-Secret-Id: AKIDcaller\r\nX-Secret-Key: secretcaller\r\n\r\n"
)
"""What the only caller of ``write_config`` sends."""

SUBJECT = Subject(UsagePlan("usagePlan-only0001", "only"), "service-orders01", "release")


def write_config(
    path: Path, store: dict[str, object], backend_port: int, plan: dict[str, object], workers: int = 1
) -> Path:
    """One plan, one caller, one route, every port free; JSON is YAML. Answers the path."""
    config = {
        "workers": workers,
        "listen": {"address": "127.0.0.1:0"},
        "telemetry": {"address": "127.0.0.1:0", "accessLog": ""},
        "store": {"deadlineMs": 5000, **store},
        "routes": [
            {
                "pathPrefix": "/orders",
                "service": "service-orders01",
                "environment": "release",
                "upstreams": [f"http://127.0.0.1:{backend_port}"],
            }
        ],
        "services": [{"serviceId": "service-orders01", "serviceName": "orders"}],
        "plans": [{"usagePlanId": "usagePlan-only0001", "usagePlanName": "only", **plan}],
        "secrets": [{"secretName": "caller", "secretId": "AKIDcaller", "secretKey": "secretcaller"}],
        "bindings": [
            {
                "usagePlanId": "usagePlan-only0001",
                "secretIds": ["AKIDcaller"],
                "environments": [{"service": "service-orders01", "environment": "release"}],
            }
        ],
    }
    path.write_text(json.dumps(config))
    return path


READY = re.compile(r"ready: (.*)$")
START_S = 300.0
"""A start costs under a second of the processor, for which a busy machine may take minutes."""


class Quotad:
    """One running quotad. ``ports`` has what it listens on by name: listen, telemetry, admin."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.ports: dict[str, int] = {}
        self.errors: list[str] = []
        self._reading: asyncio.Task[None] | None = None

    async def until_ready(self) -> None:
        """Read its stderr until it says that it is ready; what it said stays in ``errors``."""
        try:
            async with asyncio.timeout(START_S):
                if await self._read_ready():
                    return
        except TimeoutError:
            raise AssertionError("quotad is not ready, and said: " + "".join(self.errors)) from None
        await self.process.wait()
        raise AssertionError("quotad did not start: " + "".join(self.errors))

    async def _read_ready(self) -> bool:
        assert self.process.stderr is not None
        while line := (await self.process.stderr.readline()).decode():
            self.errors.append(line)
            if found := READY.search(line.strip()):
                for pair in found[1].split():
                    name, _, address = pair.partition("=")
                    self.ports[name] = int(address.rpartition(":")[2])
                self._reading = asyncio.ensure_future(self._read_on())
                return True
        return False

    def workers(self) -> list[int]:
        """The process ids of its workers that run now, by age."""
        return workers_of(self.process.pid)

    async def until_said(self, words: str) -> str:
        """The first line of stderr, past or to come, that contains ``words``."""
        async with asyncio.timeout(START_S):
            while True:
                for line in self.errors:
                    if words in line:
                        return line
                await asyncio.sleep(0.01)

    async def _read_on(self) -> None:
        assert self.process.stderr is not None
        while line := (await self.process.stderr.readline()).decode():
            self.errors.append(line)

    async def stop(self, with_signal: int = signal.SIGTERM) -> int:
        """End it and answer its exit status."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(with_signal)
        status = await self.process.wait()
        if self._reading is not None:
            await self._reading
        return status


def workers_of(pid: int) -> list[int]:
    """The process ids of the workers that a process has now, by age."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if b"\0worker\0" in _command_line(child)]


def _command_line(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


async def start_quotad(config: Path, *arguments: str, command: str = "serve") -> Quotad:
    """Start ``quotad serve -c config``, or another such command, and wait until it is ready."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "quotad",
        command,
        "-c",
        str(config),
        *arguments,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    quotad = Quotad(process)
    try:
        await quotad.until_ready()
    except BaseException:
        if process.returncode is None:
            process.kill()
            await process.wait()
        raise
    return quotad


@contextlib.asynccontextmanager
async def running_quotad(config: Path, count: int = 1) -> AsyncIterator[list[Quotad]]:
    """``count`` processes of one configuration (its addresses must use port 0), ended at exit."""
    started: list[Quotad] = []
    try:
        for _ in range(count):
            started += [await start_quotad(config)]
        yield started
    finally:
        for quotad in started:
            await quotad.stop()
