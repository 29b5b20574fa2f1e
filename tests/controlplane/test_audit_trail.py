from pathlib import Path

import pytest

from quotad.controlplane.audit import AuditLog
from quotad.controlplane.audit_trail import FileTrail, StoreTrail, Trail
from tests.support.control import control_store
from tests.support.servers import StoreServer

WHO = {"name": "me", "role": "admin", "means": "token", "peer": "192.0.2.1"}
ASKED = {"id": "1", "action": "reset", "subject": "p/s/test", "who": WHO, "reason": "r", "key": "k"}


async def fill(trail: Trail) -> None:
    """A reset, asked for and done."""
    await trail.append("asked", {**ASKED, "before": {"day": 1}, "change": {"windows": ["day"]}})
    await trail.append("done", {**ASKED, "after": {"day": 0}})


async def check(trail: Trail) -> None:
    """Both are read, in one shape, the newest first, a page at a time."""
    (last, done), (first, asked) = await trail.page("", 10)
    assert [record["event"] for record in (asked, done)] == ["asked", "done"]
    assert (asked["action"], asked["target"], asked["who"]) == ("ResetUsage", "usage/p/s/test", "me")
    assert (asked["before"], asked["after"], done["after"]) == (
        {"day": 1},
        {"windows": ["day"]},
        {"day": 0},
    )
    assert (asked["address"], asked["means"], asked["reason"]) == ("192.0.2.1", "token", "r")
    assert [name for name, _ in await trail.page("", 1)] == [last]
    assert [name for name, _ in await trail.page(last, 10)] == [first]
    assert await trail.page(first, 10) == []


async def test_in_a_file(tmp_path: Path) -> None:
    """What the file has from before is fresh once; later nobody else writes to it."""
    trail = FileTrail(AuditLog(tmp_path / "audit", lambda: 0.0))
    assert await trail.page("", 10) == []
    await fill(trail)
    await check(trail)
    assert [record["event"] for record in await trail.fresh()] == ["asked", "done"]
    assert await trail.fresh() == []


async def test_in_the_store(store_server: StoreServer) -> None:
    """What any process appends is fresh to each of them, once."""
    async with control_store(store_server.url) as control:
        one, two = StoreTrail(control), StoreTrail(control)
        assert await one.fresh() == []
        await fill(two)
        await check(one)
        for trail in (one, two):
            assert [record["event"] for record in await trail.fresh()] == ["asked", "done"]
            assert await trail.fresh() == []
        assert await one.page("0-0", 5) == []


@pytest.mark.parametrize("count", [1, 2, 3, 100])
def test_pages_of_a_long_file(tmp_path: Path, count: int) -> None:
    """Whatever its length, each record comes once and in order; a torn line is left out."""
    log = AuditLog(tmp_path / "audit", lambda: 0.0)
    for number in range(40):
        log.append("done", {"id": number, "text": "x" * 5_000})
    with (tmp_path / "audit").open("ab") as file:
        file.write(b'{"id": "torn')
    found, before = [], ""
    while page := log.page(before, count):
        found += [record["id"] for _, record in page]
        before = page[-1][0]
    assert found == list(range(39, -1, -1))
