"""An open loop: requests sent when they are due, each latency counted from then, whoever was late.

A program of its own, small enough to share a core with what it measures: one thread, sockets and one timer
of the kernel's, which wakes it to some 50 us. ``python -m bench.load.open_loop`` is started by ``start``.
"""

import ctypes
import gc
import json
import math
import os
import select
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.callers import Caller
from bench.cases import OTHER_CORE
from bench.errors import BenchError
from bench.load import requests
from bench.processes import ROOT

WARM_S = 1
_PATIENCE_S = 10.0
"""For the last answers."""
_CLOCK_MONOTONIC, _TFD_ABSTIME = 1, 1


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be sent."""

    port: int
    callers: Sequence[Caller]
    rate: int
    """Requests per second."""
    seconds: int
    connections: int
    """Open from the beginning and used in turn; a request that finds all of them waiting is dropped."""
    warm_s: int = WARM_S


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What callers would have seen: from when a request was due to the last byte of its answer."""

    requests: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    most_ms: float
    late_p99_ms: float
    """How long after it was due a request was written, but for one in a hundred; part of the latencies."""
    failed: int
    """Requests that got no 2xx."""
    dropped: int
    """Requests that were due while every connection waited: with one the figures say nothing."""


class Sender:
    """One connection, one request on it at a time."""

    __slots__ = ("due_ns", "measured", "said", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), _PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.due_ns = 0
        self.measured = False
        self.said = b""

    def answer(self) -> bytes | None:
        """The whole answer, once it is there. Raises OSError when the connection ends."""
        data = self.socket.recv(65_536)
        if not data:
            raise ConnectionResetError
        self.said += data
        head, end, body = self.said.partition(b"\r\n\r\n")
        if not end or len(body) < length(head):
            return None
        said, self.said = self.said, b""
        return said


def length(head: bytes) -> int:
    """Of the body, as the head of an answer says it. Raises BenchError when it does not."""
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise BenchError("the answer has no Content-Length")


class Loop:
    """Sends at a rate, for that long, and keeps what it saw."""

    def __init__(self, port: int, sent: Sequence[bytes], connections: int) -> None:
        self.latencies_ns: list[int] = []
        self.late_ns: list[int] = []
        self.failed = self.dropped = 0
        self._sent = sent
        self._senders = [Sender(port) for _ in range(connections)]
        self._free = deque(self._senders)
        self._busy: dict[int, Sender] = {}
        self._epoll = select.epoll()
        for sender in self._senders:
            self._epoll.register(sender.socket, select.EPOLLIN)

    def run(self, rate: int, warm_s: int, seconds: int) -> None:
        """All of it; what is sent in the first ``warm_s`` is not measured."""
        interval_ns = 1_000_000_000 // rate
        begin_ns = time.monotonic_ns() + interval_ns
        timer = timer_at(begin_ns, interval_ns)
        self._epoll.register(timer, select.EPOLLIN)
        number, warm, total = 0, rate * warm_s, rate * (warm_s + seconds)
        end_ns = begin_ns + total * interval_ns + int(_PATIENCE_S * 1e9)
        while (number < total or self._busy) and time.monotonic_ns() < end_ns:
            for file, _ in self._epoll.poll(1.0):
                if file != timer:
                    self._receive(file)
                    continue
                for _ in range(int.from_bytes(os.read(timer, 8), sys.byteorder)):
                    if number < total:
                        self._send(number, begin_ns + number * interval_ns, number >= warm)
                        number += 1
        os.close(timer)
        self.failed += len(self._busy)

    def _send(self, number: int, due_ns: int, measured: bool) -> None:
        if not self._free:
            self.dropped += measured
            return
        sender = self._free.popleft()
        sender.due_ns, sender.measured = due_ns, measured
        sender.socket.send(self._sent[number % len(self._sent)])
        self._busy[sender.socket.fileno()] = sender
        if measured:
            self.late_ns.append(time.monotonic_ns() - due_ns)

    def _receive(self, file: int) -> None:
        sender = self._busy.get(file)
        if sender is None:
            raise BenchError("a connection ended, or was told something, while nothing was asked on it")
        answer = sender.answer()
        if answer is None:
            return
        if sender.measured:
            self.latencies_ns.append(time.monotonic_ns() - sender.due_ns)
        self.failed += not answer.startswith(b"HTTP/1.1 2")
        del self._busy[file]
        self._free.append(sender)

    def close(self) -> None:
        """Hang up."""
        self._epoll.close()
        for sender in self._senders:
            sender.socket.close()

    def found(self) -> Arrivals:
        """In milliseconds."""
        took, late = sorted(self.latencies_ns), sorted(self.late_ns)
        return Arrivals(
            requests=len(took),
            p50_ms=share_ms(took, 0.5),
            p90_ms=share_ms(took, 0.9),
            p99_ms=share_ms(took, 0.99),
            most_ms=share_ms(took, 1),
            late_p99_ms=share_ms(late, 0.99),
            failed=self.failed,
            dropped=self.dropped,
        )


def share_ms(ordered_ns: Sequence[int], share: float) -> float:
    """What this share of the figures does not exceed, in milliseconds; 0 without any."""
    return ordered_ns[math.ceil(share * len(ordered_ns)) - 1] / 1e6 if ordered_ns else 0.0


def timer_at(begin_ns: int, interval_ns: int) -> int:
    """A descriptor that is readable from then on at each interval; read, it says how many have passed.

    timerfd_create(2): asyncio's and uvloop's timers, and epoll's, come to a millisecond only.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    timer = libc.timerfd_create(_CLOCK_MONOTONIC, 0)
    numbers = (*divmod(interval_ns, 1_000_000_000), *divmod(begin_ns, 1_000_000_000))
    if timer < 0 or libc.timerfd_settime(timer, _TFD_ABSTIME, (ctypes.c_long * 4)(*numbers), None):
        raise OSError(ctypes.get_errno(), "no timer")
    return int(timer)


def start(order: Order, folder: Path) -> "subprocess.Popen[str]":
    """Begin; it says ``begun`` in a line when the first request is due. ``result`` waits for its end."""
    file = requests.write(folder / "arrivals.requests", map(requests.request, order.callers))
    told = [order.port, file, order.rate, order.warm_s, order.seconds, order.connections]
    return subprocess.Popen(
        ["taskset", "-c", str(OTHER_CORE), sys.executable, "-m", __spec__.name, *map(str, told)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def wait_begun(running: "subprocess.Popen[str]") -> None:
    """Return when the first request is due: from then on the server may stop."""
    if running.stdout is not None:
        running.stdout.readline()


def result(running: "subprocess.Popen[str]") -> Arrivals:
    """What it found. Raises BenchError when it failed."""
    out, errors = running.communicate(timeout=120)
    found = out.rpartition("result ")[2]
    if running.returncode or not found:
        raise BenchError(f"the load tool failed: {out[-2000:]}{errors[-2000:]}")
    return Arrivals(**json.loads(found))


def run(order: Order, folder: Path) -> Arrivals:
    """Begin, and wait for the end."""
    return result(start(order, folder))


def main(port: str, file: str, *numbers: str) -> None:
    """What ``start`` starts: rate, seconds to warm up, seconds to measure, connections."""
    rate, warm_s, seconds, connections = map(int, numbers)
    loop = Loop(int(port), Path(file).read_bytes().split(b"\0")[:-1], connections)
    # A collection is no latency of a proxy, and nothing here makes cycles.
    gc.disable()
    print("begun", flush=True)
    loop.run(rate, warm_s, seconds)
    loop.close()
    print("result", json.dumps(asdict(loop.found())))


if __name__ == "__main__":
    main(*sys.argv[1:])
