"""What an attacker does to the callers' port, as byte strings on many connections.

Each attack is opened, kept up while a well-behaved caller is watched, and told what became of it.
"""

import asyncio
import contextlib
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

PAIR = b"Host: api.test\r\nX-Secret-Id: AKIDcaller\r\nX-Secret-Key: secretcaller\r\n"
GUESS = (
    b"GET /orders/1 HTTP/1.1\r\nHost: api.test\r\nX-Secret-Id: AKIDcaller\r\nX-Secret-Key: a guess\r\n\r\n"
)
LARGE = b"GET /orders/large HTTP/1.1\r\n" + PAIR + b"\r\n"
BIG_BYTES = 4 * 1024 * 1024
LARGE_BYTES = 256 * 1024
AT_ONCE = 200
"""Connections that are opened together: fewer than wait to be accepted."""


@dataclass(frozen=True)
class Attack:
    """``first`` is sent by each connection, ``more`` again and again."""

    what: str
    connections: int
    first: bytes = b""
    more: bytes = b""
    reads: bool = False
    """Whether the attacker takes what is sent to it."""
    listen: tuple[tuple[str, Any], ...] = ()
    """Settings other than the default."""
    tls: bool = False
    held: bool = True
    """Whether its connections stay."""


def attacks(many: int, busy: int) -> list[Attack]:
    """All of them; ``many`` connections that cost little, ``busy`` ones that cost more."""
    return [*_quiet(many, busy), *_loud(busy)]


def _quiet(many: int, busy: int) -> list[Attack]:
    """Those that take room."""
    post = b"POST /orders/1 HTTP/1.1\r\n" + PAIR
    room = (("maxConnections", 2 * many + 1000),)
    return [
        Attack("idle connections", many, listen=room),
        Attack("idle connections over TLS", many // 4, listen=room, tls=True),
        Attack(
            "connections over TLS that had a large answer",
            busy // 2,
            LARGE,
            listen=room,
            tls=True,
            reads=True,
        ),
        Attack(
            "idle connections, more than `maxConnections`", many // 2, listen=(("maxConnections", many // 4),)
        ),
        Attack(
            "idle connections of one address, bounded",
            busy,
            listen=(("maxConnectionsPerAddress", busy // 4),),
        ),
        Attack("slow heads: a byte at a time", busy, b"GET /orders/1 HTTP/1.1\r\nX-A: ", b"a", listen=room),
        Attack("slow bodies: a byte at a time", busy, post + b"Content-Length: 1000000\r\n\r\n", b"a"),
        Attack("slow readers of 4 MB answers", busy, b"GET /orders/big HTTP/1.1\r\n" + PAIR + b"\r\n"),
    ]


def _loud(busy: int) -> list[Attack]:
    """Those that take time."""
    post = b"POST /orders/1 HTTP/1.1\r\n" + PAIR
    return [
        Attack(
            "heads without an end",
            busy,
            b"GET / HTTP/1.1\r\n" + b"X-A: %b\r\n" % (b"a" * 1000) * 60,
            reads=True,
            held=False,
        ),
        Attack(
            "heads of 10,000 fields",
            busy,
            b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * 10_000,
            reads=True,
            held=False,
        ),
        Attack(
            "refused requests sent ahead, 200 at a time", busy // 20, GUESS * 200, GUESS * 200, reads=True
        ),
        Attack(
            "chunks of one byte, 2,000 at a time",
            busy // 20,
            post + b"Transfer-Encoding: chunked\r\n\r\n",
            b"1\r\na\r\n" * 2000,
            reads=True,
        ),
        Attack(
            "chunk extensions without an end",
            busy,
            post + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"a" * 9000,
            reads=True,
            held=False,
        ),
        Attack(
            "requests as fast as they are answered",
            busy // 20,
            b"GET /orders/1 HTTP/1.1\r\n" + PAIR + b"\r\n",
            b"GET /orders/1 HTTP/1.1\r\n" + PAIR + b"\r\n",
            reads=True,
        ),
        Attack(
            "guesses from one address, slowed",
            busy // 4,
            GUESS,
            GUESS,
            reads=True,
            listen=(("authFailures", {"perMinute": 60, "burst": 50}), ("trustedProxies", ["127.0.0.2/32"])),
        ),
    ]


class Assault:
    """An attack under way, from 127.0.0.1; whoever behaves comes from another address."""

    def __init__(self, attack: Attack, port: int, context: ssl.SSLContext | None) -> None:
        self.attack = attack
        self._port = port
        self._context = context if attack.tls else None
        self._open: list[_Hand] = []
        self.statuses: Counter[int] = Counter()
        """Of answers that the attacker read."""

    async def open(self) -> None:
        """Connect them all; those that are refused are none of the held."""
        for start in range(0, self.attack.connections, AT_ONCE):
            count = min(AT_ONCE, self.attack.connections - start)
            await asyncio.gather(*(self._connect() for _ in range(count)))

    @property
    def held(self) -> int:
        """Connections that are still there."""
        return sum(not hand.gone for hand in self._open)

    def push(self) -> None:
        """Each of them sends some more, unless it has enough to send."""
        if self.attack.more:
            for hand in self._open:
                hand.send(self.attack.more)

    def close(self) -> None:
        """Hang up."""
        for hand in self._open:
            hand.transport.abort()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            _, hand = await loop.create_connection(
                lambda: _Hand(self.attack, self.statuses.update),
                "127.0.0.1",
                self._port,
                ssl=self._context,
                local_addr=("127.0.0.1", 0),
            )
            self._open.append(hand)


class _Hand(asyncio.Protocol):
    """One connection of the attacker's."""

    transport: asyncio.Transport

    def __init__(self, attack: Attack, note: Callable[[list[int]], None]) -> None:
        self._attack = attack
        self._note = note
        self._full = False
        self.gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's TLS transport is no asyncio.Transport by name.
        self.transport = cast(asyncio.Transport, transport)
        if not self._attack.reads and self._attack.first:
            self.transport.pause_reading()
        self.send(self._attack.first)

    def send(self, data: bytes) -> None:
        """Unless what was sent before is still to be taken."""
        if not self.gone and not self._full:
            self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        self._note([int(part[:3]) for part in data.split(b"HTTP/1.1 ")[1:] if part[:3].isdigit()])

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
