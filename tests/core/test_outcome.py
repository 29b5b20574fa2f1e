import pytest

from quotad.core.outcome import Outcome, counts, status_class
from quotad.core.plans import StatusClass


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (0, "others"),
        (100, "others"),
        (101, "2xx"),
        (199, "others"),
        (200, "2xx"),
        (204, "2xx"),
        (299, "2xx"),
        (300, "3xx"),
        (304, "3xx"),
        (399, "3xx"),
        (400, "4xx"),
        (499, "4xx"),
        (500, "5xx"),
        (502, "5xx"),
        (599, "5xx"),
        (600, "others"),
        (999, "others"),
    ],
)
def test_status_class(status: int, expected: StatusClass) -> None:
    """A final status has one class; 101 counts as 2xx; what is no status is ``others``."""
    assert status_class(status) == expected


@pytest.mark.parametrize("status", [0, 101, 200, 302, 404, 503, 799])
def test_without_a_condition_everything_counts(status: int) -> None:
    """A plan without ``quotaCondition`` charges every admitted request."""
    assert counts(frozenset(), status)


def test_with_a_condition_only_its_classes_count() -> None:
    """Of several classes each counts, and no other."""
    condition: frozenset[StatusClass] = frozenset({"2xx", "others"})
    assert [status for status in (0, 101, 200, 302, 404, 503, 799) if counts(condition, status)] == [
        0,
        101,
        200,
        799,
    ]


def test_an_outcome_begins_empty() -> None:
    """A new Outcome claims nothing but its start: no caller, no plan, not counted."""
    outcome = Outcome(12.5)
    assert outcome.started_s == 12.5
    assert (outcome.service_id, outcome.secret_id, outcome.plan_id, outcome.status) == ("", "", "", 0)
    assert outcome.counted is None
