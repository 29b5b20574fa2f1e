import asyncio

import pytest

from quotad.errors import StoreError
from quotad.store.inquiry import Inquiry
from quotad.store.link import LinkOptions
from quotad.store.locator import FixedLocator
from quotad.store.resp import command
from quotad.store.route import SUBJECTS_PER_CALL, OneServer
from quotad.store.topology import parse
from tests.support.batches import subject
from tests.support.servers import StoreServer, running_server
from tests.support.waiting import until


async def test_all_subjects_take_one_connection(store_server: StoreServer) -> None:
    """What was posted goes out with the flush, and is answered in order."""
    loop = asyncio.get_running_loop()
    route = OneServer(
        loop, FixedLocator(parse(store_server.url)), LinkOptions(deadline_s=5.0), allow_eviction=False
    )
    await route.start()
    assert route.ready
    assert route.facts is not None
    inquiry = Inquiry(loop, SUBJECTS_PER_CALL)
    for number in range(SUBJECTS_PER_CALL):
        route.post(subject(number), command("ECHO", number), inquiry.at(number))
    route.flush()
    assert await inquiry.all == [b"%d" % number for number in range(SUBJECTS_PER_CALL)]
    assert route.now_us() is not None
    way = route.way(subject(1))
    assert way == route.way(subject(2))
    route.renew(subject(1), "readonly")
    await until(lambda: route.reconnects == 1 and route.ready)
    assert route.way(subject(1)) != way
    await route.close()
    assert not route.ready


async def test_an_unfit_server_ends_the_start() -> None:
    """One that may throw counters away is refused, unless that is allowed."""
    extra = ("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    loop = asyncio.get_running_loop()
    with running_server(extra=extra) as server:
        refusing = OneServer(loop, FixedLocator(parse(server.url)), LinkOptions(), allow_eviction=False)
        with pytest.raises(StoreError, match="may throw counters away"):
            await refusing.start()
        allowing = OneServer(loop, FixedLocator(parse(server.url)), LinkOptions(), allow_eviction=True)
        await allowing.start()
        assert allowing.ready
        await allowing.close()
