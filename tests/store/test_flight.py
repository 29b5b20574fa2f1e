from collections.abc import Sequence

from quotad.core.quota import Answer
from quotad.errors import StoreError
from quotad.store.flight import Gathering, Part
from tests.support.batches import WaitingBatch, call, subject, terms

ANSWERS = [Answer(*[number] * len(Answer._fields)) for number in range(3)]
ERROR = StoreError("broken", "the connection broke")


def gathered(parts: Sequence[int]) -> tuple[WaitingBatch, list[Part]]:
    """A Batch of three Calls in Parts that begin at these places."""
    batch = WaitingBatch([call(subject(number), terms()) for number in range(3)])
    gathering = Gathering(batch)
    return batch, [Part(gathering, start) for start in parts]


async def test_parts_are_put_together_in_order() -> None:
    """Whichever comes first, the Batch hears once, one item per Call in the order of its Calls."""
    batch, (first, rest) = gathered([0, 1])
    rest.done([ERROR, ANSWERS[2]])
    assert batch.heard == []
    first.done([ANSWERS[0]])
    assert await batch.end() == [ANSWERS[0], ERROR, ANSWERS[2]]
    assert batch.heard == ["done"]


async def test_a_batch_is_late_once() -> None:
    """However many of its Parts are."""
    batch, parts = gathered([0, 1, 2])
    for part in parts:
        part.late()
    for part, answer in zip(parts, ANSWERS, strict=True):
        part.done([answer])
    assert batch.heard == ["late", "done"]
    assert await batch.end() == ANSWERS
