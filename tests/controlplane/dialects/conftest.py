"""A port with the clouds' wire formats."""

from collections.abc import AsyncIterator

import pytest

from tests.support.dialects import Cloud, DialectPort, dialect_port
from tests.support.servers import StoreServer


@pytest.fixture
async def port(store_server: StoreServer) -> AsyncIterator[DialectPort]:
    """An admin process upon an empty server."""
    async with dialect_port(store_server.url) as started:
        yield started


@pytest.fixture
def cloud(port: DialectPort) -> Cloud:
    """The cloud's own client with the key pair of an admin."""
    return port.cloud()
