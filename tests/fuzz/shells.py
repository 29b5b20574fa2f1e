"""What must hold of any bytes, from a caller and from a backend. An AssertionError says what did not."""

import h11

from tests.fuzz.wires import Wire, World
from tests.support.independent import Read, take
from tests.support.rawhttp import get, post

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HEAD_OK = OK.removesuffix(b"ok")
OWN = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nits own"

ASKED = (get(), post(b"hello"), get().replace(b"GET", b"HEAD", 1), get(version="1.0"))
"""What the caller asks for before a backend answers with bytes at random."""


def pieces_of(data: bytes, size: int) -> list[bytes]:
    """``data`` in pieces of so many bytes; 0: whole."""
    size = size or len(data) or 1
    return [data[at : at + size] for at in range(0, len(data), size)]


class Reading:
    """A backend that reads with h11, and answers every whole request."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rest: dict[int, bytes] = {}
        self.requests: list[Read] = []

    def answer(self) -> None:
        """Read what came; answer what is whole."""
        for connection, wire in self._world.backends.wires:
            stream = self._rest.get(id(wire), b"") + bytes(wire.sent)
            wire.sent.clear()
            while stream and not wire.closed:
                # Raises RemoteProtocolError: nothing that h11 cannot read may ever go on.
                request, stream = take(stream)
                if request is None:
                    break
                assert not stream, "a second request before the first was answered"
                self.requests.append(request)
                connection.data_received(HEAD_OK if request.method == b"HEAD" else OK)
            self._rest[id(wire)] = stream
        self._world.lose()

    def check(self) -> None:
        """What broke off did so visibly: its connection was ended, and serves nobody."""
        for connection, wire in self._world.backends.wires:
            if self._rest.get(id(wire)):
                assert wire.closed, "half a request, and its connection lives"
                assert connection.closed


def requests(data: bytes, size: int) -> None:
    """A caller sends ``data``: answers that are whole, then an end; backends get whole requests alone."""
    world = World()
    reading = Reading(world)
    world.feed(pieces_of(data, size), reading.answer)
    reading.answer()
    world.end()
    reading.check()
    final = _answers(bytes(world.wire.sent), world)
    # A 200 with a reason is quotad's own answer: OPTIONS with Max-Forwards 0, the caller's own view.
    served = [outcome for outcome in world.outcomes.all if outcome.status == 200 and not outcome.reason]
    assert len(reading.requests) <= len(world.outcomes.all), "more requests than were counted"
    assert final <= len(world.outcomes.all), "more answers than requests"
    assert len(reading.requests) == len(served), "what a backend answered was not answered here"
    assert sum(world.gate.counted) >= len(served), "a request that was served was not counted"
    check_end(world)


def answers(data: bytes, size: int, asked: int, clean: bool) -> None:
    """A backend sends ``data`` and ends: the caller gets one whole answer or none, and nobody the rest."""
    world = World()
    request = ASKED[asked % len(ASKED)]
    method = request.partition(b" ")[0]
    world.feed([request], lambda: None)
    ((connection, wire),) = world.backends.wires
    for piece in pieces_of(data, size):
        if wire.closed:
            break
        connection.data_received(piece)
    world.lose()
    if world.is_idle:
        assert _answers(bytes(world.wire.sent), world, method) == 1
        _ask_again(world)
    else:
        if not wire.closed and clean:
            connection.eof_received()
        wire.close()
        world.lose()
        final = _answers(bytes(world.wire.sent), world, method)
        assert final <= 1, "one request, two answers"
        assert final == 1 or world.wire.aborted, "neither an answer nor a reset"
    world.end()
    check_end(world)


def _ask_again(world: World) -> None:
    """The next request gets its own answer, not what was left over from the first."""
    before = len(world.wire.sent)
    world.feed([get("/again")], lambda: None)
    assert len(world.wire.sent) == before, "an answer to nothing"
    (connection,) = [each for each, wire in world.backends.wires if b"GET /again " in wire.sent]
    connection.data_received(OWN)
    assert world.wire.sent.endswith(b"\r\n\r\nits own"), "another's answer"


def check_end(world: World) -> None:
    """Nothing broke, nobody is left, nothing is owed."""
    assert world.broken == [], world.broken
    assert world.wire.closed, "a connection that never ends"
    assert len(world.crowd) == 0, "somebody is still there"
    world.gate.assert_balanced()


def _answers(sent: bytes, world: World, method: bytes = b"") -> int:
    """How many final answers a client reads. Only the last may be cut, and only by a reset."""
    count = 0
    outcomes = iter(world.outcomes.all)
    while sent:
        outcome = next(outcomes, None)
        asked = method or (outcome.method.encode() if outcome is not None else b"") or b"GET"
        client = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
        client.send(h11.Request(method=asked, target="/", headers=[("Host", "a")]))
        client.send(h11.EndOfMessage())
        client.receive_data(sent)
        status, whole = _read(client, world.wire)
        if not whole:
            assert world.wire.aborted, "an answer that breaks off without a reset"
            return count
        count += status >= 200
        sent = client.trailing_data[0]
    return count


def _read(client: h11.Connection, wire: Wire) -> tuple[int, bool]:
    """The next final answer: its status, and whether it was whole."""
    status = 0
    while True:
        event = client.next_event()
        if isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.EndOfMessage):
            return status, True
        elif event is h11.NEED_DATA:
            if wire.aborted or client.their_state is not h11.SEND_BODY or not wire.closed:
                return status, False
            client.receive_data(b"")
        elif event is h11.PAUSED:
            return status, True
