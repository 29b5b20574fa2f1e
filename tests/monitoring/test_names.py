import pytest

from quotad.monitoring.names import by, selector, series


def test_a_counter_ends_in_total_and_a_gauge_in_nothing() -> None:
    """Names are those of the exposition."""
    assert series("quotad_requests") == "quotad_requests_total"
    assert series("quotad_connections") == "quotad_connections"
    assert series("quotad_store_duration_seconds", "_count") == "quotad_store_duration_seconds_count"


@pytest.mark.parametrize(
    ("name", "part"),
    [("quotad_request", ""), ("quotad_requests", "_bucket"), ("quotad_connections", "_total")],
)
def test_what_is_not_exported_is_refused(name: str, part: str) -> None:
    """A metric that was renamed cannot stay in a query, nor a part that its kind does not have."""
    with pytest.raises(ValueError, match=name):
        series(name, part)


def test_a_selector_chooses_by_place_only_where_there_is_one() -> None:
    """A matcher for a label that a metric lacks would choose nothing."""
    assert selector("quotad_unaccounted", 'job="a"') == '{job="a",plan=~"$plan"}'
    assert selector("quotad_connections", 'job="a"') == '{job="a"}'


def test_no_label_is_no_grouping() -> None:
    """Everything together needs no words."""
    assert by() == ""
    assert by("a", "b") == " by (a, b)"
