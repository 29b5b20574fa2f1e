import asyncio

import pytest

from quotad.config.model import StoreConfig
from quotad.errors import StoreError
from quotad.store import access
from quotad.store.keys import CONTROL
from quotad.store.link import LinkOptions
from quotad.store.questions import answers
from quotad.store.resp import command
from quotad.store.route import Route
from tests.support.servers import StoreServer


async def started(url: str) -> Route:
    """A way to a server."""
    config = StoreConfig(url=url)
    route = access.route(asyncio.get_running_loop(), url, config, LinkOptions(deadline_s=5.0))
    await route.start()
    return route


async def test_replies_come_in_the_order_of_what_was_asked(store_server: StoreServer) -> None:
    """All of them, or the first error among them."""
    route = await started(store_server.url)
    try:
        asked = [command("SET", "a", 1), command("INCR", "a"), command("GET", "a")]
        assert await answers(route, CONTROL, asked, 5.0) == [b"OK", 2, b"2"]
        with pytest.raises(StoreError, match="wrong kind"):
            await answers(route, CONTROL, [command("LPUSH", "a", 1), command("GET", "a")], 5.0)
    finally:
        await route.close()


async def test_who_gets_no_answer_in_time_does_not_know_what_happened(store_server: StoreServer) -> None:
    """A server that is busy for long is a deadline missed."""
    route = await started(store_server.url)
    try:
        with pytest.raises(StoreError) as caught:
            await answers(route, CONTROL, [command("BLPOP", "none", 3)], 0.1)
        assert (caught.value.kind, caught.value.executed) == ("deadline", None)
    finally:
        await route.close()
