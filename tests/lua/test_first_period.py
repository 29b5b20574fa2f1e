"""The edge of a plan's first period, where the month's limit changes."""

from datetime import date

import pytest

from quotad.core.plans import UsagePlan
from quotad.core.quota import AnswerStatus
from quotad.core.windows import windows
from quotad.engine.terms import TermsBook
from tests.support.twins import START_US, Twins

PLAN = UsagePlan(
    "usagePlan-first", "first", month_quota_request=10, first_period_offset=7, starts_on=date(2036, 4, 20)
)
APRIL_US = windows(START_US, "UTC", 1).month_end_us
MAY_US = windows(START_US, "UTC", 1).next_month_end_us


@pytest.mark.parametrize(("edge_us", "granted"), [(APRIL_US, 3), (MAY_US, 10)])
def test_terms_of_the_month_before_decide_nothing_in_the_next(
    twins: Twins, edge_us: int, granted: int
) -> None:
    """A month of another limit is opened only by Terms that carry it; those of a moment ago are unfit."""
    book = TermsBook()
    twins.at(edge_us - 1)
    twins.ask(book.terms(PLAN, twins.now_us))
    twins.at(edge_us)
    behind = twins.ask(book.terms(PLAN, edge_us - 1), 12)
    assert (behind.status, behind.granted) == (AnswerStatus.WINDOWS_UNFIT, 0)
    again = twins.ask(book.terms(PLAN, edge_us), 12)
    assert (again.status, again.granted, again.month_charged) == (AnswerStatus.DECIDED, granted, granted)
