import pytest

from quotad.top.board import Board, Row
from quotad.top.snapshot import Key
from quotad.top.text import (
    WIDTH,
    bar,
    cells,
    fitted,
    headings,
    milliseconds,
    rate,
    short,
    summary,
    where,
    whole,
    whose,
)

LONG = Row(
    Key("usagePlan-abcdefgh01234567", "service-abcdefgh01234567", "release"), 123456.7, 9.87, 10**9, 10**12
)
BOTH = Key("p", "s", "prepub", "api-" + "x" * 46, "AKID" + "x" * 46)


def test_80_columns() -> None:
    """A line is never wider, however long the ids and large the numbers."""
    assert WIDTH <= 80
    assert len(" ".join(headings())) == WIDTH
    for row in (LONG, Row(BOTH, 0.0, 0.0, 2**53, -1)):
        assert len(" ".join(cells(row))) == WIDTH


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (Key("p", "service-orders01", "prepub"), "service-orders01/prepub"),
        (Key("p", "s", "release", "api-tiles001"), "api-tiles001/release"),
        (Key("p", "s", "test", "", "AKIDacme0001"), "AKIDacme0001/test"),
        (Key("p", "s", "test", "api-tiles001", "AKIDacme0001"), "api-…001/AKID…001/tes"),
    ],
)
def test_where_a_plan_holds(key: Key, expected: str) -> None:
    """What tells the rows of a plan apart stands there; a Secret and an Api share the place."""
    assert where(key) == expected
    assert whose(key) == "/".join(filter(None, key))


def test_what_is_too_long_loses_its_middle() -> None:
    """Ids differ at their ends."""
    assert fitted("usagePlan-abcdefgh", 10) == "usage…efgh"
    assert fitted("ab", 4, right=True) == "  ab"
    assert fitted("a\x1b[31mb\n", 9) == "a [31mb  "


@pytest.mark.parametrize(
    ("share", "expected"),
    [(-1.0, ""), (0.0, ""), (0.5, "█████"), (0.55, "█████▌"), (1.0, "█" * 10), (1.01, "█" * 9 + "▶")],
)
def test_bars(share: float, expected: str) -> None:
    """Ten characters are all of a limit; what is beyond it is marked, and no limit has no bar."""
    assert bar(share) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "0"),
        (9999, "9999"),
        (10_000, "10.0k"),
        (123_456, "123k"),
        (2_500_000, "2.5M"),
        (2**53 - 1, "9.0P"),
    ],
)
def test_numbers_are_short(number: int, expected: str) -> None:
    """At most six characters, whatever the number."""
    assert short(number) == expected
    assert len(short(number)) <= 6


def test_rates_and_durations() -> None:
    """A tenth is told up to a thousand; what the last bucket holds took longer than a second."""
    assert [rate(value) for value in (0.0, 0.25, 999.94, 12_345.6)] == ["0", "0.2", "999.9", "12.3k"]
    assert (milliseconds(0.0025), milliseconds(float("inf"))) == ("2.5 ms", ">1 s")


def test_the_summary_names_what_matters() -> None:
    """Unaccounted requests are shown only when there are any."""
    quiet = Board([], 0.0, {"day": 0.0}, None, 0.0, 1)
    assert summary(quiet) == ["1 sidecar  0 requests/s  store p50/p99 -", "denied: none"]
    busy = Board([LONG], 12.5, {"day": 2.0, "rate": 1.0}, (0.0005, 0.01), 7.0, 3)
    assert summary(busy) == [
        "3 sidecars  12.5 requests/s  store p50/p99 0.5 ms / 10 ms  UNACCOUNTED 7",
        "denied: day 2.0/s  rate 1.0/s",
    ]
    assert len(whole(busy, busy.rows).splitlines()) == 4
