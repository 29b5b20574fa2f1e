"""Waiting for what must come, without saying when."""

import asyncio
from collections.abc import Callable

AT_MOST_S = 15.0


async def until(condition: Callable[[], bool]) -> None:
    """Return once the condition holds; TimeoutError when it never does."""
    async with asyncio.timeout(AT_MOST_S):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)
