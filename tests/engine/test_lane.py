"""What a Lane begins with, and when its Entry must be kept alive."""

from quotad.engine.lane import Grant, Lane
from tests.support.engines import World, get, subject

CONDITION = frozenset({"2xx"})


def test_a_new_lane_has_nothing_to_say() -> None:
    """It waits for no call, holds no unit and knows no refusal."""
    lane = Lane(subject())
    assert not any([lane.busy, lane.late, lane.queued, lane.dirty, lane.leaving, lane.unsure])
    assert not lane.waiting
    assert [lane.stock, lane.denied, lane.debts] == [None, None, None]
    assert not lane.is_in_use


async def test_open_holds_keep_the_entry_in_use_until_the_last_is_settled() -> None:
    """The store is still to be told their outcome, so their Entry must not end."""
    limiter = World().sidecar()
    first, second = await get(limiter, subject(day_quota_request=5, quota_condition=CONDITION), 2)
    grant = first.told.unit
    assert isinstance(grant, Grant)
    lane = grant.lane
    limiter.settle(first.told, counted=True)
    in_use = [lane.is_in_use]
    limiter.settle(second.told, counted=False)
    in_use.append(lane.is_in_use)
    assert in_use == [True, False]
    assert await limiter.close(1.0)


def test_a_unit_ahead_in_a_request_keeps_the_entry_in_use() -> None:
    """It may yet be given back, although no Hold is open."""
    lane = Lane(subject())
    lane.flying = 1
    assert lane.is_in_use


async def test_units_charged_at_once_do_not_keep_the_entry_in_use() -> None:
    """Nothing is left to be told of them."""
    limiter = World().sidecar()
    (request,) = await get(limiter, subject(day_quota_request=5))
    grant = request.told.unit
    assert isinstance(grant, Grant)
    assert not grant.lane.is_in_use
    assert await limiter.close(1.0)


async def test_requests_of_one_answer_share_one_grant_of_its_day() -> None:
    """All units of an Answer belong to the same Entry and the same day."""
    limiter = World().sidecar()
    requests = await get(limiter, subject(day_quota_request=5, quota_condition=CONDITION), 3)
    (grant,) = {request.told.unit for request in requests}
    answer = requests[0].told.answer
    assert isinstance(grant, Grant)
    assert answer is not None
    assert (grant.generation, grant.day_end_us) == (answer.generation, answer.day_end_us)
    assert grant.held
    assert not grant.leased
    for request in requests:
        limiter.release(request.told)
    assert await limiter.close(1.0)
