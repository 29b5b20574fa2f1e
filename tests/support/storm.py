"""Many keep-alive connections that send the same request as fast as answers come, and count them."""

import asyncio
from collections import Counter
from collections.abc import Callable

HEAD_END = b"\r\n\r\n"


async def exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[int, bytes, bytes]:
    """Send one request, read one answer with a Content-Length: (status, head, body)."""
    writer.write(request)
    head = await reader.readuntil(HEAD_END)
    status = int(head[9:12])
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    body = await reader.readexactly(length) if length else b""
    return status, head, body


async def storm(
    ports: list[int], request: bytes, connections: int, until: Callable[[Counter[int]], bool]
) -> Counter[int]:
    """Statuses of all answers from ``connections`` connections to each port, until ``until`` is true."""
    statuses: Counter[int] = Counter()

    async def one(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while not until(statuses):
                status, _, _ = await exchange(reader, writer, request)
                statuses[status] += 1
        finally:
            writer.close()

    async with asyncio.TaskGroup() as group:
        for port in ports:
            for _ in range(connections):
                group.create_task(one(port))
    return statuses
