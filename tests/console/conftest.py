"""A console in control mode, with nothing in it, and whoever signed in with the configuration's token."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser

from tests.support.consoles import Console, browser, console
from tests.support.offices import OfficePort, office
from tests.support.servers import StoreServer


@pytest_asyncio.fixture(loop_scope="session")
async def port(store_server: StoreServer, tmp_path: Path) -> AsyncIterator[OfficePort]:
    """An admin port without any record."""
    async with office(store_server.url, tmp_path) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def opened() -> AsyncIterator[Browser]:
    """One browser for all; each test has a profile of its own in it."""
    async with browser() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def shown(opened: Browser, port: OfficePort) -> AsyncIterator[Console]:
    """The console before anybody has signed in."""
    async with console(opened, port) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def signed_in(shown: Console) -> Console:
    """The same, signed in as admin."""
    await shown.sign_in()
    return shown
