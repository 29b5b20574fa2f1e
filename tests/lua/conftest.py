"""The twins for the golden tests: the Lua on every kind of server here, and the reference."""

from collections.abc import Iterator

import pytest

from tests.support.servers import StoreServer, every_engine, running_server
from tests.support.twins import Twins


@pytest.fixture(scope="session", params=every_engine())
def lua_server(request: pytest.FixtureRequest) -> Iterator[StoreServer]:
    """One server of each kind for all tests of the Lua."""
    with running_server(request.param, unix=True) as server:
        yield server


@pytest.fixture
def twins(lua_server: StoreServer) -> Iterator[Twins]:
    """Both sides, empty, at 2036-03-02 12:00 UTC."""
    with lua_server.client() as client:
        yield Twins(client)
