"""Real quotad processes under test, and what each says of itself at its telemetry port."""

import asyncio
import contextlib
import os
import signal
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.support.processes import Quotad


class Sidecar:
    """One place in the run; its process may die and be started anew."""

    def __init__(self, number: int, config: Path, environment: Mapping[str, str]) -> None:
        """``environment`` comes on top of the runner's own."""
        self.number = number
        self._config = config
        self._environment = environment
        self._quotad: Quotad | None = None

    @property
    def port(self) -> int:
        """Where callers reach it; 0 while it does not run."""
        return self._quotad.ports["listen"] if self._quotad is not None else 0

    @property
    def pid(self) -> int:
        """Of the process that was started (with workers: their supervisor)."""
        return self._running.process.pid

    @property
    def said(self) -> list[str]:
        """Its lines on stderr."""
        return self._quotad.errors if self._quotad is not None else []

    @property
    def lives(self) -> bool:
        """Whether it runs."""
        return self._quotad is not None

    async def start(self) -> None:
        """Run it until it is ready."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "quotad", "serve", "-c", str(self._config)),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **self._environment},
        )
        quotad = Quotad(process)
        try:
            await quotad.until_ready()
        except BaseException:
            if process.returncode is None:
                process.kill()
                await process.wait()
            raise
        self._quotad = quotad

    async def kill(self) -> None:
        """SIGKILL."""
        await self._running.stop(signal.SIGKILL)
        self._quotad = None

    def pause(self) -> None:
        """SIGSTOP."""
        self._running.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._running.process.send_signal(signal.SIGCONT)

    async def stop(self) -> None:
        """SIGTERM; nothing when it does not run."""
        quotad, self._quotad = self._quotad, None
        if quotad is not None:
            await quotad.stop()

    def workers(self) -> list[int]:
        """The process ids of its children."""
        pid = self.pid
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(child) for child in text.split()]

    async def metrics(self) -> Counter[str]:
        """Its metrics now: a sample's name, and for some ``name{value of each label in turn}``."""
        text = await fetch(self._running.ports["telemetry"], "/metrics")
        sums: Counter[str] = Counter()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                sums[sample.name] += int(sample.value)
                for label, value in sample.labels.items():
                    sums[f"{sample.name}{{{label}={value}}}"] += int(sample.value)
        return sums

    @property
    def _running(self) -> Quotad:
        if self._quotad is None:
            raise RuntimeError(f"sidecar {self.number} does not run")
        return self._quotad


async def fetch(port: int, path: str) -> str:
    """The body of a GET on loopback."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        async with asyncio.timeout(10):
            answer = await reader.read()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"{path}: {head[:80]!r}")
    return body.decode()
