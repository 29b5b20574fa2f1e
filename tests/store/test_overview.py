import asyncio
from collections.abc import Collection

from quotad.errors import StoreError
from quotad.store.endpoint import Endpoint
from quotad.store.overview import Overview
from quotad.store.slots import SLOTS, SlotMap
from quotad.store.survey import Surveyor
from tests.support.waiting import until

FOUND = SlotMap(("a:1",) * SLOTS)


class Scene(Surveyor):
    """A Cluster as far as it is looked at, and those who look."""

    def __init__(self) -> None:
        super().__init__({})
        self.answer: SlotMap | StoreError = FOUND
        self.trouble = False
        self.asked: list[tuple[Collection[str], frozenset[str]]] = []
        self.heard: list[int | str] = []
        self.rests = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def ask(self, known: Collection[str], doubted: frozenset[str], login: Endpoint) -> SlotMap:
        self.asked.append((known, doubted))
        await self.gate.wait()
        if isinstance(self.answer, StoreError):
            raise self.answer
        return self.answer

    async def rest(self) -> None:
        self.rests += 1

    def known(self) -> frozenset[str]:
        return frozenset({"a:1", "b:1"})

    def doubted(self) -> frozenset[str]:
        return frozenset({"b:1"})

    def troubled(self) -> bool:
        return self.trouble

    def on_surveyed(self, found: SlotMap, number: int) -> None:
        assert found is FOUND
        self.heard.append(number)

    def on_blind(self, error: StoreError) -> None:
        self.heard.append(error.kind)


def look(scene: Scene) -> Overview:
    overview = Overview(scene, scene, Endpoint, lambda: 0.0)
    overview.start()
    return overview


async def test_it_begins_with_a_survey_and_then_rests() -> None:
    """In calm times one is enough for long; the connections are given back."""
    scene = Scene()
    overview = look(scene)
    await overview.attempted.wait()
    await until(lambda: scene.rests == 1)
    assert scene.heard == [1]
    assert scene.asked == [(frozenset({"a:1", "b:1"}), frozenset({"b:1"}))]
    assert overview.last_error is None
    await overview.stop()


async def test_one_survey_at_a_time_serves_all_who_ask() -> None:
    """Many who ask while one is under way are answered by one more."""
    scene = Scene()
    scene.gate.clear()
    overview = look(scene)
    await until(lambda: len(scene.asked) == 1)
    for _ in range(50):
        overview.ask()
    scene.gate.set()
    await until(lambda: scene.heard == [1, 2])
    await until(lambda: scene.rests == 1)
    assert len(scene.asked) == 2
    await overview.stop()


async def test_it_looks_again_while_there_is_trouble() -> None:
    """Until every slot has a primary that works; without being asked."""
    scene = Scene()
    scene.trouble = True
    overview = look(scene)
    await until(lambda: len(scene.heard) >= 4)
    assert scene.rests == 0
    scene.trouble = False
    await until(lambda: scene.rests == 1)
    await overview.stop()


async def test_what_cannot_be_seen_is_looked_at_again() -> None:
    """An error is told, and gone once somebody answers."""
    scene = Scene()
    scene.answer = StoreError("clusterdown", "nobody is well", executed=False)
    overview = look(scene)
    await until(lambda: scene.heard.count("clusterdown") >= 2)
    before = overview.last_error
    scene.answer = FOUND
    await until(lambda: scene.heard[-1] != "clusterdown")
    assert (before is None, overview.last_error) == (False, None)
    await overview.stop()


async def test_only_a_survey_that_begins_later_confirms() -> None:
    """One under way may have asked before the doubt arose; one that found nothing confirms nothing."""
    scene = Scene()
    scene.gate.clear()
    overview = look(scene)
    await until(lambda: len(scene.asked) == 1)
    confirmed = asyncio.ensure_future(overview.confirmed())
    await asyncio.sleep(0)
    scene.gate.set()
    await confirmed
    assert scene.heard == [1, 2]
    await overview.stop()


async def test_a_slow_wish_is_served_late_and_once() -> None:
    """Who only asks for a survey within some time does not get one at once."""
    scene = Scene()
    overview = look(scene)
    await until(lambda: scene.rests == 1)
    for _ in range(10):
        overview.ask(1.5)
    overview.ask(1.0)
    await asyncio.sleep(0.03)
    assert scene.heard == [1]
    await until(lambda: scene.heard == [1, 2])
    await overview.stop()


async def test_stop_ends_a_survey_under_way() -> None:
    """Nobody hears of it, and nothing stays open."""
    scene = Scene()
    scene.gate.clear()
    overview = look(scene)
    await until(lambda: len(scene.asked) == 1)
    await overview.stop()
    assert scene.heard == []
    assert scene.rests == 1
