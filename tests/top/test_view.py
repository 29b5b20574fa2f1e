"""The live view, driven by keys as a person would."""

import pytest
from textual.widgets import DataTable, Input, Static

from quotad.errors import QuotadError
from quotad.top.snapshot import Key, Snapshot, Use
from quotad.top.view import Top

HOUR = 3600.0
"""Nothing is asked by itself while a test runs: it says when."""


def subject(name: str) -> Key:
    return Key(f"usagePlan-{name}", "service-orders01", "release", f"api-{name}")


class Fleet:
    """Says what a test wants; each time one second later."""

    def __init__(self) -> None:
        self.second = 0
        self.error = ""

    async def read(self) -> tuple[Snapshot, list[str]]:
        if self.error:
            raise QuotadError(self.error)
        self.second += 1
        made = Snapshot(float(self.second), sidecars=2)
        for name, per_s, used in (("gold", 30, 10), ("iron", 10, 95), ("zinc", 20, 120)):
            made.requests[subject(name)] = per_s * self.second
            made.use[subject(name)] = {
                "day": Use(used, 100), "month": Use(used, -1), "total": Use(used * 10, 10_000),
            }  # fmt: skip
        return made, []


def shown(app: Top) -> list[str]:
    """The table's lines."""
    table = app.query_one(DataTable)
    return [" ".join(str(cell) for cell in table.get_row_at(at)).strip() for at in range(table.row_count)]


def text(app: Top, name: str) -> str:
    return str(app.query_one(f"#{name}", Static).render())


@pytest.mark.parametrize("width", [80, 200])
async def test_keys_sort_reverse_and_change_the_window(width: int) -> None:
    """Each acts at once; a line fits in 80 columns."""
    fleet = Fleet()
    app = Top(fleet, HOUR)
    async with app.run_test(size=(width, 24)) as pilot:
        await app.ask()
        await app.ask()
        assert text(app, "summary").startswith("2 sidecars  60.0 requests/s")
        assert ["gold" in shown(app)[0], "zinc" in shown(app)[1], "iron" in shown(app)[2]] == [True] * 3
        assert max(map(len, shown(app))) <= 80
        await pilot.press("s", "s")
        assert ["zinc" in shown(app)[0], "iron" in shown(app)[1]] == [True] * 2
        assert ("by used" in text(app, "status"), "120/100" in shown(app)[0]) == (True, True)
        await pilot.press("r")
        assert "gold" in shown(app)[0]
        await pilot.press("w")
        assert all("no limit" in line for line in shown(app))
        assert "use of the month" in text(app, "status")


async def test_the_chosen_row_is_told_in_whole() -> None:
    """Its plan, service, environment and Api stand below the table, and follow the cursor."""
    app = Top(Fleet(), HOUR, sort="name")
    async with app.run_test(size=(80, 24)) as pilot:
        await app.ask()
        assert text(app, "chosen") == "usagePlan-gold/service-orders01/release/api-gold"
        await pilot.press("down")
        assert text(app, "chosen") == "usagePlan-iron/service-orders01/release/api-iron"
        await pilot.press("slash", *"nothing")
        assert text(app, "chosen") == ""


async def test_a_filter_follows_what_is_written() -> None:
    """Escape shows all again."""
    app = Top(Fleet(), HOUR)
    async with app.run_test(size=(80, 24)) as pilot:
        await app.ask()
        await pilot.press("slash", *"iron")
        assert [len(shown(app)), "iron" in shown(app)[0]] == [1, True]
        await pilot.press("enter", "s")
        assert (len(shown(app)), "only: iron" in text(app, "status")) == (1, True)
        await pilot.press("slash", "escape")
        assert (len(shown(app)), app.query_one("#filter", Input).value) == (3, "")


async def test_pause_and_silence() -> None:
    """A paused view asks nobody; who is silent is named, and what was heard last stays."""
    fleet = Fleet()
    app = Top(fleet, HOUR)
    async with app.run_test(size=(80, 24)) as pilot:
        await app.ask()
        heard = fleet.second
        await pilot.press("p")
        await app.ask()
        assert (fleet.second, "PAUSED" in text(app, "status")) == (heard, True)
        await pilot.press("p")
        fleet.error = "http://there: answered 500"
        await app.ask()
        assert (len(shown(app)), "SILENT http://there: answered 500" in text(app, "status")) == (3, True)
        await pilot.press("q")
    assert app.return_code == 0


async def test_an_answer_that_comes_after_the_end() -> None:
    """Who quits while the fleet is asked sees no error."""
    app = Top(Fleet(), HOUR)
    async with app.run_test(size=(80, 24)) as pilot:
        await app.ask()
        await pilot.press("q")
    await app.ask()
    assert app.return_code == 0
