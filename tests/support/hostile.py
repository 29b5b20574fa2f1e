"""A store that lies: a real server behind a man in the middle who spoils the answers of one stage.

What a lie is made of may or may not have been carried out by the real server, as the lie says; every other
stage is served honestly, so that a client can be seen to recover.
"""

import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Literal

import hiredis

from tests.support.fake_server import FakeServer, Last, listening
from tests.support.servers import StoreServer

Stage = Literal["handshake", "script", "reload", "call", "time"]
Lie = Callable[[Callable[[], bytes]], bytes | None]
"""Given a way to have the command carried out and answered honestly: what is said instead. None: hang up."""

_STAGES: dict[bytes, Stage] = {
    b"AUTH": "handshake",
    b"CLIENT": "handshake",
    b"INFO": "handshake",
    b"SCRIPT": "script",
    b"EVALSHA": "call",
    b"TIME": "time",
}


def say(words: bytes) -> Lie:
    """The same words to everything, which is not carried out."""
    return lambda run: words


def around(before: bytes, after: bytes = b"") -> Lie:
    """The honest answer with something more."""
    return lambda run: before + run() + after


def instead(words: bytes | None) -> Lie:
    """Carried out; then something else is said, or the line hung up."""

    def lie(run: Callable[[], bytes]) -> bytes | None:
        run()
        return words

    return lie


PUSH = b">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n"
CODES = (
    b"ASK 5 127.0.0.1:1",
    b"BUSY Redis is busy running a script",
    b"CLUSTERDOWN The cluster is down",
    b"ERR unknown command",
    b"LOADING Redis is loading the dataset in memory",
    b"MASTERDOWN Link with MASTER is down",
    b"MISCONF Redis is configured to save RDB snapshots",
    b"MOVED 5 127.0.0.1:1",
    b"NOAUTH Authentication required.",
    b"NOPERM this user has no permissions",
    b"NOREPLICAS Not enough good replicas to write.",
    b"NOSCRIPT No matching script.",
    b"OOM command not allowed when used memory > 'maxmemory'.",
    b"READONLY You can't write against a read only replica.",
    b"TRYAGAIN Multiple keys request during rehashing of slot",
    b"WRONGPASS invalid username-password pair",
    b"",
    b"\xff\xfe",
)
LIES: dict[str, Lie] = {
    "number": say(b":1\r\n"),
    "status": say(b"+QUEUED\r\n"),
    "empty array": say(b"*0\r\n"),
    "null": say(b"$-1\r\n"),
    "null array": say(b"*-1\r\n"),
    "nested": say(b"*2\r\n*1\r\n:1\r\n*0\r\n"),
    "short items": say(b"*2\r\n$3\r\nabc\r\n$0\r\n\r\n"),
    "many items": say(b"*3\r\n:1\r\n:2\r\n:3\r\n"),
    "errors inside": say(b"*2\r\n-LOADING a\r\n-READONLY b\r\n"),
    "RESP3 null": say(b"_\r\n"),
    "RESP3 map": say(b"%1\r\n+a\r\n+b\r\n"),
    "RESP3 map without a hash": say(b"%1\r\n*0\r\n+b\r\n"),
    "RESP3 double": say(b",1.5\r\n"),
    "RESP3 boolean": say(b"#t\r\n"),
    "RESP3 set": say(b"~2\r\n+a\r\n+b\r\n"),
    "RESP3 push": say(PUSH),
    "push, then the answer": around(PUSH),
    "word, then the answer": around(b"+OK\r\n"),
    "answer, then a word": around(b"", b"+OK\r\n"),
    "the answer twice": lambda run: run() * 2,
    "a thousand words": say(b"+OK\r\n" * 1000),
    "no type": say(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "cut bulk": say(b"$100\r\nabc"),
    "cut bulk, then hang up": say(Last(b"$100\r\nabc")),
    "answer cut in the middle": lambda run: Last(run()[:-5]),
    "huge bulk": say(b"$9999999999\r\nabc"),
    "huge array": say(b"*2147483647\r\n"),
    "huge array inside": say(b"*2\r\n*50000\r\n"),
    "bulk that never ends": say(b"$9999999999\r\n" + b"x" * 100_000),
    "negative bulk": say(b"$-5\r\n"),
    "negative array": say(b"*-7\r\n"),
    "deep": say(b"*1\r\n" * 10_000),
    "endless line": say(b"+" + b"x" * 100_000),
    "nothing": say(b""),
    "hangs up": lambda run: None,
    "carried out, then nothing": instead(b""),
    "carried out, then hangs up": instead(None),
    "carried out, then says it was not": instead(b"-READONLY You can't write\r\n"),
    "carried out, then an unreadable answer": instead(b":1\r\n"),
    **{f"-{code.decode('latin-1').split(' ')[0]}": say(b"-" + code + b"\r\n") for code in CODES},
}
TRUTHFUL = frozenset({"answer, then a word", "the answer twice"})
"""The answer itself is true, so what it grants is granted. Nothing in it says whose it is: told with two
calls in flight, the second could hear the first's."""
SILENT = frozenset({"nothing", "carried out, then nothing"})
"""No server that is honest again would leave these out and answer later questions on the same connection."""


class HonestServer:
    """A blocking line to the real server that hands out its answers as they travel."""

    def __init__(self, server: StoreServer) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(120.0)
        self._socket.connect(str(server.path))
        self._reader = hiredis.Reader()

    def ask(self, command: list[bytes]) -> bytes:
        """One command's whole answer."""
        parts = [b"$%d\r\n%b\r\n" % (len(part), part) for part in command]
        self._socket.sendall(b"*%d\r\n" % len(parts) + b"".join(parts))
        said = b""
        while True:
            data = self._socket.recv(65_536)
            said += data
            self._reader.feed(data)
            if self._reader.gets() is not False:
                return said

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


class HostileServer(FakeServer):
    """Honest until ``attack``, and after ``relent``."""

    def __init__(self, honest: HonestServer) -> None:
        super().__init__(self._answer)
        self.stage: Stage | None = None
        self.hits = 0
        """How often a lie was told."""
        self._honest = honest
        self._lie: Lie = say(b"")

    def reply(self, command: list[bytes]) -> bytes | None:
        """See ``FakeServer``; nothing is kept, since a test may look at the memory."""
        return self._answer(command)

    def attack(self, stage: Stage, lie: Lie) -> None:
        """From now on this stage is answered with this lie."""
        self.stage, self._lie = stage, lie

    def relent(self) -> None:
        """Be honest again, on the connections that there are."""
        self.stage = None
        self.greeting = b""
        self.trickles = False

    def hang_up(self) -> None:
        """Break every connection."""
        for transport in self.transports:
            transport.abort()

    def _answer(self, command: list[bytes]) -> bytes | None:
        stage = _STAGES.get(command[0])
        if self.stage == "reload":
            if stage == "call":
                return b"-NOSCRIPT No matching script.\r\n"
            if stage == "script":
                stage = "reload"
        if stage != self.stage:
            return self._honest.ask(command)
        self.hits += 1
        return self._lie(lambda: self._honest.ask(command))


@contextlib.asynccontextmanager
async def hostile_server(server: StoreServer, port: int = 0) -> AsyncIterator[HostileServer]:
    """A man in the middle before a real server that listens on a unix socket."""
    honest = HonestServer(server)
    try:
        async with listening(HostileServer(honest), port) as hostile:
            yield hostile
    finally:
        honest.close()
