import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from quotad import clock
from quotad.core.outcome import Outcome
from quotad.errors import QuotadError
from quotad.telemetry import access_log
from quotad.telemetry.access_log import AccessLog
from quotad.telemetry.log_line import LineMaker
from tests.support.samples import outcome
from tests.support.waiting import until


def make(target: Path | str) -> AccessLog[Outcome]:
    """A started log."""
    log = AccessLog(str(target), LineMaker(clock.wall_s, clock.monotonic_s))
    log.start()
    return log


def record(log: AccessLog[Outcome], count: int, prefix: str = "") -> None:
    """Requests with numbered ids."""
    for number in range(count):
        ended = outcome()
        ended.request_id = f"{prefix}{number}"
        log.record(ended)


def ids(path: Path) -> list[str]:
    """The ids in a file."""
    return [json.loads(line)["requestId"] for line in path.read_text().splitlines()]


async def test_every_request_in_order(tmp_path: Path) -> None:
    """After close the file holds one line per request, in order, and none was dropped."""
    path = tmp_path / "access.log"
    log = make(path)
    record(log, 1000)
    await log.close()
    assert ids(path) == [str(number) for number in range(1000)]
    assert (log.dropped, log.error) == (0, "")


async def test_lines_come_by_themselves(tmp_path: Path) -> None:
    """Without any further request the lines are written soon."""
    path = tmp_path / "access.log"
    log = make(path)
    record(log, 300)
    await until(lambda: path.read_text().count("\n") == 300)
    await log.close()


async def test_reopen_follows_rotation(tmp_path: Path) -> None:
    """After a rename and reopen, new lines go to a new file and old ones stay in the old."""
    path, rotated = tmp_path / "access.log", tmp_path / "access.log.1"
    log = make(path)
    record(log, 3, "old")
    await until(lambda: path.read_text().count("\n") == 3)
    path.rename(rotated)
    log.reopen()
    record(log, 2, "new")
    await log.close()
    assert ids(rotated) == ["old0", "old1", "old2"]
    assert ids(path) == ["new0", "new1"]


async def test_a_failed_reopen_keeps_the_old_file(tmp_path: Path) -> None:
    """When the file cannot be opened again, lines go on to the old one and the error is kept."""
    folder = tmp_path / "logs"
    folder.mkdir()
    path = folder / "access.log"
    log = make(path)
    folder.rename(tmp_path / "moved")
    log.reopen()
    record(log, 2)
    await log.close()
    assert ids(tmp_path / "moved" / "access.log") == ["0", "1"]
    assert "No such file" in log.error


async def test_a_stalled_reader_costs_lines_not_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When nobody reads the pipe, queues stay within their bounds and what does not fit is counted."""
    monkeypatch.setattr(access_log, "QUEUE_LINES", 500)
    monkeypatch.setattr(access_log, "UNWRITTEN_CHUNKS", 2)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    log = make(fifo)
    record(log, 20_000)
    assert log.dropped >= 19_500
    assert len(log._waiting) <= 500
    await log.close(timeout_s=0.05)
    os.close(reader)


async def test_a_failing_write_is_counted() -> None:
    """A full disk loses lines, counts them and says why; nothing is raised."""
    log = make("/dev/full")
    record(log, 10)
    await log.close()
    assert log.dropped == 10
    assert log.error == "No space left on device"


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """The error at start names the file and the reason."""
    with pytest.raises(QuotadError, match=r"access log .*nowhere/access.log: No such file"):
        AccessLog(str(tmp_path / "nowhere" / "access.log"), LineMaker(clock.wall_s, clock.monotonic_s))


async def test_a_non_blocking_pipe_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When somebody made standard output non-blocking, the writer waits for room instead of failing."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    monkeypatch.setattr(access_log, "_STDOUT", writer)
    log = make("-")
    record(log, 2000)
    closing = asyncio.ensure_future(log.close(timeout_s=30))
    loop = asyncio.get_running_loop()
    lines = 0
    while lines < 2000:
        lines += (await loop.run_in_executor(None, os.read, reader, 65536)).count(b"\n")
    await closing
    assert log.dropped == 0
    os.close(reader)
    os.close(writer)


WRITING = """
import asyncio, sys
from quotad import clock
from quotad.telemetry.access_log import AccessLog
from quotad.telemetry.log_line import LineMaker
from tests.support.samples import outcome

async def write():
    lock = int(sys.argv[1])
    log = AccessLog("-", LineMaker(clock.wall_s, clock.monotonic_s), lock if lock else None)
    log.start()
    for number in range(3000):
        ended = outcome()
        ended.request_id = f"{sys.argv[2]}-{number}"
        ended.target = "/" + sys.argv[2] * 500
        log.record(ended)
    print("made", file=sys.stderr, flush=True)
    await log.close(60.0)

asyncio.run(write())
"""


async def test_processes_on_one_pipe_do_not_mix_their_lines(tmp_path: Path) -> None:
    """What takes more than a pipe takes at once is still whole lines: each process waits for its turn."""
    reader, writer = os.pipe()
    with (tmp_path / "lock").open("w+b") as lock, os.fdopen(reader, "rb") as received:
        writing = [
            await asyncio.create_subprocess_exec(
                *[sys.executable, "-c", WRITING, str(lock.fileno()), name],
                stdout=writer,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(lock.fileno(),),
            )
            for name in "abc"
        ]
        os.close(writer)
        # Nobody reads before all of them have more to write than a pipe holds.
        for each in writing:
            assert each.stderr is not None
            assert await each.stderr.readline() == b"made\n"
        lines = await asyncio.to_thread(received.readlines)
        assert [await each.wait() for each in writing] == [0, 0, 0]
    names = [json.loads(line)["requestId"] for line in lines]
    assert sorted(names) == sorted(f"{name}-{number}" for name in "abc" for number in range(3000))


async def test_one_in_so_many(tmp_path: Path) -> None:
    """Of what was answered below 400 every third has a line; refusals, errors and hang-ups all have one."""
    log = make(tmp_path / "access.log")
    log.one_in = 3
    for number, status in enumerate((200, 429, 301, 200, 503, 200, 0, 200, 204)):
        ended = outcome()
        ended.request_id, ended.status = str(number), status
        log.record(ended)
    log.one_in = 1
    record(log, 1, "then")
    await log.close()
    assert ids(tmp_path / "access.log") == ["1", "3", "4", "6", "8", "then0"]
