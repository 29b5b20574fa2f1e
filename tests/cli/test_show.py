import json

import pytest

from quotad.cli.show import show_json, show_one, show_rows


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
    record = {"name": "ключ", "times": {"created": "1970-01-01T00:00:00Z"}}
    show_one(record)
    assert capsys.readouterr().out.splitlines() == [
        "name   ключ",
        'times  {"created": "1970-01-01T00:00:00Z"}',
    ]
    show_json(record)
    assert json.loads(capsys.readouterr().out) == record
    show_one({})
    assert capsys.readouterr().out == ""
