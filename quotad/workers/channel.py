"""Messages between the supervisor and a worker: JSON objects, each after its length in four bytes."""

import asyncio
import json
import socket
import struct
from collections.abc import Mapping
from typing import Any

_LENGTH = struct.Struct("!I")


class Channel:
    """One end of a socket pair."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """See ``over``."""
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> "Channel":
        """Speak over ``end``, which belongs to the channel from then on."""
        return cls(*await asyncio.open_unix_connection(sock=end))

    def send(self, message: Mapping[str, Any]) -> None:
        """Send one message; lost when the other end is gone, which ``receive`` tells."""
        body = json.dumps(message, separators=(",", ":")).encode("ascii")
        self._writer.write(_LENGTH.pack(len(body)) + body)

    async def receive(self) -> dict[str, Any] | None:
        """The next message; None when the other end is gone."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            body = await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        message: dict[str, Any] = json.loads(body)
        return message

    async def close(self) -> None:
        """Send what was not sent yet, and close this end."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return  # the other end closed first: nobody is left to hear
