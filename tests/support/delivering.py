"""What webhooks are to be told, on a real store."""

import contextlib
from collections.abc import AsyncIterator

from quotad.config.model import StoreConfig
from quotad.core.deliveries import Delivery
from quotad.store.deliveries import Change, Deliveries
from tests.support.waiting import until

DAY_END_US = 32_503_680_000_000_000
"""Of a day that does not end while tests run."""


@contextlib.asynccontextmanager
async def deliveries(url: str, *, min_replicas: int = 0) -> AsyncIterator[Deliveries]:
    """Started, and the store's time is known."""
    board = Deliveries(url, StoreConfig(min_replicas=min_replicas))
    await board.start()
    try:
        await until(lambda: board.now_us() is not None)
        yield board
    finally:
        await board.close()


def event(number: int = 1, at_us: int = 1_000_000) -> Delivery:
    """One that is due at once."""
    return Delivery(f"event-{number:032x}", "quota.threshold", '{"data":{}}', at_us, at_us)


async def told(
    board: Deliveries, leader: str, webhook_id: str, tag: str, count: int = 1, before: str = ""
) -> list[Delivery]:
    """Announce so many events of one Subject's day, marked with "1"; those that were made."""
    events = [event(number, 1_000_000 + number) for number in range(count)]
    change = Change("day", DAY_END_US, tag, before, "1", [(webhook_id, each) for each in events])
    assert await board.announce(leader, [change], 1_000_000)
    return events
