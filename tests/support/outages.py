"""Sidecars whose store is away, what they admit meanwhile, and the end of that."""

from quotad.core.plans import Subject
from quotad.engine import accounts
from quotad.engine.journal import Journal
from quotad.engine.limiter import Limiter
from tests.support.engines import Request, World, get, turns


def sidecar(world: World, journal: Journal) -> Limiter:
    """One with a journal, whose store is away."""
    limiter = world.sidecar()
    world.stores[-1].fault = "lose_call"
    limiter.start(journal)
    return limiter


async def admit(limiter: Limiter, wanted: Subject, count: int) -> list[Request]:
    """Requests that were all admitted without the store."""
    requests = await get(limiter, wanted, count)
    assert all(request.admitted and request.told.answer is None for request in requests)
    return requests


async def serve(limiter: Limiter, wanted: Subject, count: int) -> None:
    """Requests that were admitted without the store and count."""
    for request in await admit(limiter, wanted, count):
        limiter.settle(request.told, counted=True)
    await turns()


async def come_back(world: World) -> None:
    """Every store answers again, and what waits for that has its turn."""
    for store in world.stores:
        store.fault = "none"
    for _ in range(3):
        world.now_us += round(accounts.RETRY_S * 1e6)
        world.fire()
        await turns(12)


def kill(world: World, journal: Journal) -> None:
    """The only process so far is no more: nothing of it runs again, and the kernel lets go of its lock."""
    world.timers.clear()
    journal.close()
