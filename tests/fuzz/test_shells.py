"""The short form of ``make fuzz``: mutants of the tables, by count and not by the clock."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz import shells
from tests.fuzz.inputs import SIZES, from_backend, from_caller, seeds
from tests.fuzz.wires import World
from tests.smuggling.mutants import PIECES, mutated_streams
from tests.support.properties import examples
from tests.support.rawhttp import get

STREAMS = 4_000
ANSWERS = 8_000
MORE = (*PIECES, b"2\r\nok\r\n", b"HTTP/1.1 200 OK\r\n", b"Connection: close\r\n")


async def test_callers_may_send_anything() -> None:
    """Mutated requests, in pieces of every size, end in answers or an end; backends get whole ones alone."""
    chance = random.Random(5)
    for stream in mutated_streams(5, STREAMS):
        shells.requests(stream.data, chance.choice(SIZES))


async def test_backends_may_send_anything() -> None:
    """Mutated answers, in pieces of every size, reach the caller as one whole answer, a 502, or a reset."""
    chance = random.Random(6)
    begun = list(seeds("backend"))
    for _ in range(ANSWERS):
        data = bytearray(chance.choice(begun))
        data[0] = chance.randrange(256)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(1, len(data) + 1)
            data[at : at + chance.randint(0, 3)] = chance.choice(
                (*PIECES, b"2\r\nok\r\n", b"HTTP/1.1 200 OK\r\n")
            )
        from_backend(bytes(data))


async def test_our_own_answers_are_nobodys() -> None:
    """An answer that no backend gave is not taken for one of a backend's."""
    for size in SIZES:
        shells.requests(b"OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n", size)


TOKENS = st.one_of(st.binary(max_size=8), st.sampled_from([*PIECES, get(), b"HTTP/1.1 ", b"\r\n\r\n"]))


@examples(300)
@given(st.binary(min_size=1, max_size=1), st.lists(TOKENS, max_size=12))
async def test_bytes_of_no_kind(how: bytes, tokens: list[bytes]) -> None:
    """Bytes that are hardly HTTP at all keep the promises too, from both sides."""
    from_caller(how + b"".join(tokens))
    from_backend(how + b"".join(tokens))


async def test_a_broken_promise_is_seen() -> None:
    """What would be smuggling, a lost unit or an endless connection does not pass unseen."""
    world = World()
    reading = shells.Reading(world)
    world.feed([get()], reading.answer)
    assert len(reading.requests) == 1
    (_, wire) = world.backends.wires[0]
    wire.sent += get() + get("/hidden")
    with pytest.raises(AssertionError, match="second request"):
        reading.answer()
    with pytest.raises(AssertionError, match="never ends"):
        shells.check_end(world)
