"""Waiting for what must come, without saying when."""

import asyncio
from collections.abc import Awaitable, Callable

AT_MOST_S = 120.0
"""Nothing takes this long; a machine may stand still for a while, or be shared by many."""


async def until(condition: Callable[[], bool], at_most_s: float = AT_MOST_S) -> None:
    """Return once the condition holds; TimeoutError when it never does."""
    async with asyncio.timeout(at_most_s):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)


async def until_true(ask: Callable[[], Awaitable[bool]], at_most_s: float = AT_MOST_S) -> None:
    """The same for a condition that must be asked for over a network."""
    async with asyncio.timeout(at_most_s):
        while True:
            if await ask():
                return
            await asyncio.sleep(0.01)
