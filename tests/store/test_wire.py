import asyncio

import hiredis
import pytest

from quotad.store.wire import OpenCall, UnreadableError, Wire
from tests.support.sinks import RecordingSink


class Owner:
    """Keeps what a connection tells."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.losses: list[str] = []
        self.writable = 0

    def on_fault(self, call: OpenCall, error: hiredis.ReplyError) -> None:
        self.faults.append(str(error))

    def on_writable(self) -> None:
        self.writable += 1

    def on_lost(self, wire: Wire, kind: str) -> None:
        self.losses.append(kind)
        wire.open.clear()


@pytest.fixture
async def owner() -> Owner:
    """Who the connection belongs to."""
    return Owner()


@pytest.fixture
async def wire(owner: Owner) -> Wire:
    """A connection whose bytes are fed by hand."""
    return Wire(asyncio.get_running_loop(), owner)


def written(wire: Wire, count: int) -> list[RecordingSink]:
    """So many calls, on their way."""
    sinks = [RecordingSink() for _ in range(count)]
    wire.write([OpenCall(b"x", sink, 0.0) for sink in sinks])
    return sinks


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
async def test_replies_may_come_in_any_pieces(wire: Wire, owner: Owner, size: int) -> None:
    """However the bytes are cut, each call hears its own reply."""
    sinks = written(wire, 4)
    data = b"+OK\r\n:5\r\n*2\r\n$3\r\nabc\r\n-ERR inside\r\n$-1\r\n"
    for start in range(0, len(data), size):
        wire.data_received(data[start : start + size])
    assert [sink.heard[0] for sink in (sinks[0], sinks[1], sinks[3])] == [b"OK", 5, None]
    nested = sinks[2].heard[0]
    assert isinstance(nested, list)
    assert nested[0] == b"abc"
    assert isinstance(nested[1], hiredis.ReplyError)
    assert owner.losses == []


async def test_an_error_reply_goes_to_the_owner(wire: Wire, owner: Owner) -> None:
    """The owner decides what an error means; the next reply goes on as usual."""
    sinks = written(wire, 2)
    wire.data_received(b"-LOADING soon\r\n+OK\r\n")
    assert owner.faults == ["LOADING soon"]
    assert sinks[0].heard == []
    assert sinks[1].heard == [b"OK"]


@pytest.mark.parametrize("data", [b"!nonsense\r\n", b"+OK\r\n+unasked\r\n"], ids=["no RESP", "unasked"])
async def test_what_makes_no_sense_ends_the_connection_once(wire: Wire, owner: Owner, data: bytes) -> None:
    """Lost once, with the kind that says why; more bytes change nothing."""
    written(wire, 1)
    wire.data_received(data)
    wire.data_received(data)
    wire.connection_lost(None)
    assert owner.losses == ["protocol"]
    assert wire.lost.is_set()


async def test_a_reply_without_end_is_cut_off(wire: Wire, owner: Owner) -> None:
    """A server cannot fill the memory with one unfinished reply."""
    written(wire, 1)
    wire.data_received(b"$90000000\r\n")
    for _ in range(40):
        if not owner.losses:
            wire.data_received(b"x" * 1_000_000)
    assert owner.losses == ["protocol"]


@pytest.mark.parametrize(
    "data",
    [
        b"*2147483647\r\n",
        b"$9999999999\r\nabc",
        b"~2147483647\r\n",
        b"+OK\r\n*2147483647\r\n",
        b"*2\r\n*2147483647\r\n",
        b"*2\r\n$3\r\na\n*\r\n:1\r\n*2147483647\r\n",
    ],
)
async def test_a_length_nobody_would_send_ends_the_connection(wire: Wire, owner: Owner, data: bytes) -> None:
    """Before the reader makes room for it."""
    sinks = written(wire, 3)
    wire.data_received(data)
    assert owner.losses == ["protocol"]
    assert [sink.heard for sink in sinks] == [[], [], []]


async def test_what_looks_like_a_length_within_a_reply_is_none(wire: Wire, owner: Owner) -> None:
    """Bytes of a value may be anything, wherever the network cuts them."""
    sinks = written(wire, 2)
    value = b"\n*1234567\r\n*\n*12345678 \n*"
    data = b"$%d\r\n%b\r\n" % (len(value), value)
    for cut in range(len(data)):
        wire.data_received(data[:cut])
        wire.data_received(data[cut:])
        sinks += written(wire, 1)
    assert owner.losses == []
    assert all(sink.heard == [value] for sink in sinks[: len(data)])


async def test_after_an_unreadable_reply_no_other_is_believed(wire: Wire, owner: Owner) -> None:
    """A Sink that cannot read its reply ends the connection: the next ones may be somebody else's."""

    class Puzzled(RecordingSink):
        def on_reply(self, reply: object) -> None:
            super().on_reply(reply)
            raise UnreadableError

    sinks = [RecordingSink(), Puzzled(), RecordingSink()]
    wire.write([OpenCall(b"x", sink, 0.0) for sink in sinks])
    wire.data_received(b"+OK\r\n+what\r\n+OK\r\n")
    assert owner.losses == ["protocol"]
    assert [sink.heard for sink in sinks] == [[b"OK"], [b"what"], []]


async def test_only_whole_replies_are_signs_of_life(wire: Wire) -> None:
    """Bytes may trickle in for ever without becoming one."""
    written(wire, 1)
    wire.data_received(b"$5\r\nab")
    assert not wire.heard
    wire.data_received(b"cde\r\n")
    assert wire.heard


async def test_late_calls_are_counted_until_they_end(wire: Wire) -> None:
    """A late call that is answered is late no more."""
    written(wire, 1)
    wire.open[0].late = True
    wire.late_open = 1
    wire.data_received(b"+OK\r\n")
    assert wire.late_open == 0


async def test_a_full_buffer_pauses_and_resumes(wire: Wire, owner: Owner) -> None:
    """Asyncio's flow control is passed on to the owner."""
    states = [wire.paused]
    wire.pause_writing()
    states.append(wire.paused)
    wire.resume_writing()
    states.append(wire.paused)
    assert states == [False, True, False]
    assert owner.writable == 1
