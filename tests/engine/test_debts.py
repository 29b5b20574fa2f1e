"""What one process admitted without the store: what is noted, told, paid for and let go of."""

import json

import pytest

from quotad.core.plans import Subject, UsagePlan
from quotad.core.quota import Replay
from quotad.engine.debts import Debt, Debts, describe, subject_of
from quotad.engine.journal import Journal
from quotad.engine.journal_file import Record
from tests.support.engines import subject
from tests.support.journals import DAY_US, Make

OF = subject(day_quota_request=100)
PLAN = UsagePlan(
    "usagePlan-aaaaaaaa",
    "",
    rate_rps=5,
    burst=7,
    day_quota_request=11,
    month_quota_request=13,
    max_request_num=17,
    timezone="Asia/Shanghai",
    month_anchor_day=31,
    version=3,
)
RECORD = Record("usagePlan-aaaaaaaa/service-bbbbbbbb/release", PLAN.usage_plan_id, DAY_US, 1, describe(PLAN))


def admit(debts: Debts, journal: Journal | None = None, day_end_us: int = DAY_US) -> Debt:
    """One more request that the journal has taken."""
    debt = debts.admit(journal, OF, day_end_us)
    assert debt is not None
    return debt


def counted(debts: Debts, units: int, journal: Journal | None = None, day_end_us: int = DAY_US) -> Debt:
    """So many requests that were admitted and counted."""
    taken = [admit(debts, journal, day_end_us) for _ in range(units)]
    for debt in taken:
        debt.settle(counted=True)
    return taken[0]


def noted(journal: Journal) -> dict[int, int]:
    """The day's end to the total in the journal."""
    return {record.day_end_us: record.total for record in journal.pending()}


def test_what_is_in_flight_is_in_the_journal(journal: Make) -> None:
    """A process that dies now must not have admitted more than the journal says."""
    own, debts = journal(), Debts()
    for total in (1, 2, 3):
        admit(debts, own)
        assert noted(own) == {DAY_US: total}


def test_a_request_that_did_not_count_makes_room_for_the_next(journal: Make) -> None:
    """The journal holds the most that may have to be counted, not every request that ever was."""
    own, debts = journal(), Debts()
    for _ in range(3):
        admit(debts, own).settle(counted=False)
    assert noted(own) == {DAY_US: 1}
    assert debts.next_replay() is None


def test_what_cannot_be_noted_is_not_admitted(journal: Make) -> None:
    """A refused Record leaves no trace: neither in flight nor owed."""
    own, debts = journal(), Debts()
    own.close()
    assert debts.admit(own, OF, DAY_US) is None
    assert not debts.is_due
    assert admit(debts).total == 1


def test_without_a_journal_it_is_kept_in_memory() -> None:
    """The policy works without a folder, as long as the process lives."""
    debts = Debts()
    counted(debts, 2)
    due = debts.next_replay()
    assert due is not None
    assert due[1] == Replay(DAY_US, 2)


def test_only_what_counted_is_told_and_the_rest_later() -> None:
    """A request in flight is told of once its outcome is known, as part of an absolute total."""
    debts = Debts()
    counted(debts, 2)
    in_flight = admit(debts)
    debt, first = debts.next_replay() or pytest.fail("nothing is due")
    assert first.total == 2
    debts.acknowledged(debt, first.total, 1)
    assert debts.next_replay() is None
    in_flight.settle(counted=True)
    _, second = debts.next_replay() or pytest.fail("nothing is due")
    assert second.total == 3


def test_what_was_not_acknowledged_is_told_again() -> None:
    """The same total, so that a store that had counted it counts nothing."""
    debts = Debts()
    counted(debts, 2)
    _, first = debts.next_replay() or pytest.fail("nothing is due")
    _, second = debts.next_replay() or pytest.fail("nothing is due")
    assert first == second == Replay(DAY_US, 2)


def test_what_was_counted_while_a_replay_was_on_its_way_stays_owed() -> None:
    """An acknowledgement is for its own total only."""
    debts = Debts()
    counted(debts, 2)
    debt, first = debts.next_replay() or pytest.fail("nothing is due")
    counted(debts, 3)
    debts.acknowledged(debt, first.total, 1)
    assert debt.owed == 3
    _, second = debts.next_replay() or pytest.fail("nothing is due")
    assert second.total == 5


def test_grants_pay_for_what_the_store_was_never_told() -> None:
    """Of what it was told it may have counted all: a grant that paid for that would be charged twice."""
    debts = Debts()
    counted(debts, 3)
    assert debts.owed(DAY_US) == 3
    debts.pay(DAY_US, 1)
    assert debts.owed(DAY_US) == 2
    debts.next_replay()
    assert debts.owed(DAY_US) == 0
    counted(debts, 1)
    assert debts.owed(DAY_US) == 1


def test_grants_of_another_day_pay_for_nothing() -> None:
    """A unit belongs to its day."""
    debts = Debts()
    counted(debts, 3)
    assert debts.owed(DAY_US + 1) == 0


def test_a_slot_is_let_go_of_once_all_is_counted(journal: Make) -> None:
    """Not while a request is in flight, and not while something is owed."""
    own, debts = journal(), Debts()

    def settled(day_end_us: int, total: int) -> None:
        own.settled(OF.tag, day_end_us, total)

    counted(debts, 2, own)
    in_flight = admit(debts, own)
    debt, replay = debts.next_replay() or pytest.fail("nothing is due")
    debts.acknowledged(debt, replay.total, 1)
    debts.close(settled)
    assert noted(own) == {DAY_US: 3}
    in_flight.settle(counted=False)
    assert debts.is_due
    debts.close(settled)
    assert noted(own) == {}
    assert not debts.is_due


def test_the_next_outage_of_the_day_goes_on_from_the_total(journal: Make) -> None:
    """Totals are absolute since the process started: a smaller one would be taken for counted."""
    own, debts = journal(), Debts()
    debt = counted(debts, 2, own)
    debts.next_replay()
    debts.acknowledged(debt, 2, 1)
    debts.close(lambda day_end_us, total: own.settled(OF.tag, day_end_us, total))
    admit(debts, own)
    assert noted(own) == {DAY_US: 3}


def test_days_are_told_apart(journal: Make) -> None:
    """An outage over midnight is two totals."""
    own, debts = journal(), Debts()
    first = counted(debts, 2, own)
    second = counted(debts, 1, own, DAY_US + 1)
    assert noted(own) == {DAY_US: 2, DAY_US + 1: 1}
    assert debts.next_replay() == (first, Replay(DAY_US, 2))
    debts.acknowledged(first, 2, 1)
    assert debts.next_replay() == (second, Replay(DAY_US + 1, 1))


@pytest.mark.parametrize(
    "wanted",
    [
        Subject(PLAN, "service-bbbbbbbb", "release"),
        Subject(PLAN, "service-bbbbbbbb", "prepub", "AKIDexample"),
        Subject(PLAN, "service-bbbbbbbb", "test", shadow=True),
        Subject(PLAN, "service-bbbbbbbb", "test", "AKIDexample", shadow=True),
    ],
    ids=["plan", "secret", "shadow", "shadow and secret"],
)
def test_a_subject_survives_its_process(wanted: Subject) -> None:
    """Tag, limits, calendar and version: what a replay needs, whatever the heir's configuration says."""
    found = subject_of(Record(wanted.tag, PLAN.usage_plan_id, DAY_US, 1, describe(PLAN)))
    assert found == wanted
    assert found.tag == wanted.tag


@pytest.mark.parametrize(
    "record",
    [
        RECORD._replace(tag=""),
        RECORD._replace(tag="usagePlan-aaaaaaaa/service-bbbbbbbb"),
        RECORD._replace(tag="usagePlan-aaaaaaaa/service-bbbbbbbb/staging"),
        RECORD._replace(tag="usagePlan-cccccccc/service-bbbbbbbb/release"),
        RECORD._replace(plan_id="usagePlan-cccccccc"),
        RECORD._replace(about=b""),
        RECORD._replace(about=b"\xff"),
        RECORD._replace(about=b"{"),
        RECORD._replace(about=b"7"),
        RECORD._replace(about=b"[]"),
        RECORD._replace(about=json.dumps([1] * 9).encode()),
    ],
)
def test_a_record_that_cannot_be_read_is_refused(record: Record) -> None:
    """With ValueError or TypeError, which the replay takes for damage, and no other."""
    with pytest.raises((ValueError, TypeError)):
        subject_of(record)


def test_an_unlimited_plan_is_described_as_such() -> None:
    """No limit is a value, too."""
    plan = UsagePlan("usagePlan-aaaaaaaa", "")
    wanted = Subject(plan, "service-bbbbbbbb", "release")
    found = subject_of(Record(wanted.tag, plan.usage_plan_id, DAY_US, 1, describe(plan)))
    assert found.plan == plan
