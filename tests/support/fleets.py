"""A data plane with several backends, and callers that do not pause."""

import asyncio
from collections import Counter
from typing import Any

from quotad.config.model import Route, UpstreamAddress
from quotad.dataplane.fleet import Upstreams
from tests.support.dataplane import Plane, route
from tests.support.rawhttp import post, raw
from tests.support.waiting import until

PUT = b"PUT" + post(b"twice does no harm")[4:]


def routed(*ports: int, **changes: Any) -> Route:
    """A route to several ports of this machine."""
    return route(1, upstreams=tuple(UpstreamAddress("127.0.0.1", port) for port in ports), **changes)


def upstreams_of(plane: Plane) -> Upstreams:
    upstreams = plane.listener.upstreams
    assert upstreams is not None
    return upstreams


async def ask(plane: Plane, request: bytes, times: int) -> Counter[int]:
    """One caller's requests, one after the other; answers how often which status came."""
    statuses: Counter[int] = Counter()
    async with raw(plane.port) as caller:
        for _ in range(times):
            await caller.send(request)
            answer = await caller.answer()
            statuses[answer.status] += 1
            if answer.values(b"connection") == [b"close"]:
                break
    return statuses


class Load:
    """Callers that ask without a pause until they are stopped."""

    def __init__(self, plane: Plane, *requests: bytes) -> None:
        self.statuses: dict[bytes, Counter[int]] = {request: Counter() for request in requests}
        self._plane = plane
        self._going = True
        self._callers = [asyncio.ensure_future(self._call(request)) for request in requests for _ in range(8)]

    async def _call(self, request: bytes) -> None:
        async with raw(self._plane.port) as caller:
            while self._going:
                await caller.send(request)
                self.statuses[request][(await caller.answer()).status] += 1

    async def more(self, count: int) -> None:
        """Until so many more of each have been answered."""
        aims = {request: each.total() + count for request, each in self.statuses.items()}
        await until(
            lambda: (
                any(caller.done() for caller in self._callers)
                or all(self.statuses[request].total() >= aims[request] for request in aims)
            )
        )
        for caller in self._callers:
            if caller.done():
                caller.result()

    async def stop(self) -> None:
        self._going = False
        await asyncio.gather(*self._callers)
