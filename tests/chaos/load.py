"""Callers that keep their connections, ask as fast as told, and note every outcome, also none."""

import asyncio
import contextlib
import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from quotad.clock import monotonic_s
from tests.chaos.backend import field
from tests.chaos.history import NO_ANSWER, Asked

PATIENCE_S = 8.0
"""After this long a caller gives up on an answer."""

AFTER_FAILURE_S = 0.03


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose requests these are."""

    plan_id: str
    secret_id: str
    secret_key: str


Port = Callable[[int], int]
"""The port of a process by its number; 0 while it has none."""


class Load:
    """Many connections, until stopped. ``asked`` has everything that ended."""

    def __init__(self, port_of: Port, processes: int, seed: int = 1) -> None:
        """``port_of`` is asked at every connect, since a process may be started anew."""
        self._port_of = port_of
        self._processes = processes
        self._dice = random.Random(seed)
        self._numbers = itertools.count(1)
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        self.asked: list[Asked] = []
        self.pause_s = 0.02
        """Between an answer and the next request of its connection, on average."""
        self.in_flight: dict[int, tuple[str, int]] = {}
        """Number to plan and process of requests without an outcome yet."""
        self.last_dates: dict[int, bytes] = {}
        """The Date that each process said last."""

    def start(self, callers: Sequence[Caller], connections: int) -> None:
        """``connections`` per caller and process."""
        loop = asyncio.get_running_loop()
        for process in range(self._processes):
            for caller in callers:
                self._tasks += [loop.create_task(self._ask_on(caller, process)) for _ in range(connections)]

    async def stop(self) -> None:
        """Ask no more, and wait for every outcome."""
        self._stopping = True
        await asyncio.gather(*self._tasks)

    async def _ask_on(self, caller: Caller, process: int) -> None:
        """One connection, moved to the next process when its own is gone."""
        while not self._stopping:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port_of(process))
            except OSError:
                process = (process + 1) % self._processes
                await asyncio.sleep(AFTER_FAILURE_S)
                continue
            try:
                await self._ask_while_it_stands(caller, process, reader, writer)
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
            await asyncio.sleep(AFTER_FAILURE_S)

    async def _ask_while_it_stands(
        self, caller: Caller, process: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        stands = True
        while stands:
            stands = await self._ask(caller, process, reader, writer)
            await asyncio.sleep(self.pause_s * self._dice.uniform(0.5, 1.5))

    async def _ask(
        self, caller: Caller, process: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """One request, unless all is over; False when the connection is of no more use."""
        if self._stopping:
            return False
        number = next(self._numbers)
        self.in_flight[number] = (caller.plan_id, process)
        sent_s = monotonic_s()
        status, head = NO_ANSWER, b""
        try:
            async with asyncio.timeout(PATIENCE_S):
                writer.write(_request(number, caller))
                status, head = await _answer(reader)
        except (OSError, EOFError, TimeoutError):
            status = NO_ANSWER
        del self.in_flight[number]
        decided = bool(field(head, b"ratelimit"))
        by_quota = status == 429 and b'"urn:quotad:problem:quota"' in head
        self.asked.append(
            Asked(number, caller.plan_id, process, sent_s, monotonic_s(), status, decided, by_quota)
        )
        if status != NO_ANSWER:
            self.last_dates[process] = field(head, b"date")
        return status != NO_ANSWER and field(head, b"connection").lower() != b"close"


def _request(number: int, caller: Caller) -> bytes:
    return (
        f"GET /orders/{number} HTTP/1.1\r\nHost: api.test\r\n"
        f"X-Secret-Id: {caller.secret_id}\r\nX-Secret-Key: {caller.secret_key}\r\n\r\n"
    ).encode()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The status, and head and body in one. Raises IncompleteReadError (an EOFError) when it is cut."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(field(head, b"content-length") or 0)
    body = await reader.readexactly(length) if length else b""
    return int(head[9:12]), head + body
