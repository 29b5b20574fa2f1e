import pytest

from quotad.errors import StoreError
from quotad.store.chores import Chore, Heartbeat

GONE = StoreError("broken", "gone")


@pytest.mark.parametrize("answered", [False, True])
def test_a_heartbeat_is_open_until_it_ends(answered: bool) -> None:
    """Answered or failed; only an answer is passed on."""
    heard: list[object] = []
    heartbeat = Heartbeat(heard.append)
    heartbeat.open = True
    heartbeat.on_late()
    if answered:
        heartbeat.on_reply([b"1", b"2"])
    else:
        heartbeat.on_failed(GONE)
    assert not heartbeat.open
    assert heard == [[b"1", b"2"]] * answered


def test_a_chore_tells_its_end_and_not_how() -> None:
    """A failure ends it too: the next refusal has it done anew."""
    ends: list[str] = []
    chore = Chore(lambda: ends.append("end"))
    chore.on_late()
    assert ends == []
    chore.on_reply(b"OK")
    chore.on_failed(GONE)
    assert ends == ["end", "end"]
