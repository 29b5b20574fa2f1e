"""A private server for those who have none: ``store: {embedded: {dir: ...}}``.

A real Valkey or Redis on a unix socket, its append-only file in the folder. ``keeper`` ends it when
quotad ends, however quotad ends; the next start reads everything back. The server, its keeper and
quotad hold one lock on the folder, so that nobody starts on data that a server still writes.

The server itself killed (or the machine): at most the last second is lost (``appendfsync everysec``;
a killed server alone loses nothing that it had handed to the kernel).
"""

import asyncio
import contextlib
import fcntl
import hashlib
import logging
import os
import stat
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from quotad.errors import EmbeddedStoreError
from quotad.store import keeper, programs

LOCK_WAIT_S = 10.0
"""How long a start waits for the server of a killed quotad to end."""

_LOCK = "quotad.lock"
_SOCKET = "store.sock"
_LOG = "server.log"
_PROGRAM = "program"
# sun_path holds 104 bytes on macOS and 108 on Linux, the closing NUL included.
_SOCKET_BYTES = 100
_LOG_BYTES = 1024 * 1024
_LOG_TAIL_BYTES = 1500
_START_S = 15.0
_LOADING_S = 600.0
_POLL_S = 0.02
_LONGEST_PAUSE_S = 5.0

log = logging.getLogger(__name__)


class EmbeddedServer:
    """A server of this machine's own in ``directory``: its limits hold for this machine only.

    One owner at a time. A server that dies is started again. Raises EmbeddedStoreError, whose text
    names the reason and the remedy.
    """

    def __init__(self, directory: Path, lock_wait_s: float = LOCK_WAIT_S) -> None:
        self.directory = directory.resolve()
        self.notice = f"the store in {self.directory} counts for this machine only"
        """What a user should be told at start."""
        self._lock_wait_s = lock_wait_s
        self.socket = socket_path(self.directory)
        """Where the server listens."""
        self._lock: int | None = None
        self._lifeline: int | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._restarting: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """What ``store.url`` would say."""
        return f"unix://{quote(str(self.socket))}"

    async def start(self) -> str:
        """Run the server; its URL when it has read its data and answers."""
        _make_private(self.directory)
        _make_private(self.socket.parent)
        await self._launch()
        self._restarting = asyncio.get_running_loop().create_task(self._keep_running())
        return self.url

    async def stop(self) -> None:
        """End the server and wait for it; its data is on the disk then."""
        if self._restarting is not None:
            self._restarting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._restarting
            self._restarting = None
        await self._end()
        if self.socket.parent != self.directory:
            with contextlib.suppress(OSError):
                self.socket.parent.rmdir()

    async def _launch(self) -> None:
        try:
            self._lock = await _lock(self.directory / _LOCK, self._lock_wait_s)
            program = await asyncio.to_thread(programs.find, self._remembered())
            (self.directory / _PROGRAM).write_text(str(program))
            await self._spawn(program)
            await self._answering()
        except OSError as error:
            await self._end()
            raise EmbeddedStoreError(
                f"the embedded store in {self.directory} cannot be started: {error}"
            ) from error
        except BaseException:
            await self._end()
            raise

    def _remembered(self) -> Path | None:
        with contextlib.suppress(OSError):
            return Path((self.directory / _PROGRAM).read_text().strip())
        return None

    async def _spawn(self, program: Path) -> None:
        reader, self._lifeline = os.pipe()
        lock = self._lock
        if lock is None:
            raise EmbeddedStoreError("the folder must be locked before its server is started")
        try:
            with _open_log(self.directory / _LOG) as output:
                self._process = await asyncio.create_subprocess_exec(
                    *[sys.executable, "-I", "-S", keeper.__file__, str(reader)],
                    *[str(program), *self._arguments()],
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd=self.directory,
                    pass_fds=(reader, lock),
                    # A Ctrl-C in the terminal is for quotad, which drains before the store ends.
                    start_new_session=True,
                )
        finally:
            os.close(reader)

    def _arguments(self) -> list[str]:
        # Relative names where possible: the server's own argument parser dislikes odd characters.
        inside = self.socket.parent == self.directory
        return [
            *["--port", "0", "--unixsocket", _SOCKET if inside else str(self.socket)],
            *["--unixsocketperm", "600", "--daemonize", "no", "--dir", ".", "--databases", "1"],
            *["--appendonly", "yes", "--appendfsync", "everysec", "--aof-load-truncated", "yes"],
            *["--auto-aof-rewrite-min-size", "16mb", "--save", ""],
            *["--maxmemory", "0", "--maxmemory-policy", "noeviction"],
        ]

    async def _answering(self) -> None:
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        answer = b""
        while not answer.startswith(b"+PONG"):
            if self._process is not None and self._process.returncode is not None:
                raise EmbeddedStoreError(f"the embedded store ended at its start; {self._log_tail()}")
            patience_s = _LOADING_S if answer.startswith(b"-LOADING") else _START_S
            if loop.time() - begun_s > patience_s:
                raise EmbeddedStoreError(f"the embedded store does not answer; {self._log_tail()}")
            await asyncio.sleep(_POLL_S)
            answer = await _ping(self.socket)

    def _log_tail(self) -> str:
        try:
            with (self.directory / _LOG).open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _LOG_TAIL_BYTES))
                tail = file.read().decode("utf-8", "replace").strip()
        except OSError:
            tail = ""
        return f"{self.directory / _LOG} ends with:\n{tail}"

    async def _keep_running(self) -> None:
        pause_s = 0.0
        while True:
            if self._process is not None:
                code = await self._process.wait()
                log.error("the embedded store ended (%s); it is started again", code)
                await self._end()
            await asyncio.sleep(pause_s)
            pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s + _POLL_S)
            try:
                await self._launch()
            except EmbeddedStoreError as error:
                log.error("the embedded store cannot be started again: %s", error)  # noqa: TRY400

    async def _end(self) -> None:
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        process, self._process = self._process, None
        if process is not None:
            try:
                async with asyncio.timeout(keeper.GRACE_S + _START_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def socket_path(directory: Path) -> Path:
    """Where the server of a folder listens: in it, or in a private short folder if its path is too long."""
    inside = directory / _SOCKET
    if len(os.fsencode(inside)) <= _SOCKET_BYTES:
        return inside
    digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    short = f"quotad-{os.getuid()}-{digest}"
    for base in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):  # noqa: S108 - owner is checked
        if base and len(os.fsencode(Path(base) / short / _SOCKET)) <= _SOCKET_BYTES:
            return Path(base) / short / _SOCKET
    raise EmbeddedStoreError(f"{directory} is too long a path for a socket, and so is every temporary folder")


def _make_private(directory: Path) -> None:
    """A folder that is ours alone. One with foreign files is refused: its mode is not ours to change."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise EmbeddedStoreError(f"{directory} is not a folder of this user's own")
        if stat.S_IMODE(found.st_mode) & 0o077:
            if not (directory / _LOCK).exists() and any(directory.iterdir()):
                raise EmbeddedStoreError(
                    f"{directory} is open to others and holds other files; name a new or empty folder"
                )
            directory.chmod(0o700)
    except OSError as error:
        raise EmbeddedStoreError(f"{directory} cannot be made a private folder: {error.strerror}") from error


async def _lock(path: Path, wait_s: float) -> int:
    """Take the lock, or wait for its holder to end. The descriptor holds it, in children too."""
    loop = asyncio.get_running_loop()
    give_up_s = loop.time() + wait_s
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if loop.time() >= give_up_s:
                    owner = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
                    raise EmbeddedStoreError(
                        f"{path.parent} is in use by another quotad (process {owner or 'unknown'}), "
                        "or its server is still ending; one embedded store has one owner"
                    ) from None
                await asyncio.sleep(_POLL_S)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _open_log(path: Path) -> BinaryIO:
    """The server's output goes on where it ended, until it is too long to keep."""
    full = path.exists() and path.stat().st_size > _LOG_BYTES
    return path.open("wb" if full else "ab")


async def _ping(path: Path) -> bytes:
    """The first line of the answer to PING; empty when nobody answers."""
    try:
        async with asyncio.timeout(_START_S):
            reader, writer = await asyncio.open_unix_connection(str(path))
            try:
                writer.write(b"PING\r\n")
                return await reader.readline()
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except OSError:
        return b""
