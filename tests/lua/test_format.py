"""State of format 1 (``format1/``: the scripts that wrote it) under the present scripts, and the reverse."""

import struct
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from quotad.core.quota import Answer, Call, DayNumbers, Limits, Terms
from quotad.store import codec
from tests.support.stored import AGGREGATE_FIELDS, decode, read_state
from tests.support.twins import HOLD_US, NO_DAY, SETTABLE_CLOCK, START_US, Twins, limits, subject, terms

FORMAT_1 = Path(__file__).parent / "format1"
CLOCK = """local function clock_us()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end"""
NOON_US = 12 * 3_600_000_000
OLD_FIELDS = AGGREGATE_FIELDS[:29]
KEPT = [name for name in OLD_FIELDS if name not in ("format", "version", "last_us", "earliest_us")]


class OldSidecar:
    """A Sidecar of the version before, with its own scripts and shapes."""

    def __init__(self, twins: Twins, name: bytes) -> None:
        self.twins = twins
        self.name = name
        self.number = 0

    def run(self, verb: str, *arguments: bytes) -> Any:
        text = (FORMAT_1 / f"{verb}.lua").read_text(encoding="utf-8")
        assert CLOCK in text
        keys = self.twins.keys(subject())
        return self.twins.client.eval(text.replace(CLOCK, SETTABLE_CLOCK), 2, *keys, *arguments)[0]

    def ask(self, asked: Terms, cost: int, generation: int = 0, day: DayNumbers = NO_DAY) -> Any:
        """The 27 integers of its answer. Raises ResponseError."""
        self.number += 1
        call = struct.pack("<10d", 1, cost, generation, self.number, *day, *NO_DAY)
        told = codec.pack_terms(asked)[: 14 * 8]
        reply = self.run("reserve", self.name, codec.pack_batch(HOLD_US, 1), told, call)
        if isinstance(reply, ResponseError):
            raise reply
        return Answer(*struct.unpack("<27q", reply))


def new_call(twins: Twins, asked: Terms, cost: int, name: bytes = b"newone__", **said: Any) -> Answer:
    call = Call(subject(), asked, cost, 0, twins.next_number(), NO_DAY, NO_DAY)._replace(**said)
    return codec.unpack_answer(twins.evaluate("reserve", [call], name)[0])


def contents(client: Redis, twins: Twins) -> dict[bytes, bytes]:
    found: Any = client.hgetall(twins.keys(subject()).state)
    return dict(found)


def lived(twins: Twins, given: Limits) -> tuple[OldSidecar, Answer]:
    """Use, Holds and give-backs of two days, written by old scripts; the Holds of one that fell silent."""
    twins.at(START_US + NOON_US - 3)
    old, other = OldSidecar(twins, b"oldone__"), OldSidecar(twins, b"oldtwo__")
    held = old.ask(terms(given), 6)
    other.ask(terms(given, conditional=False), 2)
    old.ask(terms(given), 1, held.generation, DayNumbers(held.day_end_us, 2, 1))
    twins.pass_time(5)
    today = old.ask(terms(given, at_us=twins.now_us), 3, held.generation)
    return old, today


def test_state_of_the_version_before_is_taken_over_whole(twins: Twins) -> None:
    """Limits, windows, tokens, Holds, the previous day, every Entry: only what is new is added."""
    given = limits(rate=5, burst=20, day=50, total=90, version=7)
    lived(twins, given)
    before = contents(twins.client, twins)
    aggregate = decode(OLD_FIELDS, before[b"a"])
    total = twins.client.get(twins.keys(subject()).total)
    answer = new_call(twins, terms(given, at_us=twins.now_us), 0)
    after = read_state(contents(twins.client, twins))
    assert {name: after[name] for name in KEPT if name != "generation"} == {
        name: aggregate[name] for name in KEPT if name != "generation"
    }
    assert (after["format"], after["entries"].keys()) == (2, {b"oldone__", b"oldtwo__", b"newone__"})
    stored = contents(twins.client, twins)
    assert all(stored[name] == before[name] for name in (b"oldone__", b"oldtwo__", b"p"))
    assert twins.client.get(twins.keys(subject()).total) == total
    assert (answer.day_charged, answer.day_open, answer.month_charged, answer.month_open) == (0, 3, 3, 8)
    assert answer.generation > max(
        entry["generation"] for name, entry in after["entries"].items() if name[:3] == b"old"
    )


def test_use_reads_the_same_before_and_after(twins: Twins) -> None:
    """Looking changes nothing of the old state."""
    old, _ = lived(twins, limits())
    before = contents(twins.client, twins)
    was = struct.unpack("<9q", old.run("usage"))
    reply = twins.client.evalsha(twins.scripts["usage"].sha.decode(), 2, *twins.keys(subject()))[0]
    assert codec.unpack_usage(reply) == (*was, 0, 0, 0, 0)
    assert contents(twins.client, twins) == before


@pytest.mark.parametrize("release", [False, True])
def test_holds_of_the_version_before_end_by_the_plans_rule(twins: Twins, release: bool) -> None:
    """Its Sidecars cannot settle any more: when their time has passed they are charged, or go back."""
    lived(twins, limits())
    asked = terms(limits(), at_us=twins.now_us, release=release)
    new_call(twins, asked, 0)
    twins.pass_time(HOLD_US)
    answer = new_call(twins, asked, 0)
    assert (answer.day_open, answer.month_open, answer.total_open) == (0, 0, 0)
    assert (answer.day_charged, answer.month_charged) == ((0, 3) if release else (3, 11))
    assert read_state(contents(twins.client, twins))["entries"].keys() == {b"newone__"}


def test_an_old_entry_is_not_taken_for_a_lost_one(twins: Twins) -> None:
    """A Sidecar that goes on under its name, after its scripts were replaced, goes on with its Entry."""
    _, today = lived(twins, limits())
    call = Call(
        subject(), terms(limits(), at_us=twins.now_us), 1, today.generation, 9, NO_DAY, NO_DAY, heard=3
    )
    answer = codec.unpack_answer(twins.evaluate("reserve", [call], b"oldone__")[0])
    assert (answer.generation, answer.entry_granted, answer.entry_previous_granted) == (
        today.generation,
        4,
        7,
    )


def test_an_old_sidecar_is_refused_what_it_cannot_read(twins: Twins) -> None:
    """It gets an error for the Subject: nothing is granted, nothing changed."""
    old, today = lived(twins, limits())
    asked = terms(limits(), at_us=twins.now_us)
    new_call(twins, asked, 0)
    before = twins.client.dump(twins.keys(subject()).state)
    with pytest.raises(ResponseError, match="unknown format"):
        old.ask(asked, 1, today.generation, DayNumbers(today.day_end_us, 3, 3))
    assert isinstance(old.run("usage"), ResponseError)
    assert twins.client.dump(twins.keys(subject()).state) == before


@pytest.mark.parametrize("window", ["day", "month", "total"])
def test_old_and_new_together_never_grant_more_than_the_limit(twins: Twins, window: str) -> None:
    """While sidecars are replaced one by one."""
    asked = terms(limits()._replace(**{window: 30}), conditional=False, lease_us=HOLD_US)
    olds = [OldSidecar(twins, b"oldold0%d" % index) for index in range(3)]
    granted = sum(old.ask(asked, 3).granted for old in olds for _ in range(2))
    refused = 0
    for turn in range(12):
        granted += new_call(twins, asked, 3, b"newnew0%d" % (turn % 3), ahead=4).granted
        try:
            granted += olds[turn % 3].ask(asked, 3).granted
        except ResponseError:
            refused += 1
    assert (granted, refused) == (30, 12)


@pytest.mark.parametrize("damage", [0, 3])
def test_any_other_format_is_refused(twins: Twins, damage: int) -> None:
    """A newer one, or none at all, is an error and stays as it is."""
    twins.ask(terms(limits()), 1)
    key = twins.keys(subject()).state
    packed = contents(twins.client, twins)[b"a"]
    twins.client.hset(key, "a", struct.pack("<d", damage) + packed[8:])
    before = twins.client.dump(key)
    call = Call(subject(), terms(limits()), 1, 0, 99, NO_DAY, NO_DAY)
    for verb in ("reserve", "settle"):
        reply = twins.evaluate(verb, [call], b"newone__")[0]
        assert isinstance(reply, ResponseError)
        assert "unknown format" in str(reply)
    assert twins.client.dump(key) == before
