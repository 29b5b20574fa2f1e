"""What a Lane says of itself."""

from quotad.engine.lane import Grant, Lane
from tests.engine.test_entries import answer, hear
from tests.support.engines import subject


def test_a_lane_is_in_use_while_units_may_be_settled() -> None:
    """Holds, and requests on units ahead that may go back, keep its Entry alive."""
    lane = Lane(subject())
    seen = [lane.is_in_use]
    hear(lane.entry, answer(granted=1, entry_granted=1), 1, conditional=True)
    seen.append(lane.is_in_use)
    lane.entry.close(1, lane.entry.day.end_us, counted=True)
    seen.append(lane.is_in_use)
    lane.flying = 1
    seen.append(lane.is_in_use)
    assert seen == [False, True, False, True]


def test_a_grant_names_the_day_and_the_entry_of_its_units() -> None:
    """A unit is settled where it was granted, whatever comes later."""
    lane = Lane(subject())
    grant = Grant(lane, answer(generation=7, day_end_us=11), held=True)
    assert (grant.generation, grant.day_end_us, grant.held, grant.leased) == (7, 11, True, False)
