import asyncio

from quotad.errors import StoreError
from quotad.store.inquiry import Inquiry


async def test_replies_stand_in_the_order_of_their_places() -> None:
    """Whichever server answers first; what failed has its error in its place."""
    inquiry = Inquiry(asyncio.get_running_loop(), 3)
    first, second, third = (inquiry.at(place) for place in range(3))
    error = StoreError("broken", "the connection broke")
    third.on_reply(b"c")
    second.on_failed(error)
    third.on_late()
    assert not inquiry.all.done()
    first.on_reply(b"a")
    assert await inquiry.all == [b"a", error, b"c"]


async def test_a_reply_after_nobody_waits_is_no_error() -> None:
    """The last reply may come after whoever waited gave up."""
    inquiry = Inquiry(asyncio.get_running_loop(), 1)
    inquiry.all.cancel()
    inquiry.at(0).on_reply(b"late")
    assert inquiry.all.cancelled()
