"""What webhooks are to be told, beside the counters: who delivers, what was told, what is on its way.

Keys and scripts: lua/README.md. Nothing of it lies in the way of requests.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from quotad.config.model import StoreConfig
from quotad.core.deliveries import Delivery
from quotad.core.plans import QuotaWindow
from quotad.errors import StoreError
from quotad.store import access, records, scripts
from quotad.store.keys import WEBHOOKS, webhooks_key
from quotad.store.link import LinkOptions
from quotad.store.questions import answers
from quotad.store.resp import command

KEPT = 1_000
"""Events of one webhook, those that are not over beside."""
PAGE = 100
EVENT_BYTES = 64 * 1024

_DAY_MS = 86_400_000
KEPT_MS = 30 * _DAY_MS
"""After the last event of a webhook nothing is left of it."""
_MARKS_AFTER_MS = _DAY_MS
"""Marks outlive their window: the store's time may step back."""
_TOTAL_MS = 400 * _DAY_MS
"""Marks of totals, after they were last written or kept."""

_DEADLINE_S = 2.0
_ANSWERED_S = 2.25
_PARTS = ("events", "due", "open", "log")


@dataclass(frozen=True, slots=True)
class Change:
    """What one reading of a Subject's window comes to."""

    window: QuotaWindow
    end_us: int
    field: str
    """The Subject's tag."""
    before: str
    after: str
    """Marks, packed."""
    events: Sequence[tuple[str, Delivery]]
    """Webhook and what it is to be told."""


Asked = tuple[QuotaWindow, int, Sequence[str]]
"""A window, its end and tags."""


class Waiting(NamedTuple):
    """What is on its way to one webhook."""

    pending: int
    oldest_us: int
    """When the oldest came to be; 0: there is none."""


class Deliveries:
    """On one server or a Cluster. All methods raise StoreError. Made and used on one event loop.

    ``leader`` is the name of a process that asks as the one that delivers: refused when another one is.
    """

    def __init__(self, url: str, config: StoreConfig) -> None:
        self._namespace = config.namespace
        verbs = scripts.load_all(verbs=scripts.WEBHOOK_VERBS)
        self._shas = {name: script.sha for name, script in verbs.items()}
        options = LinkOptions(
            deadline_s=_DEADLINE_S,
            scripts=tuple(script.text for script in verbs.values()),
            client_name="quotad-webhooks",
            stuck_s=_DEADLINE_S + 1.0,
            min_replicas=config.min_replicas,
        )
        self._route = access.route(asyncio.get_running_loop(), url, config, options)

    def now_us(self) -> int | None:
        """See ``interface.Store.now_us``."""
        return self._route.now_us()

    async def start(self) -> None:
        """Connect. Raises StoreError when the server is unfit, not when it is merely away."""
        await self._route.start()

    async def close(self) -> None:
        """Let open calls end within the deadline, then disconnect."""
        await self._route.close()

    # Who delivers.

    async def lead(self, leader: str, ttl_ms: int) -> bool:
        """Whether this process leads from now on for so long; another one's time must be over first."""
        return await self._script("lead", [self._key("leader")], [leader, ttl_ms]) == 1

    async def resign(self, leader: str) -> None:
        """Lead no more, so that another one need not wait."""
        with contextlib.suppress(StoreError):
            await self._script("lead", [self._key("leader")], [leader, 0])

    # What was told.

    async def marks(self, asked: Sequence[Asked]) -> list[list[bytes | None]]:
        """What was told of these Subjects in each of these windows."""
        payloads = [
            command("HMGET", self._marks_key(window, end_us), *tags) for window, end_us, tags in asked
        ]
        found: list[list[bytes | None]] = []
        for reply, (_, _, tags) in zip(await self._ask(payloads), asked, strict=True):
            if not isinstance(reply, list) or len(reply) != len(tags):
                raise records.unreadable()
            found.append([each if isinstance(each, bytes) else None for each in reply])
        return found

    async def keep_totals(self, now_us: int) -> None:
        """What was told of totals does not expire while somebody looks after it."""
        key = self._marks_key("total", 0)
        await self._ask([command("PEXPIREAT", key, now_us // 1000 + _TOTAL_MS)])

    async def announce(self, leader: str, changes: Sequence[Change], now_us: int) -> bool:
        """Mark, and put events on their way: each change whole or not at all, and once.

        False: this process does not lead.
        """
        payloads = [self._announcement(leader, each, now_us) for each in changes]
        return 0 not in await self._ask(payloads, durable=True)

    def _announcement(self, leader: str, change: Change, now_us: int) -> bytes:
        keys = [self._key("leader"), self._marks_key(change.window, change.end_us)]
        end_ms = change.end_us // 1000 + _MARKS_AFTER_MS if change.end_us else now_us // 1000 + _TOTAL_MS
        words: list[bytes | str | int] = [leader, change.field, change.before, change.after, end_ms, KEPT_MS]
        for webhook_id, event in change.events:
            keys += self._keys_of(webhook_id)
            words += [event.event_id, _packed(event), event.created_us, event.next_us]
        return command("EVALSHA", self._shas["announce"], len(keys), *keys, *words)

    # What is on its way.

    async def send(self, webhook_id: str, event: Delivery) -> None:
        """Put an event on its way that nobody had to detect."""
        await self.announce("", [Change("total", 0, "", "", "", [(webhook_id, event)])], event.created_us)

    async def due(self, webhook_id: str, now_us: int, count: int) -> list[Delivery]:
        """Events that are to be tried now, at most so many, the longest due first."""
        asked = command("ZRANGEBYSCORE", self._keys_of(webhook_id)[1], "-inf", now_us, "LIMIT", 0, count)
        (names,) = await self._ask([asked])
        return [each for each in await self._events(webhook_id, names) if each.state == "pending"]

    async def attempted(self, leader: str, webhook_id: str, before: Delivery, after: Delivery) -> bool:
        """Write down what became of an event.

        False: it was not as ``before``, or this process does not lead.
        """
        keys = [self._key("leader"), *self._keys_of(webhook_id)]
        words: list[bytes | str | int] = [
            leader,
            before.event_id,
            _packed(before),
            _packed(after),
            after.created_us,
        ]
        words += [after.next_us or "", KEPT, KEPT_MS]
        return await self._script("attempted", keys, words) == 1

    async def waiting(self, webhook_ids: Sequence[str]) -> list[Waiting]:
        """What is on its way to each of these."""
        asked = []
        for each in webhook_ids:
            key = self._keys_of(each)[2]
            asked += [command("ZCARD", key), command("ZRANGE", key, 0, 0, "WITHSCORES")]
        replies = await self._ask(asked)
        return [_waiting(*pair) for pair in zip(replies[::2], replies[1::2], strict=True)]

    async def event(self, webhook_id: str, event_id: str) -> Delivery | None:
        """One of a webhook's events; None: it has no such one, or no longer."""
        found = await self._events(webhook_id, [event_id.encode()])
        return found[0] if found else None

    async def page(self, webhook_id: str, before: str, count: int, state: str = "") -> list[Delivery]:
        """Up to ``count`` events, the newest first.

        ``before``: those before this one; ``state``: those in it. Empty: all.
        """
        key = self._keys_of(webhook_id)[2 if state == "pending" else 3]
        start = 0
        if before:
            (rank,) = await self._ask([command("ZREVRANK", key, before)])
            if not isinstance(rank, int):
                return []
            start = rank + 1
        found: list[Delivery] = []
        while len(found) < count:
            (names,) = await self._ask([command("ZREVRANGE", key, start, start + PAGE - 1)])
            events = await self._events(webhook_id, names)
            found += [each for each in events if state in ("", each.state)]
            if not isinstance(names, list) or len(names) < PAGE:
                break
            start += PAGE
        return found[:count]

    async def forget(self, webhook_id: str) -> None:
        """Delete all events of a webhook that is no more."""
        await self._ask([command("UNLINK", *self._keys_of(webhook_id))])

    async def _events(self, webhook_id: str, names: object) -> list[Delivery]:
        if not isinstance(names, list) or not names:
            return []
        (reply,) = await self._ask([command("HMGET", self._keys_of(webhook_id)[0], *names)])
        if not isinstance(reply, list):
            raise records.unreadable()
        try:
            return [Delivery.of(records.record_of(each)) for each in reply if each is not None]
        except ValueError:
            raise records.unreadable() from None

    def _marks_key(self, window: QuotaWindow, end_us: int) -> bytes:
        return self._key(f"marks:{window}:{end_us}" if end_us else f"marks:{window}")

    def _keys_of(self, webhook_id: str) -> list[bytes]:
        return [self._key(f"{part}:{webhook_id}") for part in _PARTS]

    def _key(self, name: str) -> bytes:
        return webhooks_key(self._namespace, name)

    async def _script(self, verb: str, keys: Sequence[bytes], words: Sequence[bytes | str | int]) -> object:
        payload = command("EVALSHA", self._shas[verb], len(keys), *keys, *words)
        return (await self._ask([payload], durable=True))[0]

    async def _ask(self, payloads: Sequence[bytes], *, durable: bool = False) -> list[object]:
        if not payloads:
            return []
        return await answers(self._route, WEBHOOKS, payloads, _ANSWERED_S, durable=durable)


def _packed(event: Delivery) -> bytes:
    return records.pack(event.members(), EVENT_BYTES)


def _waiting(count: object, oldest: object) -> Waiting:
    match count, oldest:
        case int(), [_, bytes(score)]:
            return Waiting(count, int(float(score)))
        case int(), []:
            return Waiting(count, 0)
        case _:
            raise records.unreadable()
