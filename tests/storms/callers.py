"""Callers of every sidecar while the records change; two kinds of them can tell half a change."""

import asyncio
import contextlib
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.storms.records import Place
from tests.storms.writers import moves
from tests.support.storm import exchange
from tests.support.waiting import until

Ask = Callable[["Line"], Awaitable[None]]

_LIMIT = re.compile(rb"(?i)\r\nx-ratelimit-limit: ([0-9]+)\r\n")


class Answer(NamedTuple):
    """What a caller got."""

    status: int
    plan_id: str = ""
    """Under which the backend was called; empty: it was not."""
    limit: int = 0
    """The binding limit, as the answer says."""


@dataclass
class Line:
    """One kept connection to one sidecar."""

    port: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, place: Place, secret_id: str, key: str) -> Answer:
        """One request."""
        request = (
            f"GET /{'/'.join(place)} HTTP/1.1\r\nHost: api.test\r\n"
            f"X-Secret-Id: {secret_id}\r\nX-Secret-Key: {key}\r\n\r\n"
        )
        status, head, body = await exchange(self.reader, self.writer, request.encode())
        if status != 200:
            return Answer(status)
        limit = _LIMIT.search(head)
        return Answer(status, body.decode(), int(limit[1]) if limit else 0)


@contextlib.asynccontextmanager
async def opened(port: int) -> AsyncIterator[Line]:
    """A connection to this port of the machine."""
    line = Line(port, *await asyncio.open_connection("127.0.0.1", port))
    try:
        yield line
    finally:
        line.writer.close()


@dataclass
class Traffic:
    """All that callers do and see."""

    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    """What no caller may see."""
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _answered: list[int] = field(default_factory=list)
    _going: bool = True

    @contextlib.asynccontextmanager
    async def flowing(self, ports: Sequence[int], asks: Sequence[Ask]) -> AsyncIterator[None]:
        """Each of ``asks`` on a connection of its own to each port, again and again, until this ends."""
        self._answered = [0] * len(ports) * len(asks)
        lines = [(port, ask) for port in ports for ask in asks]
        self._tasks = [asyncio.ensure_future(self._call(at, *line)) for at, line in enumerate(lines)]
        try:
            yield
        finally:
            self._going = False
            await asyncio.gather(*self._tasks)

    async def more(self, rounds: int) -> None:
        """Until each caller has asked so often again."""
        aims = [count + rounds for count in self._answered]
        await until(
            lambda: (
                any(task.done() for task in self._tasks)
                or all(count >= aim for count, aim in zip(self._answered, aims, strict=True))
            )
        )
        for task in self._tasks:
            if task.done():
                task.result()

    async def _call(self, at: int, port: int, ask: Ask) -> None:
        async with opened(port) as line:
            while self._going:
                await ask(line)
                self._answered[at] += 1

    def note(self, status: int, allowed: frozenset[int], what: str) -> None:
        """Count an answer; say so where it is none that this caller may get."""
        self.statuses[status] += 1
        if status not in allowed:
            self.wrong.append(f"{what} got {status}")


@dataclass
class PairWatcher:
    """Asks for the two Secrets of a pair in turn; every move gives both the next plan in one commit.

    Who saw one of them under a plan must not see the other under an earlier one: that would be half a
    commit. And neither may ever be without a plan.
    """

    traffic: Traffic
    place: Place
    secrets: tuple[str, str]
    key_of: Callable[[str], str]
    seen: set[int] = field(default_factory=set)
    _last: dict[int, int] = field(default_factory=dict)

    async def __call__(self, line: Line) -> None:
        """Both, one after the other."""
        for secret_id in self.secrets:
            status, plan_id, _ = await line.ask(self.place, secret_id, self.key_of(secret_id))
            self.traffic.note(status, frozenset((200,)), f"{secret_id}, which always has a plan,")
            if status != 200:
                continue
            step, last = moves(plan_id), self._last.get(line.port, 0)
            if step < last:
                self.traffic.wrong.append(f"{secret_id} had plan {step} after the pair had plan {last}")
            self.seen.add(step)
            self._last[line.port] = max(step, last)


@dataclass
class SwapWatcher:
    """Asks in two environments whose plans change places in one commit: neither is ever without one."""

    traffic: Traffic
    places: Sequence[Place]
    secret_id: str
    key: str
    seen: set[tuple[Place, str]] = field(default_factory=set)

    async def __call__(self, line: Line) -> None:
        """Both, one after the other."""
        for place in self.places:
            status, plan_id, _ = await line.ask(place, self.secret_id, self.key)
            self.traffic.note(status, frozenset((200,)), f"{self.secret_id}, which always has a plan,")
            self.seen.add((place, plan_id))


@dataclass
class Passer:
    """Asks at random; anything that a change can explain is right, an error of quotad is not."""

    traffic: Traffic
    places: Sequence[Place]
    secrets: Sequence[str]
    key_of: Callable[[str], Sequence[str]]
    chance: random.Random

    async def __call__(self, line: Line) -> None:
        """One of them somewhere."""
        secret_id, place = self.chance.choice(self.secrets), self.chance.choice(self.places)
        status, *_ = await line.ask(place, secret_id, self.chance.choice(self.key_of(secret_id)))
        self.traffic.note(status, frozenset((200, 401, 403, 404, 429)), f"{secret_id} at {'/'.join(place)}")
