"""What the reference does by itself; that the Lua does the same is shown in tests/lua."""

from quotad.core.plans import Subject, UsagePlan
from quotad.core.quota import Answer, Call, DayNumbers, Limits, Terms
from quotad.core.reference import Reference
from quotad.core.windows import windows

NOW_US = 1_795_000_000_000_000
DAY_US = 86_400_000_000
HOLD_US = 60_000_000
SUBJECT = Subject(UsagePlan("usagePlan-aaaaaaaa", "plan"), "service-bbbbbbbb", "release")
NO_DAY = DayNumbers()


def ask(reference: Reference, now_us: int, total: int, cost: int = 1) -> Answer:
    terms = Terms(
        Limits(0, -1, -1, -1, -1, total), windows(now_us, "UTC", 1), conditional=False, release_on_crash=False
    )
    call = Call(SUBJECT, terms, cost, 0, now_us, NO_DAY, NO_DAY)
    return reference.reserve(now_us, b"sidecar1", HOLD_US, call)


def test_an_idle_account_expires_and_its_limited_total_stays() -> None:
    """After the month's end, a hold time and a day only the total is known."""
    reference = Reference()
    assert ask(reference, NOW_US, total=5, cost=3).granted == 3
    later_us = NOW_US + 40 * DAY_US
    assert reference.usage(later_us, SUBJECT)[1:] == (0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0)
    assert not reference.accounts
    assert ask(reference, later_us + 500 * DAY_US, total=5, cost=3).granted == 2


def test_an_unlimited_total_is_forgotten_after_400_days() -> None:
    """It is kept for reports only."""
    reference = Reference()
    ask(reference, NOW_US, total=-1, cost=3)
    assert reference.usage(NOW_US + 399 * DAY_US, SUBJECT).total_charged == 3
    assert reference.usage(NOW_US + 400 * DAY_US, SUBJECT).total_charged == 0


def test_subjects_do_not_share() -> None:
    """Each tag has its own counters."""
    reference = Reference()
    ask(reference, NOW_US, total=5, cost=3)
    stranger = Subject(SUBJECT.plan, SUBJECT.service_id, "test")
    assert reference.usage(NOW_US, stranger).total_charged == 0
