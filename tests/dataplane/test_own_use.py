import asyncio
from collections.abc import Sequence

import pytest

from quotad.core.plans import Subject
from quotad.core.quota import Usage
from quotad.dataplane import own_use as module
from quotad.dataplane.own_use import ASKED_PER_S, FRESH_S, OwnUse
from tests.support.samples import OWN, SERVICE, SHARED, FixedReader, usage
from tests.support.waiting import AT_MOST_S

ONE = Subject(SHARED, SERVICE.service_id, "release")
TWO = Subject(OWN, SERVICE.service_id, "test", "AKIDc")


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Question:
    """Someone who asks, and what it heard."""

    def __init__(self) -> None:
        self.gone = False
        self.heard: list[list[Usage] | None] = []
        self._event = asyncio.Event()

    def on_use(self, usages: list[Usage] | None) -> None:
        self.heard.append(usages)
        self._event.set()

    async def answer(self) -> list[Usage] | None:
        """What it heard, once."""
        async with asyncio.timeout(AT_MOST_S):
            await self._event.wait()
        (heard,) = self.heard
        return heard


class SlowReader(FixedReader):
    """Answers when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()

    async def usage(self, subjects: Sequence[Subject]) -> list[Usage]:
        self.asked.append([subject.tag for subject in subjects])
        await self.go.wait()
        return [self.answer] * len(subjects)


def ask(own_use: OwnUse, *subjects: Subject) -> Question:
    """Ask, and hear nothing from within."""
    question = Question()
    own_use.ask(subjects, question)
    assert question.heard == []
    return question


async def test_one_read_a_second() -> None:
    """However many ask, a Subject is read once a second, and everybody hears what was read."""
    clock, reader = Clock(), FixedReader()
    own_use = OwnUse(reader.usage, clock)
    for _ in range(5):
        assert await ask(own_use, ONE).answer() == [usage()]
    assert reader.asked == [[ONE.tag]]
    clock.now_s += FRESH_S
    await ask(own_use, ONE).answer()
    assert reader.asked == [[ONE.tag]] * 2


async def test_who_asks_meanwhile_waits_for_the_same_read() -> None:
    """A read under way is not repeated, and only what it does not cover is read besides."""
    reader = SlowReader()
    own_use = OwnUse(reader.usage, Clock())
    questions = [ask(own_use, ONE), ask(own_use, ONE), ask(own_use, ONE, TWO)]
    await asyncio.sleep(0)
    assert reader.asked == [[ONE.tag], [TWO.tag]]
    reader.go.set()
    assert [await question.answer() for question in questions] == [[usage()], [usage()], [usage()] * 2]


async def test_an_absent_store_is_asked_once_a_second_too() -> None:
    """A failed read is told to all who ask within its second; the next second asks again."""
    clock, reader = Clock(), FixedReader()
    reader.away = True
    own_use = OwnUse(reader.usage, clock)
    assert await ask(own_use, ONE).answer() is None
    assert await ask(own_use, ONE, TWO).answer() is None
    assert reader.asked == [[ONE.tag], [TWO.tag]]
    reader.away = False
    clock.now_s += FRESH_S
    assert await ask(own_use, ONE).answer() == [usage()]


async def test_who_left_hears_nothing() -> None:
    """A request whose caller left is not woken."""
    own_use = OwnUse(FixedReader().usage, Clock())
    question, other = ask(own_use, ONE), ask(own_use, ONE)
    question.gone = True
    await other.answer()
    assert question.heard == []


async def test_a_store_that_says_nothing_is_not_awaited_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A read has a bound of its own."""
    monkeypatch.setattr(module, "READ_WITHIN_S", 0.01)
    own_use = OwnUse(SlowReader().usage, Clock())
    assert await ask(own_use, ONE).answer() is None


async def test_close_ends_what_is_read() -> None:
    """After close no read goes on, and nobody is left waiting."""
    own_use = OwnUse(SlowReader().usage, Clock())
    question = ask(own_use, ONE)
    await asyncio.sleep(0)
    await own_use.close()
    assert await question.answer() is None
    await own_use.close()


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound the numbers of others are forgotten, but no read that somebody waits for."""
    monkeypatch.setattr(module, "REMEMBERED", 1)
    reader = FixedReader()
    own_use = OwnUse(reader.usage, Clock())
    for subject in (ONE, TWO, ONE):
        await ask(own_use, subject).answer()
    assert len(reader.asked) == 3
    assert await ask(own_use, TWO, ONE).answer() == [usage()] * 2


def test_a_caller_has_so_many_turns_a_second() -> None:
    """Each caller may ask ten times a second, whatever others do."""
    clock = Clock()
    own_use = OwnUse(FixedReader().usage, clock)
    assert [own_use.admits("AKIDa") for _ in range(ASKED_PER_S + 1)] == [True] * ASKED_PER_S + [False]
    assert own_use.admits("AKIDb")
    clock.now_s += 1.0
    assert own_use.admits("AKIDa")
