"""What a script call costs a real server: ``python -m bench.simulation.cost`` prints it as tables.

CPU is what the server's process used by its own account (``INFO``: used_cpu_user and used_cpu_sys), so
reading, writing and waking up are in it. Of several rounds the least is shown (others use the machine too),
and the median beside it. One connection; ``alone`` means that each call is answered before
the next is sent, as from many sidecars that each have little to say, and ``32 in flight`` that the server
finds many at once.
"""

import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import hiredis
import redis

from bench import machine, tools
from bench.plan import UNREACHED
from bench.report import table
from bench.store import store
from quotad.core.plans import LeaseRule, Subject
from quotad.core.quota import Call, DayNumbers, Terms
from quotad.engine.terms import TermsBook
from quotad.store import scripts
from quotad.store.codec import unpack_answer
from quotad.store.payload import PayloadBuilder

ROUNDS = 25
CALLS = 200
HOLD_US = 60_000_000
PLAN = replace(UNREACHED, lease=LeaseRule(500, 1_000))


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of script call."""

    title: str
    subjects: int
    """In one call."""
    cost: int = 1
    """Requests of each Subject that ride together."""
    ahead: int = 0
    entries: int = 1
    """Sidecars that every Subject knows."""
    in_flight: int = 1


SHAPES = (
    Shape("1 Subject", 1),
    Shape("1 Subject", 1, in_flight=32),
    Shape("16 Subjects", 16),
    Shape("64 Subjects", 64),
    Shape("1 Subject, 32 requests together", 1, cost=32),
    Shape("1 Subject, a lease of 100", 1, cost=0, ahead=100),
    Shape("1 Subject with 500 Entries, a lease of 100", 1, cost=0, ahead=100, entries=500),
    Shape("1 Subject with 500 Entries, a lease of 100", 1, cost=0, ahead=100, entries=500, in_flight=32),
    Shape("64 Subjects with 500 Entries, leases of 100", 64, cost=0, ahead=100, entries=500),
)


class Caller:
    """Speaks to the server as sidecars do, as whichever sidecar it is told to be."""

    def __init__(self, path: Path, now_us: int) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._reader = hiredis.Reader()
        self._sha = scripts.load("reserve").sha
        self._number = 0
        self._builders: dict[int, PayloadBuilder] = {}
        self._generations: dict[tuple[int, Subject], int] = {}
        self.terms: Terms = TermsBook(HOLD_US).terms(PLAN, now_us)

    def payload(self, sidecar: int, subjects: Sequence[Subject], cost: int, ahead: int) -> bytes:
        """One script call."""
        builder = self._builders.get(sidecar)
        if builder is None:
            identity = sidecar.to_bytes(8, "big")
            builder = self._builders[sidecar] = PayloadBuilder("quotad", identity, HOLD_US)
        calls = []
        for subject in subjects:
            self._number += 1
            none = DayNumbers(self.terms.windows.day_end_us)
            generation = self._generations.get((sidecar, subject), 0)
            calls.append(
                Call(subject, self.terms, cost, generation, self._number, none, DayNumbers(), ahead=ahead)
            )
        return builder.decide(self._sha, calls, [builder.keys(subject) for subject in subjects])

    def enter(self, sidecar: int, subjects: Sequence[Subject], ahead: int) -> None:
        """A sidecar's first call, whose answer names its Entries."""
        self._socket.sendall(self.payload(sidecar, subjects, 1, ahead))
        for subject, reply in zip(subjects, self._receive(), strict=True):
            self._generations[sidecar, subject] = unpack_answer(reply).generation

    def send(self, payloads: Sequence[bytes], in_flight: int) -> None:
        """All of them, so many at a time."""
        for start in range(0, len(payloads), in_flight):
            some = payloads[start : start + in_flight]
            self._socket.sendall(b"".join(some))
            for _ in some:
                self._receive()

    def _receive(self) -> list[bytes]:
        while True:
            reply: Any = self._reader.gets()
            if reply is not False:
                break
            self._reader.feed(self._socket.recv(1 << 18))
        if not isinstance(reply, list) or not all(isinstance(item, bytes) for item in reply):
            raise TypeError(reply)
        return reply


def _subject(number: int) -> Subject:
    return Subject(PLAN, f"service-{number:08}", "release")


def _cpu_s(client: "redis.Redis") -> float:
    info: Any = client.info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


def _script_us(client: "redis.Redis") -> tuple[int, int]:
    stats: Any = client.info("commandstats")
    found = stats.get("cmdstat_evalsha", {})
    return int(found.get("usec", 0)), int(found.get("calls", 0))


class Measured:
    """What one shape's calls cost, round by round."""

    def __init__(self, caller: Caller, shape: Shape, place: int) -> None:
        self.shape = shape
        self.cpu_us: list[float] = []
        self.script_us: list[float] = []
        self._caller = caller
        # Each shape has Subjects of its own.
        self._subjects = [_subject(1000 * place + number) for number in range(shape.subjects)]
        self._turn = 0
        for sidecar in range(shape.entries):
            caller.enter(sidecar, self._subjects, shape.ahead)

    def payload(self) -> bytes:
        """The next call; sidecars take turns."""
        self._turn += 1
        shape = self.shape
        return self._caller.payload(self._turn % shape.entries, self._subjects, shape.cost, shape.ahead)

    def round(self, client: "redis.Redis") -> None:
        """Send some, and see what the server used."""
        payloads = [self.payload() for _ in range(max(CALLS // self.shape.subjects, 20))]
        before_s, before = _cpu_s(client), _script_us(client)
        self._caller.send(payloads, self.shape.in_flight)
        after_s, after = _cpu_s(client), _script_us(client)
        self.cpu_us.append((after_s - before_s) * 1e6 / len(payloads))
        self.script_us.append((after[0] - before[0]) / (after[1] - before[1]))

    def row(self) -> tuple[str, ...]:
        """As a table shows it."""
        shape, least_us = self.shape, min(self.cpu_us)
        return (
            shape.title,
            "alone" if shape.in_flight == 1 else f"{shape.in_flight} in flight",
            f"{least_us:.1f}",
            f"{statistics.median(self.cpu_us):.1f}",
            f"{min(self.script_us):.1f}",
            f"{least_us / shape.subjects:.1f}",
            f"{len(self.payload()):,}",
        )


def memory(caller: Caller, client: "redis.Redis", entries: int, *, leased: bool) -> int:
    """Bytes of one Subject's keys."""
    client.flushall()
    for sidecar in range(entries):
        caller.send([caller.payload(sidecar, [_subject(1)], 1, 10 if leased else 0)], 1)
    return sum(int(client.memory_usage(key, samples=0) or 0) for key in client.scan_iter())


def scan(caller: Caller, client: "redis.Redis", entries: int, *, ended: bool) -> float:
    """Milliseconds of the one call that looks through all Entries; ``ended``: all Leases are over by then."""
    client.flushall()
    begun_s = time.monotonic()
    for sidecar in range(entries):
        caller.send([caller.payload(sidecar, [_subject(1)], 1, 10)], 1)
    if not ended:
        time.sleep(max(0.0, 0.7 - (time.monotonic() - begun_s)))
        for sidecar in range(entries):
            caller.send([caller.payload(sidecar, [_subject(1)], 1, 0)], 1)
    time.sleep(max(0.0, begun_s + (2.5 if ended else 1.05) - time.monotonic()))
    before, _ = _script_us(client)
    caller.send([caller.payload(entries + 1, [_subject(1)], 1, 0)], 1)
    after, _ = _script_us(client)
    return (after - before) / 1000


def main() -> int:
    """Print all of it."""
    print(f"{machine.today()}. {machine.description()}. {tools.redis_version()}.\n")
    with tempfile.TemporaryDirectory() as folder, store(Path(folder)) as server:
        for script in scripts.load_all().values():
            server.client.script_load(script.text)
        server_s: Any = server.client.time()
        caller = Caller(server.socket, server_s[0] * 1_000_000)
        measured = [Measured(caller, shape, place) for place, shape in enumerate(SHAPES)]
        # In turn: a shared machine's speed drifts, and shapes are compared with each other.
        for _ in range(ROUNDS):
            for one in measured:
                one.round(server.client)
        rows = [one.row() for one in measured]
        names = ("script call", "", "CPU us/call", "median", "the script", "CPU us/Subject", "bytes sent")
        print(table(rows, names), "\n")
        sizes = [
            (
                str(count),
                *(f"{memory(caller, server.client, count, leased=kind):,}" for kind in (False, True)),
            )
            for count in (1, 50, 500)
        ]
        print(table(sizes, ("Entries", "bytes of a Subject", "with leases")), "\n")
        scans = [
            (name, *(f"{scan(caller, server.client, count, ended=kind):.2f}" for count in (50, 500)))
            for name, kind in (("Leases run", False), ("all have ended", True))
        ]
        print(table(scans, ("ms of a look through all Entries", "50", "500")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
