import asyncio

from quotad.errors import StoreError
from quotad.store.passage import Passage
from tests.support.waiting import until

REFUSED = StoreError("moved", "elsewhere", executed=False)


class Road:
    """``Traffic`` that sends again as often as it was told to, and the Sink at the end of it."""

    def __init__(self, again: int = 0) -> None:
        self.left = again
        self.heard: list[object] = []

    def again(self, passage: Passage, error: StoreError) -> bool:
        self.left -= 1
        return self.left >= 0

    def on_reply(self, reply: object) -> None:
        self.heard.append(reply)

    def on_late(self) -> None:
        self.heard.append("late")

    def on_failed(self, error: StoreError) -> None:
        self.heard.append(error.kind)


def passage(road: Road, expires_s: float = 0.0) -> Passage:
    return Passage(road, 1, b"payload", road, expires_s, True)


async def test_the_end_is_told_once() -> None:
    """What is sent again is not told; the answer or the last failure is."""
    road = Road(again=2)
    sent = passage(road)
    for _ in range(3):
        sent.on_failed(REFUSED)
    assert road.heard == ["moved"]
    road = Road(again=1)
    sent = passage(road)
    sent.on_failed(REFUSED)
    sent.on_reply(b"answer")
    assert road.heard == [b"answer"]


async def test_it_is_late_once_and_keeps_its_one_deadline() -> None:
    """A call that was sent on is late when its own time is over, whatever the second link says."""
    road, loop = Road(again=1), asyncio.get_running_loop()
    sent = passage(road, loop.time() + 0.01)
    sent.on_failed(REFUSED)
    sent.watch(loop)
    await until(lambda: bool(road.heard))
    sent.on_late()
    sent.on_reply(b"answer")
    assert road.heard == ["late", b"answer"]


async def test_the_watch_ends_with_the_call() -> None:
    """Nobody is told late after the end."""
    road, loop = Road(), asyncio.get_running_loop()
    expires_s = loop.time() + 0.01
    sent, other = passage(road, expires_s), passage(road, expires_s)
    sent.watch(loop)
    other.watch(loop)
    sent.on_reply(b"answer")
    await until(lambda: "late" in road.heard)
    assert road.heard == [b"answer", "late"]
