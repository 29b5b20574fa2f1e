"""Calls to one place whose replies are awaited by a coroutine; never on the way of a request."""

import asyncio
from collections.abc import Sequence

from quotad.core.plans import Tagged
from quotad.errors import StoreError
from quotad.store.inquiry import Inquiry
from quotad.store.route import Route


async def answers(
    route: Route, place: Tagged, payloads: Sequence[bytes], within_s: float, *, durable: bool = False
) -> list[object]:
    """The replies in order. Raises StoreError: the first that one of them is, or ``deadline``."""
    inquiry = Inquiry(asyncio.get_running_loop(), len(payloads))
    for at, payload in enumerate(payloads):
        route.post(place, payload, inquiry.at(at), durable)
    route.flush()
    try:
        async with asyncio.timeout(within_s):
            items = await inquiry.all
    except TimeoutError:
        raise StoreError("deadline", "the store did not answer in time", executed=None) from None
    for item in items:
        if isinstance(item, StoreError):
            raise item
    return items
