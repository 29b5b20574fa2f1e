"""Admin processes for tests."""

from collections.abc import AsyncIterator

import pytest

from quotad.controlplane.operations import Operations
from tests.support.desk import operations
from tests.support.servers import StoreServer


@pytest.fixture
async def desk(store_server: StoreServer) -> AsyncIterator[Operations]:
    """An admin process on an empty server."""
    async with operations(store_server.url) as started:
        yield started
