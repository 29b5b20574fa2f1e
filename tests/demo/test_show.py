import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from quotad.demo.show import PORT

START_S = 600.0


class Demo:
    """A ``quotad demo`` that runs; what it printed so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.printed: list[str] = []

    async def until(self, words: str) -> None:
        """Read until a line contains the words."""
        assert self.process.stdout is not None
        async with asyncio.timeout(START_S):
            while line := (await self.process.stdout.readline()).decode():
                self.printed.append(line)
                if words in line:
                    return
        raise AssertionError("".join(self.printed))

    async def ended(self) -> int:
        """Its exit status, once it ended; everything it printed is in ``printed``."""
        assert self.process.stdout is not None
        async with asyncio.timeout(START_S):
            self.printed += (await self.process.stdout.read()).decode().splitlines(keepends=True)
            return await self.process.wait()


class Start(Protocol):
    """Runs ``quotad demo`` in a folder."""

    async def __call__(self, *arguments: str, cwd: Path) -> Demo: ...


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts demos; those that a failed test left running are ended."""
    processes: list[asyncio.subprocess.Process] = []

    async def start_one(*arguments: str, cwd: Path) -> Demo:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "quotad",
            "demo",
            *arguments,
            cwd=cwd,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "TMPDIR": str(cwd)},
        )
        processes.append(process)
        return Demo(process)

    yield start_one
    for process in processes:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def processes_in(folder: Path) -> list[str]:
    """Command lines of processes that name this folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found


@pytest.fixture
def port_taken() -> Iterator[None]:
    """Somebody listens on the demo's usual port (or already did)."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", PORT))
            listener.listen()
        except OSError:
            pass
        yield


async def test_check_passes_and_leaves_nothing(start: Start, tmp_path: Path) -> None:
    """The whole demo proves itself: every line and count is right, nothing stays behind, twice in a row."""
    for _ in range(2):
        demo = await start("--check", cwd=tmp_path)
        status = await demo.ended()
        text = "".join(demo.printed)
        assert status == 0, text
        assert "FAIL" not in text
        assert text.count("ok    ") >= 20
        assert "all checks passed" in text
        assert list(tmp_path.iterdir()) == []
        assert processes_in(tmp_path) == []


@pytest.mark.usefixtures("port_taken")
async def test_runs_until_interrupted(start: Start, tmp_path: Path) -> None:
    """With its port taken it takes another, prints lines to try and what is in use, and ends on Ctrl-C."""
    demo = await start("--dir", "my demo", cwd=tmp_path)
    await demo.until("of 20 today")
    text = "".join(demo.printed)
    assert f"Port {PORT} is taken" in text
    assert " sign --id" in text
    assert "trial 0 of 20 today   business 0 of 100,000 this month" in text
    demo.process.send_signal(signal.SIGINT)
    assert await demo.ended() == 0
    assert processes_in(tmp_path) == []
    assert (tmp_path / "my demo" / "quotad.yaml").exists()


@pytest.mark.usefixtures("port_taken")
async def test_a_port_asked_for_and_taken_is_an_error(start: Start, tmp_path: Path) -> None:
    """Who asks for a port gets that one, or an error that names it."""
    demo = await start("--port", str(PORT), cwd=tmp_path)
    assert await demo.ended() == 1
    assert str(PORT) in "".join(demo.printed)
    assert processes_in(tmp_path) == []


async def test_a_check_can_be_interrupted(start: Start, tmp_path: Path) -> None:
    """Ctrl-C during the check ends everything, with exit status 1."""
    demo = await start("--check", cwd=tmp_path)
    await demo.until("ok  ")
    demo.process.send_signal(signal.SIGINT)
    assert await demo.ended() == 1
    assert processes_in(tmp_path) == []
