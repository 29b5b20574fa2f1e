import asyncio
import os

import pytest

from quotad.config.model import StoreConfig
from quotad.errors import StoreError
from quotad.store.nonces import VERB, NonceCall, home_of
from quotad.store.redis_store import RedisStore
from quotad.store.scripts import VERBS
from quotad.store.stats import StoreStats
from quotad.store.wire import UnreadableError
from tests.support.servers import Engine, StoreServer, every_engine, running_server

NAME = b"0123456789abcdef" * 2
PATIENT = StoreConfig(deadline_s=5.0)


async def spend(
    store: RedisStore, name: bytes = NAME, secret_id: str = "AKIDtest", keep_s: float = 60.0
) -> bool | None:
    """What the store says of a nonce."""
    told: asyncio.Future[bool | None] = asyncio.get_running_loop().create_future()
    store.spend_nonce(secret_id, name, keep_s, told.set_result)
    assert not told.done()
    return await told


async def test_once_for_all_who_share_a_store(store_server: StoreServer) -> None:
    """Of all processes that use up a nonce at once exactly one is told that it is new."""
    stores = [RedisStore(store_server.url, PATIENT, os.urandom(8)) for _ in range(3)]
    try:
        for store in stores:
            await store.start()
        told = await asyncio.gather(*(spend(store) for store in stores for _ in range(10)))
        assert sorted(map(str, told)) == ["False"] * 29 + ["True"]
        assert await spend(stores[0], secret_id="AKIDother") is True
        assert await spend(stores[0], b"f" * 32) is True
    finally:
        for store in stores:
            await store.close()


@pytest.mark.parametrize("engine", every_engine())
async def test_it_is_forgotten_in_time(engine: Engine) -> None:
    """Its key says nothing, ends after the time that was asked for, and is the only one."""
    with running_server(engine) as server:
        store = RedisStore(server.url, PATIENT, os.urandom(8))
        await store.start()
        try:
            assert await spend(store, keep_s=480.0) is True
        finally:
            await store.close()
        with server.client() as client:
            (key,) = client.keys("*")
            assert key == b"quotad:{.nonce/AKIDtest/release}:n:" + NAME
            assert client.get(key) == b""
            assert 470_000 < client.pttl(key) <= 480_000
        assert store.stats.durations[VERB].counts
        assert VERB in VERBS


async def test_a_store_that_stands_still_says_nothing(store_server: StoreServer) -> None:
    """Past the deadline nobody knows; what was used up by then stays so."""
    store = RedisStore(store_server.url, StoreConfig(deadline_s=0.05), os.urandom(8))
    await store.start()
    try:
        store_server.pause()
        try:
            assert await spend(store) is None
        finally:
            store_server.resume()
        assert store.stats.errors["late"] == 1
    finally:
        await store.close()


def test_told_once() -> None:
    """Late and then answered, or answered with nonsense: who asked hears one word, and no guess."""
    told: list[bool | None] = []
    stats = StoreStats(VERBS)
    call = NonceCall(stats, told.append)
    call.on_late()
    call.on_reply(1)
    assert told == [None]
    call = NonceCall(stats, told.append)
    with pytest.raises(UnreadableError):
        call.on_reply(b"1")
    call.on_failed(StoreError("broken", "x", executed=None))
    assert told == [None, None]
    assert stats.errors == {"late": 1, "reply": 1, "broken": 1}


def test_a_secrets_nonces_lie_together() -> None:
    """They have one slot, and no plan's tag."""
    assert home_of("AKIDtest").tag == ".nonce/AKIDtest/release"
