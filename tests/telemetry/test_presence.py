import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from quotad.errors import StoreError
from quotad.telemetry import presence as module
from quotad.telemetry.metrics import Recorder
from quotad.telemetry.presence import MINUTE_US, Presence, Self
from quotad.telemetry.refusals import RefusalBook
from quotad.telemetry.sources import Sources
from tests.support.samples import NOW_US, SHARED, TABLE, Place, outcome

BEGIN_US = NOW_US // MINUTE_US * MINUTE_US
ROW = [SHARED.usage_plan_id, Place.service_id, Place.environment]


class Board:
    """Keeps what it is told, while it is not away."""

    def __init__(self) -> None:
        self.away = False
        self.records: list[Mapping[str, Any]] = []
        self.minutes: dict[int, Mapping[str, Any]] = {}
        self.left = False
        self.heard = asyncio.Event()

    async def tell(
        self, sidecar: str, record: Mapping[str, Any], minutes: Mapping[int, Mapping[str, Any]], now_us: int
    ) -> None:
        self.heard.set()
        if self.away:
            raise StoreError("deadline", "away", executed=None)
        self.records.append(record)
        self.minutes.update(minutes)

    async def leave(self, sidecar: str) -> None:
        self.left = True


class Process:
    """One that serves callers, with a clock that a test sets."""

    def __init__(self) -> None:
        self.now_us: int | None = NOW_US
        self.book = RefusalBook("0123456789ab", lambda: 0.0, lambda: 0.0)
        self.recorder = Recorder(None, self.book.keep)
        self.recorder.configure((Place(),), TABLE)
        self.board = Board()
        about = Self("0123456789ab", "file", lambda: self.now_us, lambda: "v7", self.outstanding)
        self.presence = Presence(self.board, about, lambda: Sources(self.recorder), self.book)

    async def outstanding(self) -> tuple[int, int]:
        """Held, and taken ahead."""
        return 3, 4

    def serve(self, status: int = 200, limit: str = "", secret_id: str = "AKIDa") -> None:
        """One request."""
        made = outcome(status, secret_id=secret_id)
        if limit:
            made.reason, made.limit, made.request_id = "rate", limit, "0123456789ab00000001"
        self.recorder.record(made)


async def test_what_it_tells_of_itself() -> None:
    """Version, configuration, when it began, what is held and ahead."""
    process = Process()
    await process.presence.turn()
    process.now_us = NOW_US + 5_000_000
    await process.presence.turn()
    (_, record) = process.board.records
    assert (record["configVersion"], record["held"], record["leased"], record["mode"]) == ("v7", 3, 4, "file")
    assert record["startedAt"] == NOW_US
    assert record["version"]
    assert record["host"]


async def test_what_a_minute_brought() -> None:
    """Admitted, denied by limit, and who was; each request is in one minute, however often that is told."""
    process = Process()
    process.serve()
    process.serve(429, "day")
    await process.presence.turn()
    process.serve()
    process.serve(429, "day", "AKIDb")
    process.serve(429, "rate", "AKIDb")
    await process.presence.turn()
    await process.presence.turn()
    assert process.board.minutes == {
        BEGIN_US: {
            "row": [[*ROW, "", 2], [*ROW, "day", 2], [*ROW, "rate", 1]],
            "who": [["AKIDa", *ROW, "day", 1], ["AKIDb", *ROW, "rate", 1], ["AKIDb", *ROW, "day", 1]],
        }
    }
    process.now_us = NOW_US + MINUTE_US
    process.serve()
    await process.presence.turn()
    assert process.board.minutes[BEGIN_US + MINUTE_US] == {"row": [[*ROW, "", 1]], "who": []}


async def test_what_the_store_did_not_hear_is_told_again() -> None:
    """The minute before is told with the next; after three minutes without the store the oldest is lost."""
    process = Process()
    process.board.away = True
    for minute in range(4):
        process.now_us = NOW_US + minute * MINUTE_US
        process.serve()
        with pytest.raises(StoreError):
            await process.presence.turn()
    process.board.away = False
    await process.presence.turn()
    assert sorted(process.board.minutes) == [BEGIN_US + minute * MINUTE_US for minute in (1, 2, 3)]


async def test_nothing_is_told_before_the_store_was_heard() -> None:
    """Without the store's time there is no minute to count in."""
    process = Process()
    process.now_us = None
    await process.presence.turn()
    assert process.board.records == []


async def test_it_goes_on_by_itself_until_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Told at once and again, through an outage too; at the end the last numbers, and that it has left."""
    monkeypatch.setattr(module, "EVERY_S", 0.001)
    process = Process()
    process.board.away = True
    process.presence.start()
    for _ in range(3):
        process.board.heard.clear()
        await process.board.heard.wait()
    process.board.away = False
    process.serve()
    await process.presence.close()
    assert process.board.left
    assert process.board.minutes[BEGIN_US]["row"] == [[*ROW, "", 1]]


async def test_of_many_the_busiest_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute has a bounded size."""
    monkeypatch.setattr(module, "CALLERS_AT_MOST", 1)
    process = Process()
    for secret_id in ("AKIDa", "AKIDb", "AKIDb"):
        process.serve(429, "day", secret_id)
    await process.presence.turn()
    assert process.board.minutes[BEGIN_US]["who"] == [["AKIDb", *ROW, "day", 2]]
