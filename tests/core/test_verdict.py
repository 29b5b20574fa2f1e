from quotad.core.plans import Subject, UsagePlan
from quotad.core.quota import Limit
from quotad.core.verdict import Verdict


def test_a_verdict_begins_without_a_unit() -> None:
    """A new Verdict holds nothing to settle and names no limit until the engine says so."""
    subject = Subject(UsagePlan("plan", "Plan"), "service", "test")
    verdict = Verdict(subject, True, None)
    assert (verdict.subject, verdict.admitted, verdict.answer) == (subject, True, None)
    assert (verdict.unit, verdict.limit, verdict.place) == (None, Limit.NONE, 0)
    assert (verdict.reason, verdict.retry_after_s) == ("", 0)
