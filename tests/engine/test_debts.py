"""What was admitted without the store: noted before it goes on, told exactly once."""

from datetime import date
from typing import Any

import pytest

from quotad.core.plans import Subject, UsagePlan
from quotad.engine.debts import Debt, Debts, describe, subject_of
from quotad.engine.journal_file import Record
from quotad.engine.terms import TermsBook
from tests.support.engines import START_US, subject
from tests.support.journals import DAY_US, Make

PLAN = subject(day_quota_request=9)


def admit(debts: Debts, count: int = 1, day_end_us: int = DAY_US) -> Debt:
    """So many requests without a journal; the day's Debt."""
    for _ in range(count - 1):
        debts.admit(None, PLAN, day_end_us)
    debt = debts.admit(None, PLAN, day_end_us)
    assert debt is not None
    return debt


def told(debts: Debts, now_us: int = 1) -> list[int]:
    """Every total that the store is told, and acknowledges."""
    totals = []
    while (due := debts.next_replay()) is not None:
        totals.append(due[1].total)
        debts.acknowledged(*due[:1], due[1].total, now_us)
    return totals


def test_only_what_counts_is_told() -> None:
    """A request in flight is not told yet, one that does not count never."""
    debts = Debts()
    debt = admit(debts, 3)
    assert not debts.is_due
    debt.settle(counted=True)
    debt.settle(counted=False)
    assert told(debts) == [1]
    debt.settle(counted=True)
    assert told(debts) == [2]
    assert not debts.is_due


def test_each_day_has_its_own_total() -> None:
    """Units belong to the day in which they were admitted."""
    debts = Debts()
    for day in (1, 2):
        for _ in range(day):
            admit(debts, day_end_us=day).settle(counted=True)
    assert told(debts) == [1, 2]


def test_what_was_told_is_not_paid_too() -> None:
    """A grant pays only for what the store was never told of: of the rest it may have counted all."""
    debts = Debts()
    debt = admit(debts, 3)
    debt.settle(counted=True)
    debt.settle(counted=True)
    assert debts.owed(DAY_US) == 2
    assert debts.next_replay() is not None
    assert debts.owed(DAY_US) == 0
    debt.settle(counted=True)
    assert debts.owed(DAY_US) == 1
    debts.pay(DAY_US, 1)
    assert debts.next_replay() == (debt, (DAY_US, 2))


def test_a_paid_debt_is_not_told() -> None:
    """What a late grant has paid for is counted already."""
    debts = Debts()
    admit(debts).settle(counted=True)
    debts.pay(DAY_US, 1)
    assert not debts.is_due
    assert debts.owed(DAY_US + 1) == 0


def test_what_was_acknowledged_lately_is_told_again() -> None:
    """A store that may have lost its last writes hears the same total once more."""
    debts = Debts()
    admit(debts).settle(counted=True)
    assert told(debts, now_us=100) == [1]
    debts.tell_again(since_us=101)
    assert told(debts) == []
    debts.tell_again(since_us=100)
    assert told(debts, now_us=200) == [1]
    admit(debts).settle(counted=True)
    assert told(debts, now_us=300) == [2]


def test_the_journal_holds_the_total_before_a_request_goes_on(journal: Make) -> None:
    """Totals in it only grow; a request that it has room for already is not noted again."""
    debts, book = Debts(), journal()
    debt = debts.admit(book, PLAN, DAY_US)
    assert debt is not None
    assert [record.total for record in book.pending()] == [1]
    debt.settle(counted=False)
    assert debts.admit(book, PLAN, DAY_US) is debt
    assert [record.total for record in book.pending()] == [1]
    assert debts.admit(book, PLAN, DAY_US) is debt
    assert [record.total for record in book.pending()] == [2]


def test_what_cannot_be_noted_is_not_admitted(journal: Make) -> None:
    """A journal that is closed takes nothing, and nothing is owed."""
    debts, book = Debts(), journal()
    book.close()
    assert debts.admit(book, PLAN, DAY_US) is None
    assert debts.owed(DAY_US) == 0
    assert not debts.is_due


def test_the_journal_lets_go_of_what_is_over() -> None:
    """Only once nothing of the day is in flight or owed, and of the total that it holds."""
    debts = Debts()
    debt = admit(debts, 2)
    debt.noted = 2
    let_go: list[tuple[int, int]] = []
    debt.settle(counted=True)
    told(debts)
    debts.close(lambda day, total: let_go.append((day, total)))
    assert let_go == []
    debt.settle(counted=False)
    assert debts.is_due
    debts.close(lambda day, total: let_go.append((day, total)))
    debts.close(lambda day, total: let_go.append((day, total)))
    assert let_go == [(DAY_US, 2)]


@pytest.mark.parametrize("secret_id", ["", "AKIDabcde"])
@pytest.mark.parametrize("shadow", [False, True])
@pytest.mark.parametrize("api_id", ["", "api-a"])
def test_a_later_process_knows_the_subject(secret_id: str, shadow: bool, api_id: str) -> None:
    """The record alone says whose counters they are, and the windows and limits of the plan."""
    plan = UsagePlan(
        "usagePlan-a", "", rate_rps=5, burst=9, day_quota_request=7, timezone="Asia/Kolkata", version=3
    )
    of = Subject(plan, "service-a", "prepub", secret_id, shadow, api_id)
    assert subject_of(Record(of.tag, plan.usage_plan_id, DAY_US, 1, describe(plan))) == of
    assert subject_of(Record(of.tag, plan.usage_plan_id, DAY_US, 1, describe(plan))).tag == of.tag


@pytest.mark.parametrize(
    "said",
    [
        {"soft_quotas": frozenset({"day", "total"})},
        {"starts_on": date(2026, 2, 10), "first_period_offset": 40},
        {"on_crash": "release"},
        {
            "soft_quotas": frozenset({"month"}),
            "starts_on": date(2026, 2, 10),
            "first_period_offset": 1,
            "on_crash": "release",
        },
    ],
)
def test_a_later_process_knows_what_plans_seldom_say(said: dict[str, Any]) -> None:
    """Soft quotas stay soft, the first month small, and Holds of the dead go where the plan wants them."""
    plan = UsagePlan("usagePlan-a", "", month_quota_request=100, max_request_num=7, version=3, **said)
    of = Subject(plan, "service-a", "release")
    found = subject_of(Record(of.tag, plan.usage_plan_id, DAY_US, 1, describe(plan)))
    assert found == of
    assert TermsBook().terms(found.plan, START_US) == TermsBook().terms(plan, START_US)


def test_records_of_before_are_read() -> None:
    """A journal written by an older quotad is replayed; plans that say nothing new are written as there."""
    old = b'[5,9,7,-1,-1,"Asia/Kolkata",1,3]'
    plan = UsagePlan(
        "usagePlan-a", "", rate_rps=5, burst=9, day_quota_request=7, timezone="Asia/Kolkata", version=3
    )
    record = Record("usagePlan-a/service-a/release", "usagePlan-a", DAY_US, 1, old)
    assert subject_of(record) == Subject(plan, "service-a", "release")
    assert describe(plan) == old


@pytest.mark.parametrize(
    ("tag", "about"),
    [
        ("usagePlan-test/service-a/moon", describe(PLAN.plan)),
        ("usagePlan-other/service-a/release", describe(PLAN.plan)),
        ("usagePlan-test", describe(PLAN.plan)),
        ("usagePlan-test/service-a/release/.other", describe(PLAN.plan)),
        ("usagePlan-test/service-a/release/.api.x/.shadow", describe(PLAN.plan)),
        ("usagePlan-test/service-a/release/one/two", describe(PLAN.plan)),
        (PLAN.tag, b"[1, 2]"),
        (PLAN.tag, b"\xff"),
        (PLAN.tag, b'[5,9,7,-1,-1,"UTC",1,3,{"unknown":1}]'),
        (PLAN.tag, b'[5,9,7,-1,-1,"UTC",1,3,4]'),
        (PLAN.tag, b'[5,9,7,-1,-1,"UTC",1,3,{"starts_on":"never"}]'),
        (PLAN.tag, b'[5,9,7,-1,-1,"UTC",1,3,{},{}]'),
    ],
)
def test_a_record_that_names_no_subject_is_refused(tag: str, about: bytes) -> None:
    """It is an error, and no guess."""
    with pytest.raises(ValueError):
        subject_of(Record(tag, "usagePlan-test", DAY_US, 1, about))
