"""A plan's Terms, made once per plan and day."""

from dataclasses import replace
from datetime import date

import pytest

from quotad.core.plans import Subject
from quotad.core.windows import windows
from quotad.engine.terms import TermsBook
from tests.support.engines import START_US, World, get, subject

DAY_US = 86_400_000_000
PLAN = subject(rate_rps=5, burst=7, day_quota_request=3, quota_condition=frozenset({"2xx"})).plan

# START_US is 2025-06-15; July is the first period.
FIRST = subject(month_quota_request=10, first_period_offset=7, starts_on=date(2025, 7, 20)).plan
JULY_US = windows(START_US, "UTC", 1).month_end_us
AUGUST_US = windows(START_US, "UTC", 1).next_month_end_us


def test_the_same_object_is_answered_while_plan_and_day_are_the_same() -> None:
    """Identity tells the store that it has packed these Terms already."""
    book = TermsBook()
    terms = book.terms(PLAN, START_US)
    assert book.terms(PLAN, START_US + 1) is terms
    assert terms.limits == (0, 5, 7, 3, -1, -1)
    assert terms.conditional
    assert terms.windows == windows(START_US, "UTC", 1)


def test_soft_quotas_travel_as_no_limit_to_whoever_decides() -> None:
    """They are below -1, the first period's smaller month too; the others are as ever."""
    soft = replace(PLAN, soft_quotas=frozenset({"day", "total"}), max_request_num=0, month_quota_request=8)
    assert TermsBook().terms(soft, START_US).limits == (0, 5, 7, -5, 8, -2)
    first = replace(FIRST, soft_quotas=frozenset({"month"}))
    assert TermsBook().terms(first, JULY_US).limits.month == -5


def test_a_changed_plan_and_a_new_day_make_new_terms() -> None:
    """A reload acts at once; a day's end moves the windows."""
    book = TermsBook()
    terms = book.terms(PLAN, START_US)
    changed = book.terms(replace(PLAN, rate_rps=9, on_crash="release"), START_US)
    assert changed.limits.rate_rps == 9
    assert changed.release_on_crash
    tomorrow = book.terms(PLAN, terms.windows.day_end_us)
    assert tomorrow.windows.day_start_us == terms.windows.day_end_us


def test_the_first_period_has_a_smaller_quota() -> None:
    """Only the month that contains ``starts_on`` has it, from its first to its last instant."""
    book = TermsBook()
    at = (START_US, JULY_US - 1, JULY_US, AUGUST_US - 1, AUGUST_US)
    assert [book.terms(FIRST, now_us).limits.month for now_us in at] == [10, 10, 3, 3, 10]


def test_a_month_of_another_limit_is_not_sent_along() -> None:
    """Where the limit changes, the next month is sent only with its own limit; the day always."""
    book = TermsBook()
    before, during, after = (book.terms(FIRST, now_us).windows for now_us in (START_US, JULY_US, AUGUST_US))
    assert (before.month_end_us, before.next_month_end_us) == (JULY_US, JULY_US)
    assert (during.month_end_us, during.next_month_end_us) == (AUGUST_US, AUGUST_US)
    assert after.next_month_end_us > after.month_end_us
    last_day = book.terms(FIRST, JULY_US - 1).windows
    assert last_day.next_day_end_us == last_day.day_end_us + DAY_US == JULY_US + DAY_US


@pytest.mark.parametrize(("edge_us", "admitted"), [(JULY_US, 3), (AUGUST_US, 10)])
async def test_a_sidecar_a_moment_behind_opens_no_month_under_the_wrong_limit(
    monkeypatch: pytest.MonkeyPatch, edge_us: int, admitted: int
) -> None:
    """At the instant in which the first period begins or ends, its new limit is the one that decides."""
    world = World(now_us=edge_us)
    limiter = world.sidecar()
    monkeypatch.setattr(world.stores[0], "now_us", lambda: world.now_us - 1)
    wanted = Subject(FIRST, "service-test", "release")
    requests = await get(limiter, wanted, 12)
    assert [request.admitted for request in requests] == [True] * admitted + [False] * (12 - admitted)


async def test_callers_see_the_smaller_limit() -> None:
    """The answer from which headers are made carries the limit in force, then the whole one."""
    world = World(now_us=JULY_US)
    limiter = world.sidecar()
    wanted = Subject(FIRST, "service-test", "release")
    limits = []
    for world.now_us in (JULY_US, AUGUST_US - 1, AUGUST_US):
        (request,) = await get(limiter, wanted)
        assert request.told.answer is not None
        limits.append((request.told.answer.month_limit, request.told.answer.month_charged))
    assert limits == [(3, 1), (3, 2), (10, 1)]
