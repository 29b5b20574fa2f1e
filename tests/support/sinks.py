"""Who waits for a reply in tests, and links to real servers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

from quotad.errors import StoreError
from quotad.store.endpoint import Endpoint
from quotad.store.link import Link, LinkOptions
from quotad.store.topology import parse
from tests.support.waiting import AT_MOST_S

PATIENT = LinkOptions(deadline_s=5.0)
"""A busy machine must not make a call late where that is not what is tested."""


class RecordingSink:
    """Keeps what it hears: ``late``, the reply, or the StoreError, in order."""

    def __init__(self) -> None:
        self.heard: list[object] = []
        self.over = asyncio.Event()
        self.was_late = asyncio.Event()

    def on_reply(self, reply: object) -> None:
        self.heard.append(reply)
        self.over.set()

    def on_late(self) -> None:
        self.heard.append("late")
        self.was_late.set()

    def on_failed(self, error: StoreError) -> None:
        self.heard.append(error)
        self.over.set()

    async def end(self) -> object:
        """The reply or the StoreError, once it is there."""
        async with asyncio.timeout(AT_MOST_S):
            await self.over.wait()
        return self.heard[-1]

    async def failure(self) -> StoreError:
        """The StoreError that must end this call."""
        end = await self.end()
        assert isinstance(end, StoreError), end
        return end


async def ask(link: Link, payload: bytes) -> object:
    """Send one command; its reply or its StoreError."""
    sink = RecordingSink()
    link.send(payload, sink)
    return await sink.end()


@contextlib.asynccontextmanager
async def running_link(
    url: str, options: LinkOptions = PATIENT, *, ready: bool = True
) -> AsyncIterator[Link]:
    """A started link to the server of this URL, ready unless told otherwise; closed afterwards."""
    endpoint = parse(url)

    async def locate() -> Endpoint:
        return endpoint

    link = Link(asyncio.get_running_loop(), locate, options)
    link.start()
    try:
        if ready:
            assert await link.wait_ready(AT_MOST_S), link.last_error
        yield link
    finally:
        await link.close()


def with_deadline(deadline_s: float) -> LinkOptions:
    """The usual options with another deadline."""
    return replace(PATIENT, deadline_s=deadline_s)
