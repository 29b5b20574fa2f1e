"""This process's own numbers for one Subject."""

from quotad.core.plans import Subject, UsagePlan
from quotad.core.quota import Answer, Call, DayNumbers, Limits, Terms, Windows
from quotad.engine.entries import Day, Entry, Heard

DAY = 1_000_000
NEXT_DAY = 2_000_000


def answer(**changes: int) -> Answer:
    """An Answer of generation 1 in DAY with nothing granted, changed as told."""
    plain = Answer(**dict.fromkeys(Answer._fields, 0))
    return plain._replace(**{"generation": 1, "day_end_us": DAY, **changes})


def call(*, conditional: bool = True, cost: int = 0) -> Call:
    """The Call that is answered."""
    terms = Terms(Limits(0, -1, -1, -1, -1, -1), Windows(0, 1, 2, 0, 1, 2), conditional, False)
    of = Subject(UsagePlan("usagePlan-test", "test"), "service-test", "release")
    return Call(of, terms, cost, 0, 1, DayNumbers(), DayNumbers())


def hear(entry: Entry, heard: Answer, admitted: int, *, conditional: bool, owed: int = 0) -> Heard:
    """The Entry hears of a Call whose cost was admitted."""
    asked = call(conditional=conditional, cost=max(admitted, 0))
    return entry.hear(asked, heard, admitted, None, owed)


def test_a_grant_on_time_leaves_open_holds_and_nothing_to_give_back() -> None:
    """Units that someone waits for are open until they are settled."""
    entry = Entry()
    assert hear(entry, answer(granted=3, entry_granted=3), 3, conditional=True) == (0, 0, 0)
    assert entry.open == 3


def test_a_settled_hold_is_closed_once_and_given_back_only_when_it_does_not_count() -> None:
    """Closed grows with each outcome, given back only with those that do not count."""
    entry = Entry()
    hear(entry, answer(granted=2, entry_granted=2), 2, conditional=True)
    assert entry.close(1, DAY, counted=True)
    assert entry.close(1, DAY, counted=False)
    assert entry.day.numbers() == (DAY, 2, 1)
    assert not entry.close(1, DAY, counted=True), "no Hold is left to close"


def test_holds_of_a_lost_reply_are_given_back() -> None:
    """What the store granted to a call that nobody heard of is returned with the next call."""
    entry = Entry()
    assert hear(entry, answer(granted=1, entry_granted=4), 1, conditional=True) == (0, 0, 3)
    assert entry.day.numbers() == (DAY, 3, 3)
    assert entry.open == 1


def test_charged_units_of_a_lost_reply_are_given_back_without_a_hold() -> None:
    """Without a condition nothing was held, so only given back grows."""
    entry = Entry()
    heard = hear(entry, answer(granted=1, entry_granted=5, entry_at_once=5), 1, conditional=False)
    assert heard == (0, 0, 4)
    assert entry.day.numbers() == (DAY, 0, 4)
    assert entry.open == 0


def test_lost_units_first_pay_for_what_was_admitted_without_the_store() -> None:
    """As many as are owed stay charged, the rest goes back."""
    entry = Entry()
    assert hear(entry, answer(entry_granted=5), 0, conditional=True, owed=3) == (0, 3, 2)
    assert entry.day.numbers() == (DAY, 5, 2)


def test_a_hold_of_yesterday_is_settled_into_yesterday() -> None:
    """The day in which a unit was granted takes its outcome, not the day of the outcome."""
    entry = Entry()
    hear(entry, answer(granted=2, entry_granted=2), 2, conditional=True)
    today = answer(day_end_us=NEXT_DAY, previous_day_end_us=DAY, entry_previous_granted=2)
    hear(entry, today, 0, conditional=True)
    assert entry.close(1, DAY, counted=True)
    assert entry.previous.numbers() == (DAY, 1, 0)
    assert entry.day.numbers() == (NEXT_DAY, 0, 0)


def test_a_hold_older_than_the_day_before_is_void() -> None:
    """A day that is no longer kept takes nothing."""
    entry = Entry()
    hear(entry, answer(granted=1, entry_granted=1), 1, conditional=True)
    hear(entry, answer(day_end_us=5 * DAY, previous_day_end_us=4 * DAY), 0, conditional=True)
    assert not entry.close(1, DAY, counted=True)


def test_an_entry_that_was_reclaimed_voids_its_units() -> None:
    """A unit that names an older generation changes nothing."""
    entry = Entry()
    hear(entry, answer(granted=2, entry_granted=2), 2, conditional=True)
    hear(entry, answer(generation=2, granted=1, entry_granted=1), 1, conditional=True)
    assert not entry.close(1, DAY, counted=True)
    assert entry.close(2, DAY, counted=True)


def test_charged_units_can_be_given_back_by_name() -> None:
    """A request without a condition that never went upstream returns its unit to its day."""
    entry = Entry()
    hear(entry, answer(granted=1, entry_granted=1, entry_at_once=1), 1, conditional=False)
    assert entry.give_back_charged(1, DAY)
    assert not entry.give_back_charged(2, DAY)
    assert entry.day.numbers() == (DAY, 0, 1)


def test_days_of_which_nothing_is_told_share_what_is_sent() -> None:
    """However many days there are, each tells its own end; what one of them tells later is its own."""
    days = [Day(DAY + number) for number in range(200)]
    assert [day.numbers() for day in days] == [(DAY + number, 0, 0) for number in range(200)]
    one, other = Day(DAY), Day(DAY)
    assert one.numbers() is other.numbers()
    one.close(2, 1)
    assert (one.numbers(), other.numbers()) == ((DAY, 2, 1), (DAY, 0, 0))
    assert isinstance(one.numbers(), DayNumbers)
