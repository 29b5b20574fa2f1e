import re

from quotad.monitoring.panels import ROWS
from quotad.telemetry.families import FAMILIES_OF_A_SCRAPE

PANELS = [panel for row in ROWS for panel in row.panels]
EXPRESSIONS = [query.expression for panel in PANELS for query in panel.queries]


def test_every_metric_is_on_the_dashboard() -> None:
    """A new metric is shown somewhere."""
    text = " ".join(EXPRESSIONS)
    assert not [name for name in FAMILIES_OF_A_SCRAPE if not re.search(rf"\b{name}", text)]


def test_titles_are_told_apart() -> None:
    """No two panels have one title."""
    titles = [panel.title for panel in PANELS]
    assert len(titles) == len(set(titles))


def test_store_wide_values_are_not_added_up() -> None:
    """Every sidecar exports them alike."""
    assert not [text for text in EXPRESSIONS if re.search(r"sum[^(]*\(quotad_\w*request_num", text)]
