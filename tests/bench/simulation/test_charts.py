"""The pictures."""

from xml.etree import ElementTree as ET

import pytest

from bench.simulation.charts import Chart, nice, svg


def test_a_chart_is_well_formed_and_said_in_words() -> None:
    """It has a title, a description, a line and a name for each series."""
    chart = Chart("A & B", "What <it> shows", "seconds", "calls", [("a", [(0, 0), (1, 5)]), ("b", [(1, 2)])])
    root = ET.fromstring(svg(chart))
    tags = [element.tag.rpartition("}")[2] for element in root.iter()]
    assert {"title", "desc"} <= set(tags)
    texts = [element.text for element in root.iter() if element.text]
    assert "A & B" in texts
    assert {"a", "b"} <= set(texts)


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (0.31, 0.4), (1, 1), (1.5, 2), (16_000, 20_000), (41, 50), (79, 80), (10, 10)]
)
def test_an_axis_ends_at_a_round_number(value: float, top: float) -> None:
    """Not below the largest value."""
    assert nice(value) == pytest.approx(top)
