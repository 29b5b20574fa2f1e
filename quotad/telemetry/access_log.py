"""The access log: one JSON line per request, off the hot path.

A request costs one append. The event loop makes lines in small turns between requests, and a thread
writes them: only the write may block, so a full disk or a stalled pipe delays nobody. (Making the lines
in the thread would be worse: while it holds the interpreter lock, requests wait up to 5 ms for it.)
Both queues are bounded; what does not fit is dropped and counted.
"""

import asyncio
import contextlib
import fcntl
import os
import queue
import select
import threading
from collections import deque
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from quotad.errors import QuotadError

FLUSH_S = 0.1
"""How long a line may wait to be made."""
QUEUE_LINES = 16_384
"""Half a second of a busy process; about 10 MB when the writer stalls."""
TURN_LINES = 128
"""Lines made in one turn of the event loop: about half a millisecond."""
UNWRITTEN_CHUNKS = 256

_STDOUT = 1
_RETRY_S = 0.01
_FILE_MODE = 0o640


_stdout_turn = threading.Lock()
"""The callers' and the admin port's log may both go to standard output, and a pipe mixes what is long."""


class HasStatus(Protocol):
    """A request that has ended."""

    @property
    def status(self) -> int:
        """That was answered; 0: none was."""


_Ended = TypeVar("_Ended", bound=HasStatus)
_Said_contra = TypeVar("_Said_contra", contravariant=True)


class Lines(Protocol[_Said_contra]):
    """Makes lines of requests that have ended."""

    def begin(self) -> None:
        """Once per batch of lines."""

    def line(self, ended: _Said_contra, /) -> str:
        """One request's line, newline included, ASCII only."""


class AccessLog(Generic[_Ended]):
    """Writes requests to ``target``: ``-`` for standard output, else a file that is appended to."""

    def __init__(self, target: str, lines: Lines[_Ended], lock: int | None = None) -> None:
        """Open the target. Raises QuotadError when the file cannot be opened.

        ``lock``: a descriptor to lock while writing, where several processes write to one target: a pipe
        takes only 4 KB at once without mixing them.
        """
        self._writer = _Writer(target, lock)
        self._maker = lines
        self._waiting: deque[_Ended] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.Handle | None = None
        self._dropped = 0
        self.one_in = 1
        """Of so many requests that were answered below 400 one has a line; may change at any time."""
        self._passed = 0

    @property
    def dropped(self) -> int:
        """Lines that were lost because the writer was too slow or failed."""
        return self._dropped + self._writer.dropped

    def start(self) -> None:
        """Begin to write; to be called on the loop's thread."""
        self._loop = asyncio.get_running_loop()
        self._writer.start()

    def record(self, outcome: _Ended) -> None:
        """Take one ended request, which must not change any more."""
        if self.one_in > 1 and 0 < outcome.status < 400:
            self._passed += 1
            if self._passed % self.one_in:
                return
        if len(self._waiting) >= QUEUE_LINES:
            self._dropped += 1
            return
        self._waiting.append(outcome)
        if self._timer is None and self._loop is not None:
            self._timer = self._loop.call_later(FLUSH_S, self._turn, self._loop)

    def reopen(self) -> None:
        """Open the file again under its name (log rotation); a failure keeps the old one, see ``error``."""
        self._writer.reopen()

    @property
    def error(self) -> str:
        """Why the last write or reopen failed; empty when all is well."""
        return self._writer.error

    async def close(self, timeout_s: float = 2.0) -> None:
        """Write what is waiting, for at most ``timeout_s``, then stop."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._loop = None
        loop = asyncio.get_running_loop()
        give_up_s = loop.time() + timeout_s
        while self._waiting and loop.time() < give_up_s:
            made = self._make_chunk()
            await asyncio.sleep(0 if made else _RETRY_S)
        self._dropped += len(self._waiting)
        self._waiting.clear()
        await loop.run_in_executor(None, self._writer.stop, max(0.0, give_up_s - loop.time()))

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        made = self._make_chunk()
        self._timer = None
        if self._waiting and made:
            self._timer = loop.call_soon(self._turn, loop)
        elif self._waiting:  # the writer lags: give it time, the queue above is what may overflow
            self._timer = loop.call_later(FLUSH_S, self._turn, loop)

    def _make_chunk(self) -> bool:
        """Make up to ``TURN_LINES`` lines and hand them on; False when the writer takes no more."""
        if not self._writer.has_room():
            return False
        waiting = self._waiting
        count = min(TURN_LINES, len(waiting))
        make = self._maker.line
        self._maker.begin()
        self._writer.write("".join([make(waiting.popleft()) for _ in range(count)]).encode("ascii"), count)
        return True


class _Writer:
    """The thread that does nothing but write."""

    def __init__(self, target: str, lock: int | None) -> None:
        self._lock = lock
        self._path = None if target == "-" else Path(target)
        self._queue: queue.SimpleQueue[tuple[bytes, int] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
        self._fd = _STDOUT if self._path is None else _open(self._path)
        self._reopen = threading.Event()
        self.dropped = 0
        self.error = ""

    def start(self) -> None:
        self._thread.start()

    def has_room(self) -> bool:
        return self._queue.qsize() < UNWRITTEN_CHUNKS

    def write(self, chunk: bytes, lines: int) -> None:
        self._queue.put((chunk, lines))

    def reopen(self) -> None:
        self._reopen.set()
        self._queue.put((b"", 0))

    def stop(self, timeout_s: float) -> None:
        """Write what is queued, then end the thread; it is left behind when a write blocks for longer."""
        self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        if self._path is not None and not self._thread.is_alive():
            os.close(self._fd)

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            chunk, lines = item
            if self._reopen.is_set():
                self._reopen.clear()
                self._swap_file()
            try:
                self._write_locked(chunk)
            except OSError as error:
                self.dropped += lines
                self.error = error.strerror or str(error)

    def _write_locked(self, chunk: bytes) -> None:
        with _stdout_turn if self._path is None else contextlib.nullcontext():
            if self._lock is None:
                _write_all(self._fd, chunk)
                return
            # A record lock: it belongs to the process, and ends with it.
            fcntl.lockf(self._lock, fcntl.LOCK_EX)
            try:
                _write_all(self._fd, chunk)
            finally:
                fcntl.lockf(self._lock, fcntl.LOCK_UN)

    def _swap_file(self) -> None:
        if self._path is None:
            return
        try:
            fresh = _open(self._path)
        except QuotadError as error:
            self.error = str(error)
            return
        os.close(self._fd)
        self._fd = fresh
        self.error = ""


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
    except OSError as error:
        raise QuotadError(f"access log {path}: {error.strerror}") from error


def _write_all(fd: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:  # whoever shares this terminal or pipe made it non-blocking
            select.select((), (fd,), ())
