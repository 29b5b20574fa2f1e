import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import pytest

from quotad.config.model import StoreConfig
from quotad.core.history import Portion
from quotad.core.plans import Subject, UsagePlan
from quotad.core.quota import Answer
from quotad.core.verdict import Verdict
from quotad.engine.debts import Debt, Unaccounted
from quotad.engine.shares import PORTIONS_AT_ONCE, SECRETS_PER_PORTION, ShareBook
from quotad.errors import StoreError
from quotad.store.redis_store import RedisStore
from tests.support.servers import StoreServer
from tests.support.waiting import AT_MOST_S

DAY_END_US = 1_900_000_000_000_000
NO_ANSWER = Answer(*[0] * len(Answer._fields))


def subject(number: int = 0) -> Subject:
    return Subject(UsagePlan(f"usagePlan-{number:08d}", "shared"), "service-aaaaaaaa", "release")


def verdict(of: Subject, day_end_us: int = DAY_END_US) -> Verdict:
    return Verdict(of, True, NO_ANSWER._replace(day_end_us=day_end_us))


class Flaky:
    """A real store whose calls or replies are lost, as ``fault`` says."""

    def __init__(self, store: RedisStore) -> None:
        self.store = store
        self.fault = ""
        self.told: list[Portion] = []

    async def attribute(self, portions: Sequence[Portion]) -> list[StoreError | None]:
        if self.fault == "call":
            raise StoreError("disconnected", "lost", executed=False)
        self.told += portions
        heard = await self.store.attribute(portions)
        if self.fault == "reply":
            raise StoreError("broken", "lost", executed=None)
        if self.fault == "some":
            lost = StoreError("broken", "lost", executed=None)
            return [lost if place % 2 else error for place, error in enumerate(heard)]
        return heard


@pytest.fixture
async def flaky(store_server: StoreServer) -> AsyncIterator[Flaky]:
    """A started store that loses nothing yet."""
    store = RedisStore(store_server.url, StoreConfig(deadline_s=5.0), os.urandom(8))
    await store.start()
    yield Flaky(store)
    await store.close()


async def shares(flaky: Flaky, of: Subject, day_end_us: int = DAY_END_US) -> dict[str, int]:
    return dict((await flaky.store.attributed(of, [day_end_us]))[day_end_us])


async def test_each_use_reaches_its_day(flaky: Flaky) -> None:
    """By Secret and by the day in which the unit was granted, also of what the store did not decide."""
    book = ShareBook(flaky)
    for secret_id in ("AKIDa", "AKIDb", "AKIDa"):
        book.count(verdict(subject()), secret_id)
    book.count(verdict(subject(), DAY_END_US + 1), "AKIDa")
    admitted = Verdict(subject(), True, None)
    admitted.unit = Unaccounted(subject(), Debt(DAY_END_US))
    book.count(admitted, "AKIDc")
    book.count(Verdict(subject(), True, None), "AKIDnobody")
    assert await book.tell()
    assert await shares(flaky, subject()) == {"AKIDa": 2, "AKIDb": 1, "AKIDc": 1}
    assert await shares(flaky, subject(), DAY_END_US + 1) == {"AKIDa": 1}
    assert await book.close(AT_MOST_S)
    assert len(flaky.told) == 2


async def test_what_may_have_arrived_goes_again_as_it_was(flaky: Flaky) -> None:
    """A lost reply doubles nothing, and what was counted meanwhile goes after it."""
    book = ShareBook(flaky)
    book.count(verdict(subject()), "AKIDa")
    flaky.fault = "reply"
    assert not await book.tell()
    book.count(verdict(subject()), "AKIDa")
    assert not await book.tell()
    flaky.fault = ""
    assert await book.close(AT_MOST_S)
    first, again, once_more, second = flaky.told
    assert first is again is once_more
    assert second.number > first.number
    assert await shares(flaky, subject()) == {"AKIDa": 2}


@pytest.mark.parametrize("seed", range(5))
async def test_random_faults_lose_and_double_nothing(flaky: Flaky, seed: int) -> None:
    """Whatever gets lost on the way, in the end every Secret has what was counted."""
    chance = random.Random(seed)
    book, counted = ShareBook(flaky), Counter[tuple[int, str]]()
    for _ in range(60):
        for _ in range(chance.randrange(6)):
            of, secret_id = chance.randrange(4), f"AKID{chance.randrange(5)}"
            book.count(verdict(subject(of)), secret_id)
            counted[of, secret_id] += 1
        flaky.fault = chance.choice(["", "call", "reply", "some"])
        await book.tell()
    flaky.fault = ""
    assert await book.close(AT_MOST_S)
    for of in range(4):
        of_subject = {secret_id: units for (each, secret_id), units in counted.items() if each == of}
        assert await shares(flaky, subject(of)) == of_subject


async def test_many_secrets_and_many_subjects(flaky: Flaky) -> None:
    """More than one message takes is told by several."""
    book = ShareBook(flaky)
    for each in range(2 * SECRETS_PER_PORTION + 1):
        book.count(verdict(subject()), f"AKID{each}")
    for each in range(1, PORTIONS_AT_ONCE + 2):
        book.count(verdict(subject(each)), "AKIDa")
    assert await book.close(AT_MOST_S)
    assert len(await shares(flaky, subject())) == 2 * SECRETS_PER_PORTION + 1
    assert await shares(flaky, subject(PORTIONS_AT_ONCE + 1)) == {"AKIDa": 1}
    assert max(len(portion.units) for portion in flaky.told) == SECRETS_PER_PORTION


async def test_a_store_that_is_away_is_no_end(flaky: Flaky) -> None:
    """Closing says that not everything was told."""
    book = ShareBook(flaky)
    book.start()
    book.count(verdict(subject()), "AKIDa")
    flaky.fault = "call"
    assert not await book.close(5.0)
    assert flaky.told == []


async def test_nothing_to_tell_asks_nobody(flaky: Flaky) -> None:
    """Without use there is no message."""
    book = ShareBook(flaky)
    book.start()
    assert await book.close(AT_MOST_S)
    assert flaky.told == []
