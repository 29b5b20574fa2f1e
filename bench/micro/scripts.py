"""What a decision costs the store: CPU of a real server for what the scripts are really sent.

    python -m bench.micro.scripts [--rounds 15] [--case 1] [--against CHECKOUT] [--instructions]

Each call is answered before the next is sent, over a unix socket, with nothing written to disk.
``--against`` takes the scripts of another checkout (arguments and replies must be alike) and measures both in
turn. ``--instructions`` runs the server under ``valgrind --tool=callgrind`` and counts what it executes:
slow, but the same on a busy machine. CPU is that of the server's threads by
``/proc/PID/task/TID/schedstat``: the least of all rounds, and the median.
"""

import argparse
import contextlib
import json
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import hiredis

from bench import tools
from bench.cases import OTHER_CORE
from bench.plan import UNREACHED
from bench.processes import running, wait_until_open
from bench.report import table
from quotad.core.plans import LeaseRule, Subject, UsagePlan
from quotad.core.quota import Answer, AnswerStatus, Call, DayNumbers, Terms, TopUp, Window
from quotad.engine.terms import TermsBook
from quotad.store import scripts
from quotad.store.codec import pack_adjustment, unpack_answer
from quotad.store.payload import PayloadBuilder
from quotad.store.resp import command

VERBS = ("reserve", "settle", "adjust")
CALLS = 300
"""Of one round."""
HOLD_US = 60_000_000
HELD = replace(UNREACHED, quota_condition=frozenset(("2xx",)))
USED_UP = replace(UNREACHED, day_quota_request=0)
SOFT = replace(UNREACHED, soft_quotas=frozenset(("day", "month", "total")))
UNLIMITED = UsagePlan("usagePlan-measured", "measured")
LEASED = replace(UNREACHED, lease=LeaseRule(500, 1_000))


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of script call."""

    title: str
    subjects: int
    """In one call."""
    plan: UsagePlan = UNREACHED
    cost: int = 1
    """Requests of each Subject that ride together."""
    ahead: int = 0
    settles: bool = False
    """Only tells what became of Holds: the other verb."""
    topped_up: bool = False
    """A top-up is in force: the long way (lua/README.md)."""

    @property
    def requests(self) -> int:
        """What one call decides, or settles."""
        return self.subjects * max(1, self.cost + self.ahead)


CASES = {
    "1": Case("1 Subject", 1),
    "4": Case("4 Subjects", 4),
    "16": Case("16 Subjects", 16),
    "32": Case("32 Subjects", 32),
    "64": Case("64 Subjects", 64),
    "together": Case("4 Subjects, 32 requests of each", 4, cost=32),
    "unlimited": Case("4 Subjects, no limit", 4, UNLIMITED),
    "held": Case("4 Subjects, Holds, settled by the next call", 4, HELD),
    "settle": Case("4 Subjects, Holds settled apart", 4, HELD, settles=True),
    "denied": Case("4 Subjects, quota used up", 4, USED_UP),
    "soft": Case("4 Subjects, soft quotas (shadow)", 4, SOFT),
    "topped": Case("4 Subjects, a top-up in force (the long way)", 4, topped_up=True),
    "leased": Case("1 Subject, a lease of 100", 1, LEASED, cost=0, ahead=100),
}


@dataclass(slots=True)
class Known:
    """What a Sidecar knows of one Subject."""

    subject: Subject
    number: int = 0
    answer: Answer | None = None
    closed: int = 0


class Server:
    """A server, and one connection to it."""

    def __init__(self, name: str, pid: int, path: Path) -> None:
        self.name = name
        self.pid = pid
        self.folder = path.parent
        self.shas: dict[str, bytes] = {}
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._reader = hiredis.Reader()

    def load(self, texts: dict[str, str]) -> None:
        """Load each verb's script."""
        for verb, text in texts.items():
            self.shas[verb] = self.ask(command("SCRIPT", "LOAD", text))

    def ask(self, payload: bytes) -> Any:
        """The reply to one command. Raises hiredis.ReplyError."""
        self._socket.sendall(payload)
        while (reply := self._reader.gets()) is False:
            self._reader.feed(self._socket.recv(1 << 18))
        if isinstance(reply, hiredis.ReplyError):
            raise reply
        return reply

    def close(self) -> None:
        """Let go of the connection."""
        self._socket.close()

    def cpu_us(self) -> float:
        """What its threads have used so far."""
        found = 0
        for thread in Path(f"/proc/{self.pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found += int((thread / "schedstat").read_text().split()[0])
        return found / 1e3


class Sidecar:
    """Sends one case's calls as the engine would, each with what became of the last."""

    def __init__(self, server: Server, case: Case, place: int) -> None:
        self.server = server
        self.case = case
        self.cpu_us: list[float] = []
        self._builder = PayloadBuilder("quotad", place.to_bytes(8, "big"), HOLD_US)
        self._terms: Terms = TermsBook(HOLD_US).terms(case.plan, time.time_ns() // 1000)
        self._known = [
            Known(Subject(case.plan, f"service-{place:04}{at:04}", "release")) for at in range(case.subjects)
        ]

    def call(self, verb: str, cost: int) -> None:
        """One script call. Raises ValueError where anything was not decided."""
        calls = [self._call(known, cost) for known in self._known]
        keys = [self._builder.keys(known.subject) for known in self._known]
        replies = self.server.ask(self._builder.decide(self.server.shas[verb], calls, keys))
        for known, reply in zip(self._known, replies, strict=True):
            known.answer = answer = unpack_answer(reply)
            if answer.status != AnswerStatus.DECIDED:
                raise ValueError(answer)

    def _call(self, known: Known, cost: int) -> Call:
        known.number += 1
        answer, ahead = known.answer, self.case.ahead
        if answer is None:
            first = Call(known.subject, self._terms, cost, 0, 1, DayNumbers(), DayNumbers())
            return first._replace(ahead=ahead)
        holds = answer.entry_granted - answer.entry_at_once
        known.closed = min(known.closed + max(1, cost), holds)
        return Call(
            known.subject,
            self._terms,
            cost,
            answer.generation,
            known.number,
            DayNumbers(answer.day_end_us, known.closed, 0),
            DayNumbers(answer.previous_day_end_us),
            known.number - 1,
            answer.version,
            ahead,
            answer.entry_ahead,
        )

    def prepare(self, calls: int) -> None:
        """What a round needs before it is measured."""
        if self.case.settles:
            self.call("reserve", calls)
        if self.case.topped_up:
            told = pack_adjustment(1, TopUp(1, Window.DAY, 1, 0))
            for known in self._known:
                sha = self.server.shas["adjust"]
                self.server.ask(self._builder.change(sha, known.subject, self._terms, told))

    def run(self, calls: int) -> None:
        """So many calls."""
        verb, cost = ("settle", 0) if self.case.settles else ("reserve", self.case.cost)
        for _ in range(calls):
            self.call(verb, cost)

    def measure(self, calls: int) -> None:
        """One round; its CPU per call is kept."""
        self.prepare(calls)
        before_us = self.server.cpu_us()
        self.run(calls)
        self.cpu_us.append((self.server.cpu_us() - before_us) / calls)

    def instructions(self, calls: int) -> float:
        """What the server executes per call, counted by callgrind."""
        self.call("reserve", self.case.cost)
        self.prepare(calls)
        pid = str(self.server.pid)
        _callgrind("--zero", pid)
        self.run(calls)
        _callgrind("--dump", pid)
        newest = max(self.server.folder.glob(f"callgrind.{self.server.name}.*"), key=_age)
        found = re.search(r"^(?:totals|summary): (\d+)", newest.read_text(), re.MULTILINE)
        assert found is not None
        return int(found[1]) / calls


def _age(path: Path) -> float:
    return path.stat().st_mtime_ns


def _callgrind(*words: str) -> None:
    subprocess.run(["callgrind_control", *words], check=True, capture_output=True)


def texts_of(checkout: Path | None) -> dict[str, str]:
    """The scripts that decide; those of another checkout as it assembles them itself."""
    if checkout is None:
        return {verb: scripts.load(verb).text for verb in VERBS}
    program = (
        "import json; from quotad.store import scripts;"
        f"print(json.dumps({{verb: scripts.load(verb).text for verb in {VERBS}}}))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=checkout, check=True, capture_output=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


@contextlib.contextmanager
def server(name: str, folder: Path, *, counted: bool) -> Iterator[Server]:
    """A private server for the length of the block."""
    path = folder / f"{name}.sock"
    options = ("--port", "0", "--unixsocket", str(path), "--save", "", "--appendonly", "no")
    words = [tools.redis_server(), *options, "--dir", str(folder)]
    if counted:
        out = f"--callgrind-out-file={folder}/callgrind.{name}.%p"
        words = [
            tools.program("valgrind", "Debian's valgrind"),
            "--tool=callgrind",
            out,
            *words,
        ]
    with running(name, words, OTHER_CORE, folder) as process:
        wait_until_open(process, path)
        found = Server(name, process.popen.pid, path)
        yield found
        found.close()


def measure(options: argparse.Namespace) -> list[list[str]]:
    """Each case on each server, in turn."""
    names = options.case or list(CASES)
    sources = {"these": None, **({"others": options.against} if options.against else {})}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = []
        for name, checkout in sources.items():
            servers.append(stack.enter_context(server(name, folder, counted=options.instructions)))
            servers[-1].load(texts_of(checkout))
        sidecars = {
            name: [Sidecar(each, CASES[name], place) for each in servers] for place, name in enumerate(names)
        }
        if options.instructions:
            return [
                _row(each, each.instructions(CALLS) / 1e3, 0.0)
                for those in sidecars.values()
                for each in those
            ]
        for _ in range(options.rounds + 1):
            for those in sidecars.values():
                for each in those:
                    each.measure(CALLS)
        return [
            # The first round warms up.
            _row(each, min(each.cpu_us[1:]), statistics.median(each.cpu_us[1:]))
            for those in sidecars.values()
            for each in those
        ]


def _row(sidecar: Sidecar, least: float, median: float) -> list[str]:
    case = sidecar.case
    shares = [least / case.subjects, least / case.requests]
    return [case.title, sidecar.server.name, *(f"{figure:.2f}" for figure in (least, median, *shares))]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--case", action="append", choices=CASES)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--instructions", action="store_true")
    options = parser.parse_args()
    unit = "thousand instructions" if options.instructions else "CPU us"
    print(table(measure(options), ("call", "scripts", f"{unit} a call", "median", "a Subject", "a request")))


if __name__ == "__main__":
    main()
