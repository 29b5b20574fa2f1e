"""Callers who never stop, on connections that they keep, as a proxy before the Service would."""

import asyncio
import contextlib
from collections import Counter

from tests.rehearsal.pod import Endpoints
from tests.support.storm import exchange

PORT = 8080


class Callers:
    """Some quick, some whose requests take seconds."""

    def __init__(self, endpoints: Endpoints, credentials: bytes) -> None:
        self._endpoints = endpoints
        self._credentials = credentials
        self._turn = 0
        self._stopping = False
        self.statuses: Counter[int] = Counter()
        self.by_address: Counter[str] = Counter()
        self.problems: list[str] = []

    async def run(self, quick: int, slow: int) -> None:
        """Until ``stop``."""
        async with asyncio.TaskGroup() as group:
            for number in range(quick + slow):
                group.create_task(self._call(b"/slow" if number >= quick else b"/orders/1"))

    def stop(self) -> None:
        """Every caller ends when it has its answer."""
        self._stopping = True

    async def _call(self, path: bytes) -> None:
        request = b"GET " + path + b" HTTP/1.1\r\nHost: orders\r\n" + self._credentials + b"\r\n"
        while not self._stopping:
            self._turn += 1
            addresses = self._endpoints()
            address = addresses[self._turn % len(addresses)]
            try:
                await self._converse(address, request)
            except (OSError, EOFError) as error:
                self.problems.append(f"{path.decode()} at {address}: {error!r}")

    async def _converse(self, address: str, request: bytes) -> None:
        """On one connection, until the other side ends it."""
        reader, writer = await asyncio.open_connection(address, PORT)
        try:
            while not self._stopping:
                status, head, _ = await exchange(reader, writer, request)
                self.statuses[status] += 1
                self.by_address[address] += 1
                if b"\r\nconnection: close" in head.lower():
                    return
                # A hundred a second are enough, and a connection is never idle for long.
                await asyncio.sleep(0.01)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
