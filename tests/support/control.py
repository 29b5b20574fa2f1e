"""Control stores for tests, and a writer that reads, computes and commits until no other one was first."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence
from typing import Any

from quotad.config.model import StoreConfig
from quotad.store.control import Change, Commit, ControlStore, Head, Write


@contextlib.asynccontextmanager
async def control_store(
    url: str, *, writes: bool = True, min_replicas: int = 0
) -> AsyncIterator[ControlStore]:
    """A started store; nothing of it is left afterwards."""
    store = ControlStore(url, StoreConfig(min_replicas=min_replicas), writes=writes)
    await store.start()
    try:
        yield store
    finally:
        await store.close()


async def committed(store: ControlStore, *writes: Write) -> Head:
    """These writes made on whatever stands there; nobody else may write meanwhile."""
    head = await store.commit(Change(await store.head(), writes))
    assert head is not None
    return head


def secret(number: int, **more: Any) -> Write:
    """A Secret's record."""
    return Write("secret", f"AKID{number:08d}", {"secretName": f"name {number}", "created": number, **more})


async def everything(store: ControlStore, kind: str) -> dict[str, dict[str, Any]]:
    """All records of a kind."""
    return {name: record async for page in store.records(kind) for name, record in page}


async def all_members(store: ControlStore, plan_id: str) -> set[str]:
    """All SecretIds of a plan."""
    return {name async for page in store.members([plan_id]) for name in page}


async def whole_log(store: ControlStore) -> list[Commit]:
    """Every commit that the log still has."""
    found: list[Commit] = []
    while more := await store.since(found[-1].version if found else 0):
        found += more
    return found


def is_chain(log: Sequence[Commit]) -> bool:
    """Whether each commit stands on the one before it."""
    return all(
        (after.version, after.prev) == (before.version + 1, before.uid)
        for before, after in itertools.pairwise(log)
    )


async def increment(store: ControlStore, times: int) -> int:
    """Count up one record, so often; how often another writer was first."""
    lost = 0
    for _ in range(times):
        while True:
            head = await store.head()
            (record,) = await store.get("plan", ["counter"])
            count = record["count"] + 1 if record is not None else 1
            if await store.commit(Change(head, [Write("plan", "counter", {"count": count})])) is not None:
                break
            lost += 1
            await asyncio.sleep(0)
    return lost
