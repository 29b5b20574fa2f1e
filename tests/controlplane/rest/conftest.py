"""An admin process for tests of the native routes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.offices import OfficePort, office
from tests.support.servers import StoreServer


@pytest.fixture
async def port(store_server: StoreServer, tmp_path: Path) -> AsyncIterator[OfficePort]:
    """In control mode, on an empty server."""
    async with office(store_server.url, tmp_path) as running:
        yield running
