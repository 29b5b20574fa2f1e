"""What every store keeps, whatever is behind it: the suite for MemoryStore and RedisStore alike.

A subclass named ``Test...`` gives the fixtures ``store``, ``other`` (a second Sidecar upon the same
counters) and ``damage`` (makes a Subject's state unreadable).
"""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from quotad.core.plans import Subject, UsagePlan
from quotad.core.quota import Answer, AnswerStatus, Call, DayNumbers, Limit, Limits, Terms
from quotad.core.windows import windows
from quotad.errors import StoreError
from quotad.store.interface import Store

PLAN = UsagePlan("usagePlan-contract", "contract")
NO_DAY = DayNumbers()

Damage = Callable[[Subject], None]


class Collected:
    """A Batch whose answers can be awaited; counts what it hears."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls = calls
        self.lates = 0
        self.heard: asyncio.Future[list[Answer | StoreError]] = asyncio.get_running_loop().create_future()

    def late(self) -> None:
        self.lates += 1

    def done(self, answers: Sequence[Answer | StoreError]) -> None:
        self.heard.set_result(list(answers))


def subject(index: int = 0) -> Subject:
    return Subject(PLAN, f"service-{index:08d}", "release")


def terms(store: Store, *, conditional: bool = True, **limits: int) -> Terms:
    """Terms for the store's present day; unlimited but for what is named."""
    now_us = store.now_us()
    assert now_us is not None
    unlimited = Limits(0, -1, -1, -1, -1, -1)
    return Terms(unlimited._replace(**limits), windows(now_us, "UTC", 1), conditional, release_on_crash=False)


async def ask_all(
    store: Store, calls: Sequence[Call], *, settle_only: bool = False
) -> list[Answer | StoreError]:
    batch = Collected(calls)
    store.submit(batch, settle_only)
    assert not batch.heard.done()
    return await batch.heard


async def ask(store: Store, call: Call, *, settle_only: bool = False) -> Answer:
    (answer,) = await ask_all(store, [call], settle_only=settle_only)
    assert isinstance(answer, Answer)
    return answer


def first(asked: Terms, cost: int = 1, number: int = 1, index: int = 0) -> Call:
    """A Call of a Sidecar that knows nothing yet."""
    return Call(subject(index), asked, cost, 0, number, NO_DAY, NO_DAY)


def then(call: Call, heard: Answer, cost: int = 0, closed: int = 0, given_back: int = 0) -> Call:
    """The next Call after that Answer."""
    day = DayNumbers(heard.day_end_us, closed, given_back)
    return Call(call.subject, call.terms, cost, heard.generation, call.number + 1, day, NO_DAY)


class StoreContract:
    @pytest.fixture
    def store(self) -> Store:
        """The store under test, started."""
        raise NotImplementedError

    @pytest.fixture
    def other(self) -> Store:
        """Another Sidecar's store upon the same counters, started."""
        raise NotImplementedError

    @pytest.fixture
    def damage(self) -> Damage:
        """Makes a Subject's state unreadable."""
        raise NotImplementedError

    async def test_one_unit_is_granted(self, store: Store) -> None:
        """An Answer carries the grant, the counters and the Entry's numbers as ints."""
        answer = await ask(store, first(terms(store, rate_rps=9, burst=9, day=5)))
        assert all(type(number) is int for number in answer[1:3])
        assert (answer.status, answer.granted, answer.refused_by) == (AnswerStatus.DECIDED, 1, Limit.NONE)
        assert (answer.day_limit, answer.day_charged, answer.day_open, answer.tokens) == (5, 0, 1, 8)
        assert (answer.entry_granted, answer.entry_at_once) == (1, 0)

    async def test_a_cost_is_granted_in_part(self, store: Store) -> None:
        """Of ten requests the three that fit are granted, and the refusing limit is named."""
        answer = await ask(store, first(terms(store, day=3, conditional=False), 10))
        assert (answer.granted, answer.refused_by, answer.day_charged) == (3, Limit.DAY, 3)
        assert 0 < answer.retry_us <= answer.day_end_us - answer.now_us

    async def test_a_settle_counts_once(self, store: Store) -> None:
        """The same absolute numbers sent twice, by either verb, are recorded once."""
        held_by = first(terms(store, day=9), 4)
        held = await ask(store, held_by)
        once = then(held_by, held, closed=3, given_back=1)
        answer = await ask(store, once, settle_only=True)
        assert (answer.day_charged, answer.day_open) == (2, 1)
        again = then(once, held, closed=3, given_back=1)
        answer = await ask(store, again)
        assert (answer.day_charged, answer.day_open) == (2, 1)

    async def test_a_settle_grants_and_creates_nothing(self, store: Store) -> None:
        """Its cost is ignored, and an unknown Subject stays unknown."""
        answer = await ask(store, first(terms(store), 5), settle_only=True)
        assert (answer.granted, answer.generation) == (0, 0)
        (usage,) = await store.usage([subject()])
        assert usage.day_end_us == 0

    async def test_a_lost_reply_shows_in_the_next(self, store: Store) -> None:
        """What an unheard call was granted is in the Entry's numbers."""
        asked = terms(store, day=9)
        await ask(store, first(asked, 4, number=1))
        answer = await ask(store, first(asked, 2, number=2))
        assert (answer.granted, answer.entry_granted, answer.day_open) == (2, 6, 6)

    async def test_a_repeated_call_changes_nothing(self, store: Store) -> None:
        """A number that is not above the last is answered as stale."""
        call = first(terms(store, day=9), 4)
        await ask(store, call)
        stale = await ask(store, call)
        assert (stale.status, stale.granted) == (AnswerStatus.NUMBER_STALE, 0)
        (usage,) = await store.usage([subject()])
        assert usage.day_open == 4

    async def test_windows_that_do_not_fit_are_refused(self, store: Store) -> None:
        """The Answer says the store's time, so that windows can be made for it."""
        asked = terms(store)
        old = asked._replace(windows=windows(asked.windows.day_start_us - 90 * 86_400_000_000, "UTC", 1))
        answer = await ask(store, first(old))
        assert (answer.status, answer.granted) == (AnswerStatus.WINDOWS_UNFIT, 0)
        assert asked.windows.day_start_us <= answer.now_us < asked.windows.next_day_end_us

    async def test_a_broken_subject_harms_only_itself(self, store: Store, damage: Damage) -> None:
        """Its neighbours in the same Batch are decided; it answers an error for itself."""
        asked = terms(store)
        damage(subject(1))
        answers = await ask_all(store, [first(asked, index=index) for index in range(3)])
        assert isinstance(answers[1], StoreError)
        assert [answer.granted for answer in answers if isinstance(answer, Answer)] == [1, 1]

    async def test_batches_of_one_tick_are_answered_each_in_order(self, store: Store) -> None:
        """Many Batches submitted together hear their own answers, in the order of their Calls."""
        asked = terms(store)
        batches = [
            Collected(
                [first(asked, cost=group * 7 + index + 1, index=group * 7 + index) for index in range(7)]
            )
            for group in range(20)
        ]
        for batch in batches:
            store.submit(batch)
        for group, batch in enumerate(batches):
            answers = await batch.heard
            granted = [answer.granted for answer in answers if isinstance(answer, Answer)]
            assert granted == [group * 7 + index + 1 for index in range(7)]

    async def test_sidecars_share_one_quota(self, store: Store, other: Store) -> None:
        """However the calls of two Sidecars interleave, exactly the limit is granted."""
        asked = terms(store, day=100, conditional=False)
        granted = 0
        for number in range(1, 31):
            batches = [Collected([first(asked, 3, number=number)]) for _ in range(2)]
            store.submit(batches[0])
            other.submit(batches[1])
            for batch in batches:
                (answer,) = await batch.heard
                assert isinstance(answer, Answer)
                granted += answer.granted
        assert granted == 100

    async def test_usage_reads_without_changing(self, store: Store) -> None:
        """Charged and held units of each Subject, in the order asked; an unknown one reads 0."""
        asked = terms(store)
        call = first(asked, 5)
        held = await ask(store, call)
        await ask(store, then(call, held, closed=3, given_back=1))
        for _ in range(2):
            unknown, usage = await store.usage([subject(9), subject()])
            assert (usage.day_charged, usage.day_open, usage.total_charged) == (2, 2, 2)
            assert (usage.day_end_us, usage.month_end_us) == (held.day_end_us, held.month_end_us)
            assert not any(unknown[1:])
