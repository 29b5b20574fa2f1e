from collections.abc import AsyncIterator

import pytest

from quotad.store.keys import fleet_key
from quotad.store.notices import MINUTE_US, SILENT_US, Notices
from tests.support.patient import patient_store
from tests.support.servers import StoreServer

NOW_US = 2_000_000_000 * 1_000_000
BEGIN_US = NOW_US // MINUTE_US * MINUTE_US


@pytest.fixture
async def notices(store_server: StoreServer) -> AsyncIterator[Notices]:
    """On a real server."""
    store = patient_store(store_server.url)
    await store.start()
    yield store.notices
    await store.close()


async def test_what_is_told_is_read(notices: Notices, store_server: StoreServer) -> None:
    """Each has its own record and its own numbers of a minute; told again they replace what was there."""
    await notices.tell("a", {"version": "1"}, {BEGIN_US: {"row": [["p", 1]]}}, NOW_US)
    await notices.tell("b", {"version": "2"}, {BEGIN_US: {"row": [["p", 5]]}}, NOW_US)
    await notices.tell("a", {"version": "1"}, {BEGIN_US: {"row": [["p", 3]]}}, NOW_US + 1)
    assert await notices.sidecars(NOW_US) == {
        "a": {"version": "1", "heardAt": NOW_US + 1},
        "b": {"version": "2", "heardAt": NOW_US},
    }
    told, nothing = await notices.minutes([BEGIN_US, BEGIN_US - MINUTE_US])
    assert sorted(each["row"][0][1] for each in told) == [3, 5]
    assert nothing == []
    client = store_server.client()
    for key in client.scan_iter():
        assert client.pttl(key) > 0
    await notices.leave("a")
    assert list(await notices.sidecars(NOW_US)) == ["b"]


async def test_the_silent_are_forgotten(notices: Notices, store_server: StoreServer) -> None:
    """Who was not heard for an hour is taken away; what cannot be read is passed over."""
    await notices.tell("old", {}, {}, NOW_US)
    await notices.tell("new", {}, {}, NOW_US + SILENT_US)
    store_server.client().hset(fleet_key("quotad", "sidecars"), "odd", "no json")
    assert list(await notices.sidecars(NOW_US + SILENT_US + 1)) == ["new"]
    assert list(await notices.sidecars(NOW_US)) == ["new"]
