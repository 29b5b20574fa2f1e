"""When windows end, and what becomes of units then."""

from quotad.core.quota import AnswerStatus, DayNumbers, Limit
from tests.support.twins import DAY_US, HOLD_US, START_US, Twins, limits, subject, terms

NOON_US = 12 * 3_600_000_000
HOUR_US = 3_600_000_000


def test_a_day_ends_at_its_stored_end(twins: Twins) -> None:
    """At the last microsecond the old day still binds; at its end the quota is whole again."""
    plan = limits(day=2)
    assert twins.ask(terms(plan, conditional=False), 3).granted == 2
    end_us = START_US + NOON_US
    twins.at(end_us - 1)
    refused = twins.ask(terms(plan, conditional=False))
    assert (refused.granted, refused.refused_by, refused.retry_us) == (0, Limit.DAY, 1)
    twins.at(end_us)
    answer = twins.ask(terms(plan, conditional=False))
    assert (answer.granted, answer.day_charged, answer.month_charged) == (1, 1, 3)


def test_another_zone_does_not_move_an_open_window(twins: Twins) -> None:
    """Sidecars with different zones share one day until its stored end: the quota is granted once."""
    plan = limits(day=100)
    twins.ask(terms(plan, conditional=False), 100)
    for hour in range(12):
        twins.at(START_US + hour * HOUR_US)
        for zone in ("Asia/Tokyo", "UTC", "America/New_York"):
            assert twins.ask(terms(plan, at_us=twins.now_us, zone=zone, conditional=False)).granted == 0
    twins.at(START_US + NOON_US)
    opened = twins.ask(terms(plan, at_us=twins.now_us, zone="Asia/Tokyo", conditional=False), 200)
    assert (opened.granted, opened.day_end_us) == (100, START_US + NOON_US + 15 * HOUR_US)
    assert twins.ask(terms(plan, at_us=twins.now_us, conditional=False)).granted == 0


def test_a_day_is_cut_at_the_months_end(twins: Twins) -> None:
    """A month opened in UTC ends in the middle of Tokyo's day; that day ends with it."""
    plan = limits(month=5)
    last_day_us = START_US + 29 * DAY_US
    twins.at(last_day_us)
    twins.ask(terms(plan, at_us=last_day_us, conditional=False), 5)
    month_end_us = last_day_us + NOON_US
    twins.at(month_end_us - 1)
    answer = twins.ask(terms(plan, at_us=twins.now_us, zone="Asia/Tokyo", conditional=False))
    assert (answer.granted, answer.refused_by) == (0, Limit.MONTH)
    assert answer.day_end_us == answer.month_end_us == month_end_us
    twins.at(month_end_us)
    answer = twins.ask(terms(plan, at_us=twins.now_us, zone="Asia/Tokyo", conditional=False))
    assert (answer.granted, answer.month_charged) == (1, 1)


def test_a_sidecar_a_moment_behind_opens_the_next_window(twins: Twins) -> None:
    """Windows made just before midnight fit just after it; a day later they fit nothing."""
    plan = limits(day=1)
    twins.at(START_US + NOON_US)
    behind = twins.ask(terms(plan, at_us=START_US))
    assert (behind.status, behind.granted) == (AnswerStatus.DECIDED, 1)
    twins.at(START_US + NOON_US + DAY_US)
    stale = twins.ask(terms(plan, at_us=START_US))
    assert (stale.status, stale.granted, stale.refused_by) == (AnswerStatus.WINDOWS_UNFIT, 0, Limit.NONE)
    assert stale.now_us == twins.now_us


def test_unfit_windows_open_nothing_but_settle(twins: Twins) -> None:
    """A call whose windows do not fit creates no Subject; on an old one its settles are recorded."""
    plan = limits(day=5)
    assert twins.ask(terms(plan, at_us=START_US + 9 * DAY_US)).status == AnswerStatus.WINDOWS_UNFIT
    assert not twins.client.exists(*twins.keys(subject()))
    held = twins.ask(terms(plan), 5)
    twins.pass_time(9 * DAY_US)
    closed = DayNumbers(held.day_end_us, 5, 2)
    answer = twins.ask(terms(plan), 1, generation=held.generation, day=closed)
    assert (answer.status, answer.day_end_us) == (AnswerStatus.WINDOWS_UNFIT, held.day_end_us)
    assert (answer.day_charged, answer.day_open, answer.total_charged) == (3, 0, 3)


def test_a_late_settle_goes_to_the_day_of_its_grant(twins: Twins) -> None:
    """A Hold settled after midnight leaves the new day alone and counts in month and total."""
    plan = limits(day=5)
    held = twins.ask(terms(plan), 3)
    twins.pass_time(NOON_US)
    now = terms(plan, at_us=twins.now_us)
    fresh = twins.ask(now, 1, generation=held.generation)
    assert (fresh.previous_day_end_us, fresh.entry_previous_granted) == (held.day_end_us, 3)
    ended = DayNumbers(held.day_end_us, 3, 1)
    answer = twins.ask(now, 0, generation=held.generation, previous=ended)
    assert (answer.day_charged, answer.day_open) == (0, 1)
    assert (answer.month_charged, answer.month_open) == (2, 1)
    assert (answer.total_charged, answer.total_open) == (2, 1)


def test_a_late_settle_across_the_months_end_leaves_the_new_month_alone(twins: Twins) -> None:
    """The old month is over; only the total hears of it."""
    plan = limits(month=5)
    last_day_us = START_US + 29 * DAY_US
    twins.at(last_day_us)
    held = twins.ask(terms(plan, at_us=last_day_us), 3)
    twins.pass_time(NOON_US)
    now = terms(plan, at_us=twins.now_us)
    ended = DayNumbers(held.day_end_us, 3, 1)
    answer = twins.ask(now, 0, generation=held.generation, previous=ended)
    assert (answer.month_charged, answer.month_open) == (0, 0)
    assert (answer.total_charged, answer.total_open) == (2, 0)


def test_holds_of_a_forgotten_day_stay_charged(twins: Twins) -> None:
    """When the day before the previous one is dropped, what was open there is charged for good."""
    plan = limits(month=10)
    held = twins.ask(terms(plan), 4)
    twins.pass_time(DAY_US)
    twins.ask(terms(plan, at_us=twins.now_us), 1, generation=held.generation)
    twins.pass_time(DAY_US)
    last = twins.ask(terms(plan, at_us=twins.now_us), 1, generation=held.generation)
    assert (last.month_charged, last.month_open, last.total_charged) == (4, 2, 4)
    late = twins.ask(
        terms(plan, at_us=twins.now_us),
        0,
        generation=held.generation,
        previous=DayNumbers(held.day_end_us, 4, 4),
    )
    assert (late.month_charged, late.total_charged) == (4, 4)


def test_a_step_back_opens_nothing_again(twins: Twins) -> None:
    """The time of a Subject never goes back: neither a window nor a token returns."""
    plan = limits(rate=1, burst=1, day=1)
    twins.pass_time(NOON_US)
    now_us = twins.now_us
    assert twins.ask(terms(plan, at_us=now_us)).granted == 1
    for back_us in (1, 1_000_000, DAY_US):
        twins.at(now_us - back_us)
        answer = twins.ask(terms(plan, at_us=twins.now_us))
        assert (answer.granted, answer.now_us) == (0, now_us)


def test_the_hash_expires_a_hold_and_a_day_after_its_month(twins: Twins) -> None:
    """Nothing but a limited total is kept without an expiry; the total outlives the hash."""
    plan = limits(total=5)
    twins.ask(terms(plan, conditional=False), 3)
    keys = twins.keys(subject())
    month_end_us = terms(plan).windows.month_end_us
    assert twins.expiry_ms(keys.state) == (month_end_us + HOLD_US + DAY_US) // 1000
    assert twins.expiry_ms(keys.total) == -1
    twins.at(month_end_us + HOLD_US + DAY_US)
    answer = twins.ask(terms(plan, at_us=twins.now_us, conditional=False), 5)
    assert (answer.granted, answer.total_charged, answer.month_charged) == (2, 5, 2)


def test_the_totals_expiry_follows_its_limit(twins: Twins) -> None:
    """Unlimited: 400 days after the last change. Limited later: kept, even if every call is refused."""
    keys = twins.keys(subject())
    twins.ask(terms(limits()), 3)
    assert twins.expiry_ms(keys.total) == (START_US + 400 * DAY_US) // 1000
    assert twins.ask(terms(limits(total=0))).granted == 0
    assert twins.expiry_ms(keys.total) == -1
    twins.ask(terms(limits(day=0)))
    assert twins.expiry_ms(keys.total) == (START_US + 400 * DAY_US) // 1000
    twins.ask(terms(limits(total=-2)))
    assert twins.expiry_ms(keys.total) == -1, "a soft total is one"


def test_usage_of_ended_windows_reads_zero(twins: Twins) -> None:
    """Usage changes nothing: it leaves out what has ended and keeps the total."""
    twins.ask(terms(limits(), conditional=False), 2)
    twins.ask(terms(limits()), 3, sidecar=2)
    usage = twins.usage(subject())
    assert (usage.day_charged, usage.day_open, usage.month_charged, usage.month_open) == (2, 3, 2, 3)
    twins.pass_time(NOON_US)
    usage = twins.usage(subject())
    assert (usage.day_end_us, usage.day_charged, usage.day_open, usage.month_open) == (0, 0, 0, 3)
    twins.pass_time(35 * DAY_US)
    usage = twins.usage(subject())
    assert (usage.month_end_us, usage.month_charged, usage.total_charged, usage.total_open) == (0, 0, 2, 3)
    assert not any(twins.usage(subject(1))[1:])
