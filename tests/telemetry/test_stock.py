import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from quotad.config.model import StoreConfig
from quotad.core.plans import Binding, Subject
from quotad.core.quota import Usage
from quotad.core.table import PlanTable
from quotad.store.redis_store import RedisStore
from quotad.telemetry.metrics import Recorder
from quotad.telemetry.stock import Stock, StockRow, stock_rows
from tests.support.samples import OWN, SECRETS, SERVICE, SHARED, TABLE, FixedReader, Place, outcome, usage
from tests.support.servers import running_server
from tests.support.waiting import AT_MOST_S


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def served_recorder() -> Recorder:
    """A recorder that has served one plan."""
    recorder = Recorder()
    recorder.configure((Place(),), TABLE)
    recorder.record(outcome())
    return recorder


async def test_rows_of_served_subjects() -> None:
    """A refresh gives day, month and total of what this process serves, and nothing else."""
    reader = FixedReader(usage(7, 2))
    stock = Stock(reader, served_recorder(), Clock())
    await stock.refresh()
    place = (SHARED.usage_plan_id, SERVICE.service_id, "release")
    assert stock.rows == [
        StockRow(*place, "day", 7, 100, 2),
        StockRow(*place, "month", 7, -1, 2),
        StockRow(*place, "total", 7, 1000, 2),
    ]
    assert reader.asked == [["usagePlan-shared/service-aaaaaaaa/release"]]


async def test_at_most_once_a_second() -> None:
    """However many scrapes there are, the store is asked once a second."""
    clock, reader = Clock(), FixedReader()
    stock = Stock(reader, served_recorder(), clock)
    await asyncio.gather(*(stock.refresh() for _ in range(5)))
    await stock.refresh()
    assert len(reader.asked) == 1
    clock.now_s += 1.0
    await stock.refresh()
    assert len(reader.asked) == 2


async def test_nothing_served_asks_nothing() -> None:
    """Before the first request there is nothing to read, and that is fresh."""
    reader = FixedReader()
    stock = Stock(reader, Recorder(), Clock())
    await stock.refresh()
    assert (reader.asked, stock.rows, stock.age_s()) == ([], [], 0.0)


async def test_a_store_that_is_away_leaves_old_values_and_a_growing_age() -> None:
    """A failed read changes no row; the age says how old they are."""
    clock, reader = Clock(), FixedReader()
    stock = Stock(reader, served_recorder(), clock)
    assert stock.age_s() is None
    await stock.refresh()
    rows = stock.rows
    assert rows
    reader.away = True
    clock.now_s += 5.0
    await stock.refresh()
    assert stock.rows == rows
    assert stock.age_s() == 5.0


class SilentReader:
    """Accepts and never answers."""

    def __init__(self) -> None:
        self.cancelled = False

    async def usage(self, subjects: Sequence[Subject]) -> list[Usage]:
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled = True
        return []


async def test_a_silent_store_delays_a_scrape_by_a_bound() -> None:
    """A read that never ends does not hold up refresh; close gives it up."""
    reader = SilentReader()
    stock = Stock(reader, served_recorder(), Clock())
    async with asyncio.timeout(AT_MOST_S):
        await stock.refresh()
        await stock.refresh()
    await stock.close()
    assert reader.cancelled


async def test_a_stopped_server_leaves_the_last_numbers() -> None:
    """With a real store: its numbers are shown, and stay while it is stopped; scrapes still end."""
    clock, recorder = Clock(), served_recorder()
    with running_server(unix=True) as server:
        store = RedisStore(server.url, StoreConfig(url=server.url), os.urandom(8))
        await store.start()
        stock = Stock(store, recorder, clock)
        await stock.refresh()
        rows = stock.rows
        assert [row.in_use for row in rows] == [0, 0, 0]
        server.pause()
        try:
            clock.now_s += 2.0
            await stock.refresh()
            assert (stock.rows, stock.age_s()) == (rows, 2.0)
        finally:
            server.resume()
        await stock.close()
        await store.close()


def test_secrets_of_one_plan_are_summed_up() -> None:
    """Under scope: secret use, Holds and the limit of a row are sums over the served Secrets."""
    subjects = [Subject(OWN, SERVICE.service_id, "test", secret_id) for secret_id in ("AKIDc", "AKIDd")]
    rows = stock_rows(subjects, [usage(3, 1), usage(4, 0)])
    assert [(row.window, row.in_use, row.maximum, row.held) for row in rows] == [
        ("day", 7, -1, 1),
        ("month", 7, 100, 1),
        ("total", 7, -1, 1),
    ]
    assert stock_rows([], []) == []


def test_the_month_of_a_first_period_has_its_own_limit() -> None:
    """The limit shown is the one that is enforced now."""
    plan = replace(SHARED, month_quota_request=9, first_period_offset=4, starts_on=date(2026, 11, 30))
    rows = stock_rows([Subject(plan, SERVICE.service_id, "release")], [usage()])
    assert [row.maximum for row in rows] == [100, 5, 1000]


async def test_shadows_are_kept_apart() -> None:
    """What a shadow plan counts is read in the same read, and is no row of what is used."""
    table = PlanTable(
        [SERVICE],
        [SHARED, OWN],
        SECRETS,
        [Binding(OWN.usage_plan_id, ("AKIDa",), ((SERVICE.service_id, "release"),), shadow=True)],
    )
    recorder, reader = served_recorder(), FixedReader(usage(7, 2))
    recorder.configure((Place(),), table)
    recorder.shadow(table.shadows(SERVICE.service_id, "release")["AKIDa"], "admitted")
    stock = Stock(reader, recorder, Clock())
    await stock.refresh()
    assert [row.plan_id for row in stock.rows] == [SHARED.usage_plan_id] * 3
    place = (OWN.usage_plan_id, SERVICE.service_id, "release")
    assert stock.shadow_rows[1] == StockRow(*place, "month", 7, 50, 2)
    assert len(stock.shadow_rows) == 3
    assert reader.asked == [
        ["usagePlan-shared/service-aaaaaaaa/release", "usagePlan-own/service-aaaaaaaa/release/.shadow/AKIDa"]
    ]


def test_overage_is_summed_up_per_caller() -> None:
    """Of two callers the one within its soft quota does not make up for the other's overage."""
    plan = replace(OWN, day_quota_request=10, soft_quotas=frozenset({"day", "month"}))
    subjects = [Subject(plan, SERVICE.service_id, "test", secret.secret_id) for secret in SECRETS[2:]]
    rows = stock_rows(subjects, [usage(14, 1), usage(2, 1)._replace(day_raised=100)])
    assert [(row.window, row.maximum, row.overage) for row in rows] == [
        ("day", 120, 5),
        ("month", 100, 0),
        ("total", -1, None),
    ]
