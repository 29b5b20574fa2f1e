import json

import pytest

from quotad.cli.show import readable, show_json, show_one, show_rows


def test_times_are_readable() -> None:
    """Microseconds become RFC 3339 wherever they stand; other numbers stay."""
    record = {"created": 1_700_000_000_000_000, "bound": None, "in": [{"released": 0, "rateRps": 5}]}
    assert readable(record) == {
        "created": "2023-11-14T22:13:20Z",
        "bound": None,
        "in": [{"released": "1970-01-01T00:00:00Z", "rateRps": 5}],
    }


def test_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Columns stand under each other, also with wide characters; what a terminal would obey is taken away."""
    rows = [{"a": "套餐", "b": True, "c": None}, {"a": "x\x1b[2J", "b": False, "c": ["y"]}]
    show_rows(rows, ("a", "b", "c"))
    assert capsys.readouterr().out.splitlines() == [
        "a      b    c",
        "套餐   yes  -",
        'x [2J  no   ["y"]',
    ]
    show_rows([], ("a",))
    assert capsys.readouterr().out == "a\n"


def test_one_record(capsys: pytest.CaptureFixture[str]) -> None:
    """A member a line; as JSON it is whole."""
    record = {"name": "ключ", "times": {"created": 0}}
    show_one(record)
    assert capsys.readouterr().out.splitlines() == [
        "name   ключ",
        'times  {"created": "1970-01-01T00:00:00Z"}',
    ]
    show_json(record)
    assert json.loads(capsys.readouterr().out) == readable(record)
    show_one({})
    assert capsys.readouterr().out == ""
