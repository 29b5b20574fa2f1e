"""History: use by hour and day, told when an hour or a day is over, and when a Sidecar leaves."""

import struct

from quotad.core.quota import AnswerStatus, Replay, Reset, Window
from tests.support.sidecars import Sidecar, stored
from tests.support.twins import DAY_US, HOLD_US, START_US, Twins, limits, subject, terms

HOUR_US = 3_600_000_000
NOON_US = 12 * HOUR_US
TODAY_US = START_US + NOON_US


def use(twins: Twins, units: int = 1, sidecar: int = 1) -> None:
    twins.ask(terms(limits(), at_us=twins.now_us, conditional=False), units, sidecar)


def read(twins: Twins) -> tuple[tuple[int, ...], dict[bytes, bytes]]:
    """What the script answers: the seven numbers of the present, and the rows."""
    reply = twins.client.evalsha(twins.scripts["history"].sha.decode(), 2, *twins.keys(subject()))[0]
    rows = dict(zip(reply[1::2], reply[2::2], strict=True))
    return struct.unpack("<7q", reply[0]), rows


def test_an_hour_is_told_when_it_is_over(twins: Twins) -> None:
    """Its use, by the end of the hour; an hour without use has no row."""
    use(twins, 3)
    twins.pass_time(HOUR_US - 1)
    use(twins, 2)
    assert twins.past(subject()) == {}
    twins.pass_time(1)
    use(twins, 4)
    twins.pass_time(5 * HOUR_US)
    use(twins)
    assert twins.past(subject()) == {("h", START_US + HOUR_US): 5, ("h", START_US + 2 * HOUR_US): 4}


def test_a_day_is_told_when_it_is_over_and_again_when_its_settles_are(twins: Twins) -> None:
    """What is open then may still go back; after one more day it is use."""
    one = Sidecar(twins, 1, terms(limits()))
    one.ask(6)
    twins.at(TODAY_US)
    one.asked = terms(limits(), at_us=twins.now_us)
    one.ask(0)
    assert twins.past(subject())["d", TODAY_US] == 6
    one.previous.closed, one.previous.given_back = 4, 3
    one.ask(0)
    twins.pass_time(DAY_US)
    one.asked = terms(limits(), at_us=twins.now_us)
    one.ask(0)
    assert twins.past(subject())["d", TODAY_US] == 3


def test_a_day_of_which_all_went_back_has_no_row(twins: Twins) -> None:
    """Also when one had been told of."""
    one = Sidecar(twins, 1, terms(limits()))
    one.ask(6)
    twins.at(TODAY_US)
    one.asked = terms(limits(), at_us=twins.now_us)
    one.ask(0)
    one.previous.closed = one.previous.given_back = 6
    one.ask(0)
    twins.pass_time(DAY_US)
    one.asked = terms(limits(), at_us=twins.now_us)
    one.ask(0)
    assert ("d", TODAY_US) not in twins.past(subject())


def test_the_present_is_read_from_the_counters(twins: Twins) -> None:
    """The running day and hour, and the day before with what was settled since."""
    use(twins, 3)
    twins.at(TODAY_US)
    use(twins, 2)
    present, rows = read(twins)
    assert present == (twins.now_us, TODAY_US + DAY_US, 2, TODAY_US, 3, TODAY_US + HOUR_US, 2)
    assert {name[:1] for name in rows} == {b"d", b"h"}


def test_a_subject_never_seen_has_no_history(twins: Twins) -> None:
    """Looking leaves no key."""
    assert read(twins) == ((twins.now_us, 0, 0, 0, 0, 0, 0), {})
    assert not twins.client.exists(*twins.keys(subject()))


def test_rows_outlive_the_counters(twins: Twins) -> None:
    """When the hash has expired the history is all that is known of the past."""
    use(twins, 3)
    twins.at(TODAY_US)
    use(twins, 2)
    twins.pass_time(60 * DAY_US)
    assert not twins.client.exists(twins.keys(subject()).state)
    present, rows = read(twins)
    assert present[1:] == (0, 0, 0, 0, 0, 0)
    assert b"d%d" % ((TODAY_US - 1) // (32 * DAY_US)) in rows


def test_a_year_of_use_stays_within_its_bound(twins: Twins) -> None:
    """400 days and 8 days of hours are there; rows much older are not."""
    days = 440
    for _ in range(days):
        use(twins, 2)
        twins.pass_time(DAY_US)
    use(twins)
    past = twins.past(subject())
    told = [TODAY_US + day * DAY_US for day in range(days)]
    assert all(past["d", end_us] == 2 for end_us in told[-400:])
    assert len([kind for kind, _ in past if kind == "d"]) <= 14 * 32
    hours = sorted(end_us for kind, end_us in past if kind == "h")
    assert hours[0] >= twins.now_us - 10 * DAY_US
    assert len(hours) >= 8
    size = twins.client.memory_usage(twins.all_keys(subject())[3], samples=0)
    assert size is not None
    assert size < 12_000


def test_every_hour_of_eight_days_is_kept(twins: Twins) -> None:
    """And not many more."""
    for _ in range(12 * 24):
        use(twins, 1)
        twins.pass_time(HOUR_US)
    use(twins)
    hours = sorted(end_us for kind, end_us in twins.past(subject()) if kind == "h")
    assert hours[-8 * 24 :] == [twins.now_us - back * HOUR_US for back in reversed(range(8 * 24))]
    assert len(hours) <= 10 * 24


def test_what_is_too_old_is_not_told(twins: Twins) -> None:
    """A journal found after two years adds nothing to the history."""
    use(twins)
    twins.replay(Replay(START_US - 400 * DAY_US, 5), terms(limits()))
    assert twins.past(subject()) == {}
    twins.replay(Replay(START_US - 400 * DAY_US + 1, 5), terms(limits()))
    assert twins.past(subject()) == {("r", START_US - 400 * DAY_US + 1): 5}


def test_history_expires_when_nothing_was_told_for_400_days(twins: Twins) -> None:
    """As the unlimited total does."""
    use(twins)
    twins.pass_time(HOUR_US)
    use(twins)
    key = twins.keys(subject()).total[:-1] + b"h"
    assert twins.expiry_ms(key) == (twins.now_us + 400 * DAY_US) // 1000


def test_units_given_back_in_a_later_hour_are_taken_off_there(twins: Twins) -> None:
    """Hours are what the total grew by: their sum is right."""
    one = Sidecar(twins, 1, terms(limits(), conditional=False))
    one.ask(6)
    twins.pass_time(HOUR_US)
    one.day.given_back = 4
    one.ask(0)
    twins.pass_time(HOUR_US)
    one.ask(0)
    assert twins.past(subject()) == {("h", START_US + HOUR_US): 6, ("h", START_US + 2 * HOUR_US): -4}


def test_a_reset_of_the_total_is_no_use_of_the_hour(twins: Twins) -> None:
    """Nor is it negative use."""
    use(twins, 6)
    twins.adjust(Reset(1, frozenset({Window.TOTAL})), terms(limits()))
    use(twins, 2)
    twins.pass_time(HOUR_US)
    use(twins)
    assert twins.past(subject()) == {("h", START_US + HOUR_US): 8}


def test_who_leaves_tells_the_present(twins: Twins) -> None:
    """Perhaps nobody comes again before the hash expires."""
    one = Sidecar(twins, 1, terms(limits(), conditional=False))
    one.ask(6)
    one.tell(leaves=True)
    assert twins.past(subject()) == {("h", START_US + HOUR_US): 6, ("d", TODAY_US): 6}
    use(twins, 2)
    twins.at(TODAY_US)
    use(twins)
    assert twins.past(subject()) == {("h", START_US + HOUR_US): 8, ("d", TODAY_US): 8}


def test_leaving_takes_the_entry_away(twins: Twins) -> None:
    """Nothing of the use is lost; the hash is as small as before it came."""
    one, two = (Sidecar(twins, number, terms(limits(), lease_us=HOLD_US)) for number in (1, 2))
    two.ask(1)
    one.ask(3, ahead=4)
    one.close(3, counted=2)
    one.spend(1)
    one.give_back(3)
    answer = one.tell(leaves=True)
    assert (answer.status, answer.generation, answer.entry_granted) == (AnswerStatus.DECIDED, 0, 0)
    assert (answer.day_charged, answer.day_open) == (3, 1)
    assert (stored(twins)["entries"].keys(), stored(twins)["leased"]) == ({b"side0002"}, 0)


def test_who_holds_or_leases_something_does_not_leave(twins: Twins) -> None:
    """Its Entry stays until that is settled, of the previous day too."""
    twins.at(TODAY_US - 1)
    one = Sidecar(twins, 1, terms(limits(), lease_us=HOLD_US))
    one.ask(1)
    twins.at(TODAY_US)
    one.asked = terms(limits(), at_us=twins.now_us, lease_us=HOLD_US)
    one.ask(1, ahead=2)
    for settle in (one.close, one.give_back):
        assert one.tell(leaves=True).generation == one.generation
        settle(1 if settle == one.close else 2)
    assert one.tell(leaves=True).generation == one.generation
    one.previous.closed = 1
    assert one.tell(leaves=True).generation == 0


def test_leaving_under_an_unknown_generation_is_none(twins: Twins) -> None:
    """Who speaks of another Entry does not end this one."""
    one = Sidecar(twins, 1, terms(limits(), conditional=False))
    generation = one.ask(1).generation
    one.generation = 0
    assert one.tell(leaves=True).generation == generation
    assert stored(twins)["entries"].keys() == {b"side0001"}


def test_a_call_that_decides_never_leaves(twins: Twins) -> None:
    """Only a settle can."""
    one = Sidecar(twins, 1, terms(limits(), conditional=False))
    one.ask(1)
    one.ask(0)
    assert stored(twins)["entries"].keys() == {b"side0001"}


def test_a_repeated_leave_changes_nothing(twins: Twins) -> None:
    """Its Sidecar is told that there is no Entry; coming back it gets a new one, and nothing counts twice."""
    one = Sidecar(twins, 1, terms(limits(), conditional=False))
    one.ask(6)
    leave = one.call(-1)
    twins.submit([leave], settle_only=True)
    before = twins.check(subject())
    again = twins.submit([leave._replace(number=twins.next_number())], settle_only=True)[0]
    assert again.status == AnswerStatus.STATE_LOST
    assert twins.check(subject()) == before
    fresh = Sidecar(twins, 1, one.asked)
    assert (fresh.ask(1).day_charged, fresh.generation > one.generation) == (7, True)


def test_a_hundred_that_left_take_no_space(twins: Twins) -> None:
    """The number of Entries that the Subject counts goes down with them."""
    for number in range(100, 200):
        one = Sidecar(twins, number, terms(limits(), conditional=False))
        one.ask(1)
        one.tell(leaves=True)
    assert (stored(twins)["entries"], twins.usage(subject()).day_charged) == ({}, 100)
    assert twins.client.hlen(twins.keys(subject()).state) == 1
