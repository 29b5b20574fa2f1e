"""docs/http-rules.md: the table of rules is proven row by row."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = [
    line
    for line in (ROOT / "docs" / "http-rules.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith(("| section ", "| rule "))
]

_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


@pytest.mark.parametrize("row", ROWS, ids=range(len(ROWS)))
def test_a_rule_names_its_test(row: str) -> None:
    """Every row names at least one test, and each test that it names exists."""
    named = _TEST.findall(row.rsplit(" | ", maxsplit=1)[-1])
    assert named
    for path, name in named:
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")
