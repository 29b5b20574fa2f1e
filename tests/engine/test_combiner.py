"""Which Lanes go out together, and what happens when the store cannot decide."""

from dataclasses import replace

from quotad.core.plans import Subject
from quotad.core.quota import Answer, AnswerStatus, Call
from tests.support.engines import START_US, World, ask, get, subject, turns

DAY_US = 86_400_000_000


def another(name: str) -> Subject:
    """A Subject of another service."""
    return replace(subject(day_quota_request=1), service_id=f"service-{name}")


async def test_all_subjects_of_a_tick_go_out_in_one_batch() -> None:
    """Three Subjects that are asked for in one tick are one submit with three calls."""
    world = World()
    limiter = world.sidecar()
    requests = [request for name in "abc" for request in ask(limiter, another(name), 2)]
    await turns()
    assert world.stores[0].submitted == 1
    assert [request.admitted for request in requests] == [True, False] * 3


async def test_a_subject_that_cannot_be_read_harms_only_itself() -> None:
    """Its neighbours in the same batch are decided, its own callers get 503."""
    world = World()
    limiter = world.sidecar()
    inner = world.stores[0].inner
    inner.damaged.add(another("b").tag)  # type: ignore[attr-defined]
    requests = [request for name in "abc" for request in ask(limiter, another(name))]
    await turns()
    assert [request.told.reason for request in requests] == ["", "store", ""]


async def test_windows_that_do_not_fit_are_made_again_for_the_stores_time() -> None:
    """A sidecar whose idea of the time is days behind is decided on the store's time all the same."""
    world = World()
    limiter = world.sidecar()
    world.stores[0].now_us = lambda: START_US - 3 * DAY_US  # type: ignore[method-assign]
    (request,) = await get(limiter, subject(day_quota_request=1))
    assert request.admitted
    assert world.stores[0].submitted == 2
    answer = request.told.answer
    assert answer is not None
    assert START_US < answer.day_end_us <= START_US + DAY_US


async def test_numbers_are_told_without_asking_when_nobody_waits() -> None:
    """Settles that found no request to ride with go out as a settle, and change no bucket."""
    world = World()
    limiter = world.sidecar()
    plan = subject(day_quota_request=9, quota_condition=frozenset({"2xx"}))
    (request,) = await get(limiter, plan)
    kinds: list[bool] = []
    submit = world.stores[0].submit

    def watched(batch: object, settle_only: bool = False) -> None:
        kinds.append(settle_only)
        submit(batch, settle_only)  # type: ignore[arg-type]

    world.stores[0].submit = watched  # type: ignore[method-assign]
    limiter.settle(request.told, counted=True)
    assert await limiter.close(1.0)
    assert kinds == [True, True], "the settle, and that this process leaves"
    assert world.used(plan) == (1, 0)


async def test_a_store_that_never_agrees_on_the_time_ends_in_the_failure_policy() -> None:
    """Waiters are not carried round for ever."""
    world = World()
    limiter = world.sidecar()
    reference = world.reference
    decide = reference.reserve

    def unfit(now_us: int, sidecar_id: bytes, hold_us: int, call: Call) -> Answer:
        return decide(now_us, sidecar_id, hold_us, call)._replace(
            status=AnswerStatus.WINDOWS_UNFIT, granted=0
        )

    reference.reserve = unfit  # type: ignore[method-assign]
    (request,) = await get(limiter, subject())
    await turns(20)
    assert request.told.reason == "store"
