"""How a change comes to be: read at the newest version, decided here, committed only if nothing moved since.

A change that lost against another is decided again on what the other left. So every rule is checked on
one consistent state, however many admin processes there are, and a change is made whole or not at all.
"""

import asyncio
import json
import random
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Generic, Protocol, TypeVar, cast

from quotad.catalog.vault import Vault
from quotad.controlplane.refusal import OperationError, Reason
from quotad.controlplane.replica import Record, Replica, chunks
from quotad.errors import StoreError
from quotad.store.control import Change, Commit, Head, Write

ATTEMPTS = 50
"""Of one change. With eight writers at once the unluckiest of thousands of changes needed 14."""

_PAUSE_S = 0.002
_ONCE = "once"


class Control(Protocol):
    """The verbs of ``store.control.ControlStore`` that are needed here."""

    def now_us(self) -> int | None:
        """The store's time; None until it was heard."""

    async def head(self) -> Head:
        """The newest version. Raises StoreError, as all of these."""

    def records(self, kind: str) -> Any:
        """All records of a kind, in pages."""

    async def get(self, kind: str, ids: Sequence[str]) -> list[dict[str, Any] | None]:
        """Records as they are now."""

    async def since(self, version: int, wait_ms: int = 0) -> list[Commit]:
        """Commits after this version, as far as they are kept."""

    async def commit(self, change: Change) -> Head | None:
        """Make it; None: the records are no longer at its base."""

    async def once(self, digest: str) -> dict[str, Any] | None:
        """What was answered under this Idempotency-Key."""

    async def note(self, record: Mapping[str, Any]) -> None:
        """Add to the audit log what is no change."""

    async def audit(self, before: str, count: int) -> list[tuple[str, dict[str, Any]]]:
        """Records of the audit log before this id, the newest first."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks for a change."""

    name: str
    role: str = "admin"
    means: str = "token"
    """How it showed who it is: token, session, signature, certificate, loopback, shell."""
    address: str = ""
    request_id: str = ""
    key: str = ""
    """Idempotency-Key; empty: none."""
    fingerprint: str = ""
    """Of what was asked for under the key."""


R = TypeVar("R")


@dataclass(slots=True)
class Draft(Generic[R]):
    """A change that was decided on, not made yet."""

    result: R
    """What the asker is answered."""
    target: str = ""
    """What it is about, as the audit log shows it: kind and id."""
    writes: list[Write] = field(default_factory=list)
    members: list[tuple[str, str, bool]] = field(default_factory=list)
    """(plan, Secret, added)"""
    before: Any = None
    after: Any = None
    """As the audit log shows them: without any SecretKey."""


class State:
    """What a change is decided on: all records at one version."""

    def __init__(self, replica: Replica, control: Control, vault: Vault | None, now_us: int) -> None:
        self.replica = replica
        self.now_us = now_us
        self._control = control
        self._vault = vault

    @property
    def vault(self) -> Vault:
        """What seals SecretKeys. Raises OperationError where there is no master key."""
        if self._vault is None:
            raise OperationError(Reason.READ_ONLY, "there is no master key here: no SecretKey can be kept")
        return self._vault

    async def secrets(self, ids: Sequence[str]) -> list[dict[str, Any] | None]:
        """Their whole records, sealed keys too. Raises StoreError."""
        known = [each for each in ids if self.replica.secret(each) is not None]
        found: dict[str, dict[str, Any] | None] = {}
        for part in chunks(known):
            found.update(zip(part, await self._control.get("secret", part), strict=True))
        return [found.get(each) for each in ids]


Decide = Callable[[State], Awaitable[Draft[R]]]
"""Decides on a change. Raises OperationError. May be called again, on a newer State."""


class Desk:
    """Reads and changes control records for one process. For one event loop."""

    def __init__(self, control: Control, vault: Vault | None) -> None:
        self._control = control
        self._vault = vault
        self._replica = Replica()
        self._turn = asyncio.Lock()
        self._loaded = False

    @property
    def replica(self) -> Replica:
        """The records as they were last read."""
        return self._replica

    async def read(self) -> State:
        """All records as they are now. Raises StoreError."""
        async with self._turn:
            return await self._newest()

    async def change(self, asker: Asker, action: str, decide: Decide[R]) -> R:
        """Make a change; answers ``Draft.result``. Raises OperationError and StoreError.

        With a key that was used for the same request already: what was answered then.
        """
        async with self._turn:
            for attempt in range(ATTEMPTS):
                await pause(attempt)
                state = await self._newest()
                kept = await self._recall(asker)
                if kept:
                    return cast(R, kept[0])
                draft = await decide(state)
                if not draft.writes and not draft.members:
                    return draft.result
                if await self._commit(state, draft, asker, action):
                    return draft.result
        raise OperationError(Reason.BUSY, "others change the same records all the time: try again")

    async def note(self, asker: Asker, action: str, target: str, after: Any) -> None:
        """Add to the audit log what is no change: what was shown to somebody. Raises StoreError."""
        draft = Draft(None, target, after=after)
        await self._control.note(_audit(await self.read(), draft, asker, action))

    async def audited(self, before: str, count: int) -> list[tuple[str, dict[str, Any]]]:
        """See ``Control.audit``."""
        return await self._control.audit(before, count)

    async def _commit(self, state: State, draft: Draft[Any], asker: Asker, action: str) -> bool:
        change = Change(
            base=state.replica.head,
            writes=draft.writes,
            members=draft.members,
            audit=_audit(state, draft, asker, action),
            once=self._once(asker, draft),
        )
        try:
            head = await self._control.commit(change)
        except StoreError:
            # It may have been made: the next reading says.
            self._loaded = False
            raise
        if head is None:
            return False
        self._replica.apply(head, draft.writes)
        return True

    async def _newest(self) -> State:
        head = await self._control.head()
        if not self._loaded or not await self._follow(head):
            await self._load(head)
        now_us = self._control.now_us()
        if now_us is None:
            raise StoreError("disconnected", "the store's time is not known", executed=False)
        return State(self._replica, self._control, self._vault, now_us)

    async def _follow(self, head: Head) -> bool:
        """Whether what is known could be brought to ``head``, or later, commit by commit."""
        replica = self._replica
        while replica.head.version < head.version:
            commits = await self._control.since(replica.head.version)
            if not commits:
                return False
            for commit in commits:
                if commit.version != replica.head.version + 1 or commit.prev != replica.head.uid:
                    return False
                replica.apply(Head(commit.version, commit.uid), commit.writes)
        return replica.head.version > head.version or replica.head.uid == head.uid

    async def _load(self, head: Head) -> None:
        """All records, then what changed while they were read. Raises StoreError."""
        for _ in range(ATTEMPTS):
            replica = Replica()
            for kind in ("service", "plan", "secret", "credential", "doomed", "webhook"):
                async for page in self._control.records(kind):
                    replica.put(kind, page)
            replica.head = head
            self._replica, self._loaded = replica, True
            newest = await self._control.head()
            if await self._follow(newest):
                return
            head, self._loaded = newest, False
        raise StoreError("busy", "the records change faster than they can be read", executed=False)

    # What an Idempotency-Key was used for.

    async def _recall(self, asker: Asker) -> tuple[Any, ...]:
        """What was answered, which may be None; empty: nothing was."""
        if not asker.key:
            return ()
        kept = await self._control.once(_digest(asker))
        if kept is None:
            return ()
        if kept.get("request") != asker.fingerprint:
            raise OperationError(Reason.KEY_REUSED, "this Idempotency-Key was used for another request")
        if self._vault is None:
            raise OperationError(Reason.READ_ONLY, "there is no master key here")
        return (json.loads(self._vault.open(_digest(asker), kept["answer"], _ONCE)),)

    def _once(self, asker: Asker, draft: Draft[Any]) -> tuple[str, Mapping[str, Any]] | None:
        """A created SecretKey is a part of the answer: so it is kept sealed."""
        if not asker.key or self._vault is None:
            return None
        digest = _digest(asker)
        answer = self._vault.seal(digest, json.dumps(draft.result).encode(), _ONCE)
        return digest, {"request": asker.fingerprint, "answer": answer}


async def pause(lost: int) -> None:
    """What who lost so often against others waits before it tries again: longer each time, at random."""
    if lost:
        await asyncio.sleep(random.uniform(0, _PAUSE_S * min(lost, 16)))  # noqa: S311 - a pause


def _digest(asker: Asker) -> str:
    return sha256(f"{asker.name}\n{asker.key}".encode()).hexdigest()


def _audit(state: State, draft: Draft[Any], asker: Asker, action: str) -> Record:
    return {
        "id": secrets.token_hex(8),
        "event": "done",
        "time": rfc3339(state.now_us),
        "who": asker.name,
        "role": asker.role,
        "means": asker.means,
        "address": asker.address,
        "requestId": asker.request_id,
        "action": action,
        "target": draft.target,
        "before": draft.before,
        "after": draft.after,
    }


def rfc3339(time_us: int) -> str:
    """An instant, UTC, with milliseconds."""
    whole_s, rest_us = divmod(time_us, 1_000_000)
    # strftime writes the year 907 with three digits.
    whole = datetime.fromtimestamp(whole_s, UTC).replace(tzinfo=None).isoformat()
    return f"{whole}.{rest_us // 1000:03d}Z"
