import asyncio
import resource

import pytest

from quotad.dataplane.crowd import MOST, RESERVE, Crowd, most_connections


class Someone:
    """A connection that only says whether it has a request."""

    def __init__(self, *, waiting: bool) -> None:
        self.is_waiting = waiting
        self.went = False

    def make_room(self) -> None:
        self.went, self.is_waiting = True, False

    def drain(self) -> None:
        """Nothing to drain."""

    def abandon(self) -> None:
        """Nothing to abandon."""


def test_who_has_no_request_makes_room() -> None:
    """A newcomer takes the place of who waits longest; with everybody busy it is refused."""
    crowd = Crowd(most=3)
    busy, first, second = Someone(waiting=False), Someone(waiting=True), Someone(waiting=True)
    assert all(crowd.join(each, "192.0.2.1") for each in (busy, first, second))
    assert crowd.join(Someone(waiting=False), "192.0.2.1")
    assert (busy.went, first.went, second.went) == (False, True, False)
    crowd.leave(first)
    second.is_waiting = False
    assert not crowd.join(Someone(waiting=True), "192.0.2.1")
    assert (crowd.refused, crowd.replaced, len(crowd)) == ({"total": 1, "address": 0}, 1, 3)


def test_to_find_room_costs_little() -> None:
    """Few are looked at for each newcomer, but in the end everybody is: nobody can hide behind the busy."""
    looks = 0

    class Counted(Someone):
        @property
        def is_waiting(self) -> bool:
            nonlocal looks
            looks += 1
            return self.idle

        @is_waiting.setter
        def is_waiting(self, value: bool) -> None:
            self.idle = value

    crowd = Crowd(most=1000)
    for number in range(1000):
        crowd.join(Counted(waiting=number == 999), "")
    tries = 1
    while not crowd.join(Counted(waiting=False), ""):
        assert looks <= 32 * tries
        tries += 1
    assert tries == 32


def test_an_address_has_a_bound_of_its_own() -> None:
    """So many of one address or /64, and nobody else suffers; the table forgets who has left."""
    crowd = Crowd(most_at=2)
    guests = [Someone(waiting=True) for _ in range(2)]
    assert all(crowd.join(guest, "2001:db8::1") for guest in guests)
    assert not crowd.join(Someone(waiting=True), "2001:db8::2")
    assert crowd.join(Someone(waiting=True), "192.0.2.1")
    assert crowd.join(Someone(waiting=True), "")
    crowd.leave(guests[0])
    assert crowd.join(Someone(waiting=True), "2001:db8::3")
    assert crowd.refused == {"total": 0, "address": 1}
    for guest in tuple(crowd):
        crowd.leave(guest)
    assert not crowd._at


async def test_waiting_for_the_last() -> None:
    """``gone`` answers when nobody is left, however often somebody came meanwhile."""
    crowd, guests = Crowd(), [Someone(waiting=True) for _ in range(3)]
    for guest in guests:
        crowd.join(guest, "")
    gone = asyncio.ensure_future(crowd.gone())
    for guest in guests:
        await asyncio.sleep(0)
        assert not gone.done()
        crowd.leave(guest)
        crowd.leave(guest)
    await gone


@pytest.mark.parametrize(
    ("descriptors", "pooled", "most"),
    [
        (1024, 128, 1024 - 128 - RESERVE),
        (1024, 100_000, 512),
        (1_000_000, 128, MOST),
        (resource.RLIM_INFINITY, 128, MOST),
    ],
)
def test_the_bound_follows_from_the_descriptors(
    descriptors: int, pooled: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections to backends and a reserve are left free; what is configured is taken as it is."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (descriptors, descriptors))
    assert most_connections(0, pooled) == most
    assert most_connections(7, pooled) == 7
