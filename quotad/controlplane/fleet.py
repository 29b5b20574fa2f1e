"""The fleet as its Sidecars tell of themselves: who lives, what the last hour brought, who is refused.

What they say is a few seconds old; minutes that are over are read once.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from quotad.core.table import Table
from quotad.core.usage_rows import stamp
from quotad.errors import StoreError

MINUTE_US = 60_000_000
SHOWN = 60
"""Minutes, the running one included."""

ALIVE_US = 15_000_000
"""Whoever was heard within this time lives: it speaks every 5 s."""

_SETTLED_US = 2 * MINUTE_US
"""After its begin a minute changes no more, but for a Sidecar that could not reach the store."""

_TEXTS = ("host", "version", "configVersion", "mode")
_NUMBERS = ("pid", "connections", "held", "leased", "unaccounted", "storeErrors", "storeUs", "lagUs")

Row = dict[str, Any]
Record = Mapping[str, Any]
Place = tuple[str, str, str]
"""Plan, service, environment; empty: any."""


class Board(Protocol):
    """The verbs of ``store.notices.Notices`` that are needed here."""

    async def sidecars(self, now_us: int) -> dict[str, Record]:
        """What each last said. Raises StoreError."""

    async def minutes(self, begins_us: Sequence[int]) -> list[list[Record]]:
        """What these minutes brought, by Sidecar. Raises StoreError."""


class NoticedStore(Protocol):
    """The parts of the store that are needed here."""

    @property
    def notices(self) -> Board:
        """What Sidecars tell."""

    def now_us(self) -> int | None:
        """The store's time."""


class FleetView:
    """Reads what was told. For one event loop."""

    def __init__(self, store: NoticedStore) -> None:
        self._store = store
        self._over: dict[int, list[Record]] = {}

    async def sidecars(self) -> Row:
        """Everyone who was heard within the last hour, the living first. Raises StoreError."""
        now_us = self._now_us()
        found = await self._store.notices.sidecars(now_us)
        rows = [_sidecar(name, record, now_us) for name, record in found.items()]
        rows.sort(key=lambda row: (not row["alive"], row["host"], row["pid"]))
        return {"storeTime": stamp(now_us), "sidecars": rows}

    async def activity(self, place: Place) -> Row:
        """Admitted, and denied by limit, in each of the last 60 minutes at a place. Raises StoreError."""
        rows = []
        for begin_us, told in await self._hour():
            admitted, denied = 0, dict[str, int]()
            for *names, reason, number in _items(told, "row", 5):
                if _meant(place, names) and reason:
                    denied[reason] = denied.get(reason, 0) + number
                elif _meant(place, names):
                    admitted += number
            refused = [{"limit": limit, "count": count} for limit, count in sorted(denied.items())]
            rows.append({"minute": stamp(begin_us), "admitted": admitted, "denied": refused})
        return {"storeTime": stamp(self._now_us()), "minutes": rows}

    async def refused(self, table: Table, place: Place, secret_id: str) -> list[Row]:
        """Who was refused in the last hour and by which limit, the most refused first. Raises StoreError."""
        sums: dict[tuple[str, ...], tuple[int, int]] = {}
        for begin_us, told in await self._hour():
            for *names, number in _items(told, "who", 6):
                secret, *where, limit = names
                if secret_id in ("", secret) and _meant(place, where):
                    name = (secret, *where, limit)
                    sums[name] = (sums.get(name, (0, 0))[0] + number, begin_us)
        order = sorted(sums.items(), key=lambda item: (-item[1][0], item[0]))
        return [_refusal(table, name, *told) for name, told in order]

    async def _hour(self) -> list[tuple[int, list[Record]]]:
        """The minutes of the last hour, the oldest first."""
        now_us = self._now_us()
        last_us = now_us // MINUTE_US * MINUTE_US
        begins = [last_us - back * MINUTE_US for back in reversed(range(SHOWN))]
        self._over = {begin: self._over[begin] for begin in begins if begin in self._over}
        asked = [begin for begin in begins if begin not in self._over]
        found = dict(zip(asked, await self._store.notices.minutes(asked), strict=True))
        told = {**self._over, **found}
        self._over.update({each: found[each] for each in asked if each + _SETTLED_US <= now_us})
        return [(begin, told[begin]) for begin in begins]

    def _now_us(self) -> int:
        now_us = self._store.now_us()
        if now_us is None:
            raise StoreError("connect", "the store was not heard yet", executed=False)
        return now_us


def _items(told: Sequence[Record], kind: str, length: int) -> list[list[Any]]:
    """Names and a number each; what has another form, of a later version, is passed over."""
    return [item for record in told for item in record.get(kind, ()) if len(item) == length]


def _meant(place: Place, names: Sequence[str]) -> bool:
    return all(wanted in ("", name) for wanted, name in zip(place, names, strict=True))


def _sidecar(name: str, record: Record, now_us: int) -> Row:
    heard_us, started_us = int(record["heardAt"]), int(record.get("startedAt", 0))
    return {
        "sidecarId": name,
        "alive": heard_us + ALIVE_US > now_us,
        "startedAt": stamp(started_us),
        "heardAt": stamp(heard_us),
        **{key: str(record.get(key, "")) for key in _TEXTS},
        **{key: int(record.get(key, 0)) for key in _NUMBERS},
    }


def _refusal(table: Table, name: tuple[str, ...], number: int, begin_us: int) -> Row:
    secret_id, plan_id, service_id, environment, limit = name
    secret, plan = table.secrets.get(secret_id), table.plans.get(plan_id)
    service = table.services.get(service_id)
    return {
        "secretId": secret_id,
        "secretName": "" if secret is None else secret.secret_name,
        "usagePlanId": plan_id,
        "usagePlanName": "" if plan is None else plan.usage_plan_name,
        "serviceId": service_id,
        "serviceName": "" if service is None else service.service_name,
        "environment": environment,
        "limit": limit,
        "count": number,
        "lastMinute": stamp(begin_us),
    }
