from quotad.store.outbox import Outbox
from quotad.store.wire import OpenCall
from tests.support.sinks import RecordingSink


def call(payload: bytes, expires_s: float) -> OpenCall:
    """A call without anybody who listens."""
    return OpenCall(payload, RecordingSink(), expires_s)


async def test_it_is_bounded_in_calls_and_bytes() -> None:
    """There is room up to each bound, and again once the calls were taken."""
    outbox = Outbox(calls_at_most=2, bytes_at_most=10)
    outbox.put(call(b"12345", 1.0))
    assert not outbox.has_room(b"123456")
    assert outbox.has_room(b"12345")
    outbox.put(call(b"1", 1.0))
    assert not outbox.has_room(b"")
    assert [each.payload for each in outbox.take()] == [b"12345", b"1"]
    assert outbox.has_room(b"1234567890")
    assert len(outbox) == 0


async def test_each_deadline_is_told_once() -> None:
    """Calls come out when their time has come, written or not, except those that are done."""
    outbox = Outbox(10, 1000)
    first, second, third = call(b"a", 1.0), call(b"b", 2.0), call(b"c", 3.0)
    for each in (first, second, third):
        outbox.put(each)
    assert outbox.due_s == 1.0
    assert outbox.overdue(0.9) == []
    second.done = True
    assert outbox.overdue(2.5) == [first]
    assert outbox.due_s == 3.0
    assert outbox.overdue(3.0) == [third]
    assert outbox.due_s is None


async def test_an_unwritten_call_stops_waiting_at_its_deadline() -> None:
    """What is overdue is not sent any more, and its room is free."""
    outbox = Outbox(1, 1)
    outbox.put(call(b"a", 1.0))
    outbox.overdue(1.0)
    assert outbox.has_room(b"x")
    assert outbox.take() == []


async def test_a_repeated_call_keeps_its_deadline() -> None:
    """Put again after a NOSCRIPT, a call is overdue when it would have been anyway."""
    outbox = Outbox(10, 1000)
    repeated = call(b"a", 1.0)
    outbox.put(repeated)
    outbox.take()
    outbox.put(call(b"b", 2.0))
    outbox.put_again(repeated)
    assert outbox.overdue(1.0) == [repeated]
    assert [each.payload for each in outbox.take()] == [b"b"]


async def test_answered_calls_are_let_go_before_their_deadline() -> None:
    """A steady stream keeps what is under way alive, not all of the last deadline's time."""
    outbox = Outbox(10, 1000)
    for number in range(100):
        answered = call(b"", 1.0 + number)
        outbox.put(answered)
        outbox.take()
        answered.done = True
    assert outbox.watched == 1
