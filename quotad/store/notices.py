"""What Sidecars tell of themselves: who is there, and what each minute brought it. Nothing is decided by it.

Each writes its own absolute numbers under its own name, so a message sent twice changes nothing.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from quotad.core.plans import Tagged
from quotad.errors import StoreError
from quotad.store.keys import FLEET, fleet_key
from quotad.store.resp import command

MINUTE_US = 60_000_000
MINUTES_KEPT = 65
SILENT_US = 3600 * 1_000_000
"""A Sidecar that was not heard of for so long is forgotten."""

_DAY_US = 24 * 3600 * 1_000_000

Record = Mapping[str, Any]

Ask = Callable[[Sequence[tuple[Tagged, bytes]], bool], Awaitable[list[object]]]
"""Calls, durable or not: their replies, or a StoreError in the place of one. Raises StoreError."""


class Notices:
    """All methods raise StoreError."""

    def __init__(self, namespace: str, ask: Ask) -> None:
        self._namespace = namespace
        self._ask = ask

    async def tell(self, sidecar: str, record: Record, minutes: Mapping[int, Record], now_us: int) -> None:
        """What this Sidecar is now, and what some minutes brought it. A minute is named by its begin."""
        whole = self._key("sidecars")
        said = [command("HSET", whole, sidecar, _packed({**record, "heardAt": now_us}))]
        said.append(command("PEXPIREAT", whole, (now_us + _DAY_US) // 1000))
        for begin_us, counts in minutes.items():
            key = self._minute(begin_us)
            said.append(command("HSET", key, sidecar, _packed(counts)))
            said.append(command("PEXPIREAT", key, (begin_us + MINUTES_KEPT * MINUTE_US) // 1000))
        await self._all(said)

    async def leave(self, sidecar: str) -> None:
        """It ends: what its minutes brought stays."""
        await self._all([command("HDEL", self._key("sidecars"), sidecar)])

    async def sidecars(self, now_us: int) -> dict[str, Record]:
        """What each last said. Those that fell silent long ago are forgotten here."""
        (reply,) = await self._all([command("HGETALL", self._key("sidecars"))])
        found = _read(reply)
        silent = [name for name, record in found.items() if record["heardAt"] < now_us - SILENT_US]
        if silent:
            await self._all([command("HDEL", self._key("sidecars"), *silent)])
        return {name: record for name, record in found.items() if name not in silent}

    async def minutes(self, begins_us: Sequence[int]) -> list[list[Record]]:
        """What each of these minutes brought, by Sidecar."""
        replies = await self._all([command("HGETALL", self._minute(each)) for each in begins_us])
        return [list(_read(reply).values()) for reply in replies]

    async def _all(self, commands: Sequence[bytes]) -> list[object]:
        replies = await self._ask([(FLEET, each) for each in commands], False)
        for reply in replies:
            if isinstance(reply, StoreError):
                raise reply
        return replies

    def _minute(self, begin_us: int) -> bytes:
        return self._key(f"minute:{begin_us // MINUTE_US}")

    def _key(self, name: str) -> bytes:
        return fleet_key(self._namespace, name)


def _packed(record: Record) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode()


def _read(reply: object) -> dict[str, Record]:
    """HGETALL's reply; what cannot be read (of a later version) is not there."""
    items = reply if isinstance(reply, list) else []
    found: dict[str, Record] = {}
    for name, packed in zip(items[::2], items[1::2], strict=False):
        try:
            record = json.loads(packed)
        except (TypeError, ValueError):
            continue
        if isinstance(record, dict) and isinstance(name, bytes):
            found[name.decode("ascii", "replace")] = record
    return found
