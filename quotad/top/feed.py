"""Asks telemetry ports, and an admin port where there is one."""

import asyncio
from collections.abc import Sequence
from time import monotonic
from types import TracebackType
from typing import Self

import aiohttp

from quotad.client.admin import AdminPort
from quotad.client.paths import USAGE
from quotad.errors import QuotadError
from quotad.top.snapshot import Snapshot, take, take_rows

MOST_ROWS = 10_000
"""Of the admin port's: more do not fit a screen, and cost its store."""

_TIMEOUT = aiohttp.ClientTimeout(total=5)


class Feed:
    """Snapshots of a fleet. Use as an async context manager."""

    def __init__(self, telemetry: Sequence[str], admin: AdminPort | None = None) -> None:
        """URLs of ports, ``/metrics`` or not. Without ``admin`` use is a plan's, not its Secrets'."""
        self._pages = [f"{url.removesuffix('/metrics').rstrip('/')}/metrics" for url in telemetry]
        self._admin = admin
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=_TIMEOUT, raise_for_status=True)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def read(self) -> tuple[Snapshot, list[str]]:
        """What they say now, and the ports that said nothing, each with the reason.

        Raises QuotadError when none did.
        """
        snapshot, silent = Snapshot(monotonic()), []
        pages = await asyncio.gather(*map(self._page, self._pages), return_exceptions=True)
        for url, page in zip(self._pages, pages, strict=True):
            if isinstance(page, str):
                try:
                    take(snapshot, page)
                except (ValueError, KeyError):
                    silent.append(f"{url}: not a page of quotad's metrics")
            elif isinstance(page, QuotadError):
                silent.append(f"{url}: {page}")
            elif isinstance(page, BaseException):
                raise page
        if self._admin is not None:
            try:
                take_rows(snapshot, (await self._admin.rows(USAGE, "usage", {}, MOST_ROWS))[1])
            except QuotadError as error:
                silent.append(f"admin port: {error}")
        if silent and not snapshot.sidecars and not snapshot.use:
            raise QuotadError(silent[0])
        return snapshot, silent

    async def _page(self, url: str) -> str:
        assert self._session is not None  # noqa: S101 - for the types
        try:
            async with self._session.get(url) as answer:
                return await answer.text()
        except aiohttp.ClientResponseError as error:
            raise QuotadError(f"answered {error.status}") from None
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise QuotadError(str(error) or "did not answer in time") from None
