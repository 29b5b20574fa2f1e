"""``quotad serve`` as a child process."""

import asyncio
import contextlib
import sys
from pathlib import Path

from quotad.errors import QuotadError

START_S = 30.0
STOP_S = 40.0
"""More than ``listen.drain_s`` of the demo's configuration."""
_TAIL_LINES = 12


class ServeProcess:
    """One running ``quotad serve``. ``addresses``: what it listens on by name (listen, telemetry, admin)."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.addresses: dict[str, str] = {}
        self._process = process
        self._log = log
        self._tail: list[str] = []
        self._reading: asyncio.Task[None] | None = None

    async def until_ready(self) -> None:
        """Wait until it says that it is ready. Raises QuotadError with its last words when it does not."""
        ready = asyncio.Event()
        self._reading = asyncio.get_running_loop().create_task(self._read(ready))
        said = asyncio.ensure_future(ready.wait())
        try:
            await asyncio.wait((said, self._reading), timeout=START_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            said.cancel()
        if not self.addresses:
            words = "".join(self._tail) or "it said nothing"
            raise QuotadError(f"quotad serve did not get ready (see {self._log}):\n{words.rstrip()}")

    async def wait(self) -> int:
        """Its exit status, once it has ended."""
        return await self._process.wait()

    async def stop(self) -> int:
        """End it, by force if it takes too long; answers its exit status."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                status = await self._process.wait()
        except TimeoutError:
            self._process.kill()
            status = await self._process.wait()
        if self._reading is not None:
            await self._reading
        return status

    async def _read(self, ready: asyncio.Event) -> None:
        stream = self._process.stderr
        if stream is None:
            return
        with self._log.open("a", encoding="utf-8") as log:
            while line := (await stream.readline()).decode(errors="replace"):
                log.write(line)
                log.flush()
                self._tail = [*self._tail[1 - _TAIL_LINES :], line]
                _, mark, rest = line.partition("ready: ")
                if mark and not self.addresses:
                    self.addresses = dict(pair.split("=", 1) for pair in rest.split() if "=" in pair)
                    ready.set()


async def start_serve(config: Path, log: Path) -> ServeProcess:
    """Start ``quotad serve -c config`` and wait until it is ready. Raises QuotadError."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "quotad",
        "serve",
        "-c",
        str(config),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        # Ctrl-C in the terminal reaches only us: we stop it in order.
        start_new_session=True,
    )
    serve = ServeProcess(process, log)
    try:
        await serve.until_ready()
    except BaseException:
        await serve.stop()
        raise
    return serve
