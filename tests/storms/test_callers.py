import random
from collections import deque
from typing import cast

from tests.storms.callers import Answer, Line, PairWatcher, Passer, SwapWatcher, Traffic
from tests.storms.writers import moves, paired_plan

PLACE = ("service-x", "release")


class Told:
    """A connection on which answers come as they were told."""

    port = 1

    def __init__(self, *answers: Answer) -> None:
        self._answers = deque(answers)

    async def ask(self, *_: object) -> Answer:
        return self._answers.popleft()


def line(*answers: Answer) -> Line:
    """As watchers take it."""
    return cast(Line, Told(*answers))


def under(number: int) -> Answer:
    """Admitted after so many moves."""
    return Answer(200, paired_plan(number))


async def test_half_a_move_is_noticed() -> None:
    """The other Secret of a pair under an earlier plan is wrong; under the same or a later one it is not."""
    traffic = Traffic()
    watcher = PairWatcher(traffic, PLACE, ("one", "two"), str)
    await watcher(line(under(0), under(0)))
    await watcher(line(under(0), under(2)))
    await watcher(line(under(2), under(7)))
    assert traffic.wrong == []
    await watcher(line(under(8), under(7)))
    assert traffic.wrong == ["two had plan 7 after the pair had plan 8"]
    assert watcher.seen == {0, 2, 7, 8}
    assert moves(paired_plan(12)) == 12


async def test_a_refusal_between_two_plans_is_noticed() -> None:
    """Whoever always has a plan is never refused, and nobody meets an error."""
    traffic = Traffic()
    await PairWatcher(traffic, PLACE, ("one", "two"), str)(line(Answer(403), under(0)))
    await SwapWatcher(traffic, [PLACE, PLACE], "one", "key")(line(Answer(200, "p"), Answer(401)))
    passer = Passer(traffic, [PLACE], ["one"], lambda _: ["key"], random.Random(1))
    for status in (200, 401, 403, 404, 429, 502, 503):
        await passer(line(Answer(status)))
    assert [words[-3:] for words in traffic.wrong] == ["403", "401", "502", "503"]
    assert traffic.statuses == {200: 3, 401: 2, 403: 2, 404: 1, 429: 1, 502: 1, 503: 1}
