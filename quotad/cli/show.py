"""What commands print: a table for people, or JSON for programs."""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any


def show_json(value: Any) -> None:
    """Print it whole."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def show_one(record: Mapping[str, Any]) -> None:
    """Print a record's members, one a line; those that hold several as JSON."""
    rows = [(name, _cell(value)) for name, value in record.items()]
    widest = max((_width(name) for name, _ in rows), default=0)
    for name, cell in rows:
        print(f"{_padded(name, widest)}  {cell}".rstrip())


def show_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print a table: the columns' names, then a line for each row."""
    lines = [list(columns), *([_cell(row.get(name)) for name in columns] for row in rows)]
    widths = [max(map(_width, cells)) for cells in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(_padded(cell, width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping | list):
        return json.dumps(value, ensure_ascii=False)
    # A terminal would obey what is no character of a name.
    return "".join(each if each.isprintable() else " " for each in str(value))


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _width(text: str) -> int:
    """Columns of a terminal: two for a character that East Asian scripts write wide."""
    return sum(1 + (unicodedata.east_asian_width(each) in "WF") for each in text)
