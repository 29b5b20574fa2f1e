"""The data plane without sockets."""

import asyncio

from bench.micro import still
from bench.micro.still import CONNECTIONS, World


def test_every_request_is_answered() -> None:
    """As many as are asked for, also when there are fewer or many more than connections, and again."""

    async def asked(world: World) -> list[int]:
        counts = []
        for count in (1, CONNECTIONS - 1, 5 * CONNECTIONS):
            async with asyncio.timeout(60):
                await world.exchange(count)
            counts.append(world.answers)
        return counts

    assert still.run(asked) == [1, CONNECTIONS - 1, 5 * CONNECTIONS]
