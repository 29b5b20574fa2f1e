"""A plan's Terms, made once per plan and day."""

from dataclasses import replace

from quotad.engine.terms import TermsBook
from tests.support.engines import START_US, subject

DAY_US = 86_400_000_000
PLAN = subject(rate_rps=5, burst=7, day_quota_request=3, quota_condition=frozenset({"2xx"})).plan


def test_the_same_object_is_answered_while_plan_and_day_are_the_same() -> None:
    """Identity tells the store that it has packed these Terms already."""
    book = TermsBook()
    terms = book.terms(PLAN, START_US)
    assert book.terms(PLAN, START_US + 1) is terms
    assert terms.limits == (0, 5, 7, 3, -1, -1)
    assert terms.conditional


def test_a_changed_plan_and_a_new_day_make_new_terms() -> None:
    """A reload acts at once; a day's end moves the windows."""
    book = TermsBook()
    terms = book.terms(PLAN, START_US)
    changed = book.terms(replace(PLAN, rate_rps=9, on_crash="release"), START_US)
    assert changed.limits.rate_rps == 9
    assert changed.release_on_crash
    tomorrow = book.terms(PLAN, terms.windows.day_end_us)
    assert tomorrow.windows.day_start_us == terms.windows.day_end_us
