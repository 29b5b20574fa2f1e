"""The control records: services, plans, Secrets and who may change them, kept beside the counters.

Changed by whole commits, each computed from one state and refused when another came first; followed
through a log of them. Keys, entries and replies: lua/README.md.
"""

import asyncio
import contextlib
import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from quotad.config.model import StoreConfig
from quotad.errors import StoreError
from quotad.store import access, records, scripts
from quotad.store.keys import CONTROL, control_key
from quotad.store.link import LinkOptions
from quotad.store.questions import answers
from quotad.store.resp import command
from quotad.store.route import Route

WRITES_AT_MOST = 1_000
"""In one commit: it holds up the server's other clients for some milliseconds."""
WAIT_AT_MOST_MS = 1_000
"""How long ``ControlStore.since`` may wait for a commit that is yet to come."""

_LOG_BYTES = 4 * 1024 * 1024
_LOG_COUNT = 100
_MEMBERS_PAGE = 1_000
_PLANS_AT_ONCE = 100
"""Asked for their members with one write: most of a thousand plans have few or none."""
_ONCE_MS = 24 * 3600 * 1000
_QUEUED_BYTES = 64 * 1024 * 1024

_DEADLINE_S = 2.0
_STUCK_S = 3.0
# A call that could not be written fails at the link's deadline; one that was is given up a little later.
_ANSWERED_S = _DEADLINE_S + 0.25
_REPEATS = 2

_ENTRY = re.compile(r"([0-9]{1,16})-[0-9]{1,20}")


class Head(NamedTuple):
    """Which state the records are in. ``Head(0, "")``: there are none yet."""

    version: int
    """Grows with each commit; the first is the store's time in milliseconds."""
    uid: str
    """Of the last commit: two histories may have the same version, never the same uid."""


class Write(NamedTuple):
    """One record as it is to be; None deletes it."""

    kind: str
    id: str
    record: Mapping[str, Any] | None


@dataclass(frozen=True)
class Change:
    """What one commit is to do."""

    base: Head
    """What it was computed from."""
    writes: Sequence[Write]
    members: Sequence[tuple[str, str, bool]] = ()
    """(plan id, SecretId, whether it is added)."""
    audit: Mapping[str, Any] | None = None
    once: tuple[str, Mapping[str, Any]] | None = None
    """The digest of a request and its answer, kept for a day: a second commit with it is not made."""
    uid: str = field(default_factory=lambda: secrets.token_hex(8))
    """Names this change: the same one may be committed again when it is not known whether it was made."""


class Commit(NamedTuple):
    """A change that was made, as the log has it."""

    version: int
    prev: str
    """The uid of the commit before it."""
    uid: str
    writes: list[Write]


class ControlStore:
    """The control records on one server or a Cluster. All methods raise StoreError.

    Made and used on one event loop. ``writes`` False: for a user that may only read; it loads no
    scripts. Raises ValueError when the URL is none that ``topology`` knows.
    """

    def __init__(
        self, url: str, config: StoreConfig, *, writes: bool = True, audit_records: int = 100_000
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._namespace = config.namespace
        self._writes = writes
        self._audit_records = audit_records
        verbs = scripts.load_all(verbs=scripts.CONTROL_VERBS) if writes else {}
        self._shas = {name: script.sha for name, script in verbs.items()}
        calling = LinkOptions(
            deadline_s=_DEADLINE_S,
            scripts=tuple(script.text for script in verbs.values()),
            client_name="quotad-control",
            stuck_s=_STUCK_S,
            min_replicas=config.min_replicas if writes else 0,
            queued_bytes=_QUEUED_BYTES,
        )
        wait_s = WAIT_AT_MOST_MS / 1000
        following = LinkOptions(
            deadline_s=_DEADLINE_S + wait_s, client_name="quotad-follow", stuck_s=_STUCK_S + wait_s
        )
        self._calling = access.route(self._loop, url, config, calling)
        # Nothing else is answered on a connection while it waits.
        self._following = access.route(self._loop, url, config, following)

    @property
    def connected(self) -> bool:
        """Whether calls can go out now."""
        return self._calling.ready

    def now_us(self) -> int | None:
        """See ``interface.Store.now_us``."""
        return self._calling.now_us()

    async def start(self) -> None:
        """Connect. Raises StoreError when the server is unfit, not when it is merely away."""
        async with contextlib.AsyncExitStack() as unless_started:
            for route in (self._calling, self._following):
                unless_started.push_async_callback(route.close)
                await route.start()
            unless_started.pop_all()

    async def close(self) -> None:
        """Let open calls end within the deadline, then disconnect."""
        await asyncio.gather(self._calling.close(), self._following.close())

    async def head(self) -> Head:
        """Which state the records are in now."""
        reply = await self._ask("HMGET", self._key("meta"), "format", "version", "uid")
        match reply:
            case [None, None, None]:
                return Head(0, "")
            case [b"1", bytes(version), bytes(uid)] if version.isdigit():
                return Head(int(version), uid.decode("ascii", "replace"))
            case [bytes(other), _, _] if other != b"1":
                raise records.other_format()
            case _:
                raise records.unreadable()

    async def records(self, kind: str) -> AsyncIterator[list[tuple[str, dict[str, Any]]]]:
        """All records of a kind as (id, record), in pages; one may come twice.

        Whatever stands there from the first page to the last comes; what is changed meanwhile, perhaps.
        Raises StoreError (``failover``) when the server or the connection changed between pages, since
        another server gives them in another order; and ValueError for an unknown kind.
        """
        key = self._key(records.known_kind(kind))
        async for items in self._pages("HSCAN", key, records.PAGE[kind]):
            pairs = zip(items[::2], items[1::2], strict=False)
            yield [(records.text(name), records.record_of(packed)) for name, packed in pairs]

    async def members(self, plan_ids: Sequence[str]) -> AsyncIterator[list[str]]:
        """The SecretIds that have any of these plans, in pages, as ``records``; who has two comes twice."""
        for start in range(0, len(plan_ids), _PLANS_AT_ONCE):
            keys = [self._key(f"members:{each}") for each in plan_ids[start : start + _PLANS_AT_ONCE]]
            way = self._calling.way(CONTROL)
            asked = [command("SSCAN", key, b"0", "COUNT", _MEMBERS_PAGE) for key in keys]
            for key, reply in zip(keys, await self._answers(self._calling, asked, _ANSWERED_S), strict=True):
                cursor, items = _page(reply)
                yield [records.text(item) for item in items]
                if cursor != b"0":
                    async for items in self._pages("SSCAN", key, _MEMBERS_PAGE, (cursor, way)):
                        yield [records.text(item) for item in items]

    async def get(self, kind: str, ids: Sequence[str]) -> list[dict[str, Any] | None]:
        """These records in the order of their ids; None where there is none.

        Raises ValueError for an unknown kind and for what cannot be an id.
        """
        key, step = self._key(records.known_kind(kind)), records.PAGE[kind]
        found: list[dict[str, Any] | None] = []
        for start in range(0, len(ids), step):
            asked = [records.known_id(each) for each in ids[start : start + step]]
            reply = await self._ask("HMGET", key, *asked)
            if not isinstance(reply, list) or len(reply) != len(asked):
                raise records.unreadable()
            found += records.records_of(reply)
        return found

    async def since(self, version: int, wait_ms: int = 0) -> list[Commit]:
        """The commits after this version, oldest first, at most 100; waits for one when there is none yet.

        The first need not be the next one: the log keeps 4 MiB, so compare ``Commit.prev``. Only one
        caller at a time may wait, up to ``WAIT_AT_MOST_MS``.
        """
        if not 0 <= wait_ms <= WAIT_AT_MOST_MS:
            raise ValueError(f"a wait has 0 to {WAIT_AT_MOST_MS} ms")
        words: list[bytes | str | int] = ["XREAD", "COUNT", _LOG_COUNT]
        if wait_ms:
            words += ["BLOCK", wait_ms]
        # Entries end with -1, so those of this version are behind us.
        words += ["STREAMS", self._key("log"), f"{version}-1"]
        route = self._following if wait_ms else self._calling
        (reply,) = await self._answers(route, (command(*words),), _ANSWERED_S + wait_ms / 1000)
        match reply:
            case None:
                return []
            case [[bytes(), [*entries]]]:
                return [_commit(entry) for entry in entries]
            case _:
                raise records.unreadable()

    async def commit(self, change: Change) -> Head | None:
        """Make a change whole; None when another one was first, or ``once`` has its answer: compute it anew.

        Sent again by itself when it is not known whether it was made. Raises StoreError whose ``executed``
        is None when that is still not known: the same ``Change`` may then be committed again, and is made
        at most once. ValueError: more than ``WRITES_AT_MOST`` writes, too large, or odd names.
        """
        payload = self._packed(change)
        unknown: StoreError | None = None
        for _ in range(1 + _REPEATS):
            try:
                reply = await self._run(payload)
            except StoreError as error:
                # What the script itself says it would say again.
                if error.executed is not None or error.kind == "script":
                    raise unknown or error from None
                unknown = error
            else:
                return _outcome(change.uid, reply, unknown)
        raise unknown or records.unreadable()

    async def note(self, record: Mapping[str, Any]) -> None:
        """Add to the audit what is no change: who read a SecretKey."""
        self._check_writes()
        key, about = self._key("audit"), ("MAXLEN", "~", self._audit_records)
        await self._run(
            command("XADD", key, *about, "*", "record", records.pack(record, records.AUDIT_BYTES))
        )

    async def audit(self, before: str, count: int) -> list[tuple[str, dict[str, Any]]]:
        """Up to ``count`` (at most 100) audit records, newest first: those before this id; empty: the newest.

        An id begins with the store's time in milliseconds.
        """
        if before and not _ENTRY.fullmatch(before):
            raise ValueError("an audit record's id is two numbers with a hyphen")
        if before and not any(map(int, before.split("-"))):
            return []
        begin = f"({before}" if before else "+"
        count = max(1, min(count, records.AUDIT_PAGE))
        reply = await self._ask("XREVRANGE", self._key("audit"), begin, "-", "COUNT", count)
        if not isinstance(reply, list):
            raise records.unreadable()
        return [records.audit_record(entry) for entry in reply]

    async def once(self, digest: str) -> dict[str, Any] | None:
        """The answer that a commit left for this request; None: there is none, or no longer."""
        reply = await self._ask("GET", self._key(f"once:{digest}"))
        return None if reply is None else records.record_of(reply)

    async def tally(self, name: str, window_ms: int, add: int = 1) -> int:
        """Count something in the whole fleet; the count since its window began, this included.

        A window begins with the first that is counted and has ``window_ms`` milliseconds.
        """
        key = self._key(f"tally:{name}")
        payload = command("EVALSHA", self._sha("tally"), 1, key, add, window_ms)
        reply = await self._run(payload, durable=False)
        if not isinstance(reply, int):
            raise records.unreadable()
        return reply

    def _key(self, name: str) -> bytes:
        return control_key(self._namespace, name)

    def _sha(self, verb: str) -> bytes:
        self._check_writes()
        return self._shas[verb]

    def _check_writes(self) -> None:
        if not self._writes:
            raise StoreError("noperm", "this process may only read the control records", executed=False)

    def _packed(self, change: Change) -> bytes:
        """The script call that makes a change."""
        if len(change.writes) > WRITES_AT_MOST:
            raise ValueError(f"a commit has at most {WRITES_AT_MOST} writes")
        digest, answer = change.once or ("", {})
        if digest:
            self._key(f"once:{digest}")
        words: list[bytes | str | int] = [change.uid, *change.base, _LOG_BYTES]
        words += [
            b"" if change.audit is None else records.pack(change.audit, records.AUDIT_BYTES),
            self._audit_records,
        ]
        words += [digest, records.pack(answer, records.COMMIT_BYTES), _ONCE_MS, len(change.writes)]
        for write in change.writes:
            words += records.write_words(write.kind, write.id, write.record)
        for plan_id, secret_id, added in change.members:
            words += [records.known_id(plan_id), records.known_id(secret_id), int(added)]
        keys = (self._key("meta"), self._key("scratch"))
        payload = command("EVALSHA", self._sha("commit"), len(keys), *keys, *words)
        if len(payload) > records.COMMIT_BYTES:
            raise ValueError(f"a commit has at most {records.COMMIT_BYTES} bytes")
        return payload

    async def _pages(
        self, verb: str, key: bytes, count: int, after: tuple[bytes, object] | None = None
    ) -> AsyncIterator[list[object]]:
        cursor, way = after or (b"0", self._calling.way(CONTROL))
        while True:
            reply = await self._ask(verb, key, cursor, "COUNT", count)
            if self._calling.way(CONTROL) != way:
                raise StoreError("failover", "the connection changed between two pages", executed=True)
            cursor, items = _page(reply)
            yield items
            if cursor == b"0":
                return

    async def _ask(self, *words: bytes | str | int) -> object:
        """The reply to a command that changes nothing."""
        return await self._run(command(*words), durable=False)

    async def _run(self, payload: bytes, *, durable: bool = True) -> object:
        (item,) = await self._answers(self._calling, (payload,), _ANSWERED_S, durable=durable)
        return item

    async def _answers(
        self, route: Route, payloads: Sequence[bytes], within_s: float, *, durable: bool = False
    ) -> list[object]:
        return await answers(route, CONTROL, payloads, within_s, durable=durable)


def _page(reply: object) -> tuple[bytes, list[object]]:
    match reply:
        case [bytes(following), [*items]]:
            return following, items
        case _:
            raise records.unreadable()


def _outcome(uid: str, reply: object, unknown: StoreError | None) -> Head | None:
    """What ``commit.lua`` answered; ``unknown``: why nobody knows what an earlier call of it did."""
    match reply:
        case [1, int(version)]:
            return Head(version, uid)
        case [0]:
            return None
        case [2]:
            if unknown is not None:
                raise unknown
            return None
        case [3]:
            raise records.other_format()
        case _:
            raise records.unreadable()


def _commit(entry: object) -> Commit:
    """One entry of the log."""
    match entry:
        case [bytes(name), [b"prev", bytes(prev), b"uid", bytes(uid), b"writes", bytes(packed)]]:
            version = _ENTRY.fullmatch(records.text(name))
        case _:
            raise records.unreadable()
    told = records.parsed(packed)
    if version is None or not isinstance(told, list):
        raise records.unreadable()
    return Commit(int(version[1]), records.text(prev), records.text(uid), [_write(item) for item in told])


def _write(item: object) -> Write:
    match item:
        case [str(kind), str(name), dict() | None as record]:
            return Write(kind, name, record)
        case _:
            raise records.unreadable()
