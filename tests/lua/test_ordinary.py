"""The short way through the scripts: calls that must not need the long one, and ones that must."""

from typing import Any

import pytest
from redis.exceptions import ResponseError

from quotad.core.quota import Answer, Call, DayNumbers, Terms
from quotad.store import codec, scripts
from tests.support.twins import HOLD_US, NO_DAY, SETTABLE_CLOCK, Twins, limits, subject, terms

LONG_WAY = "return made_serve(...)"
ALL = limits(rate=50, burst=100, day=60, month=70, total=80, version=3)
AROUND = {
    "counted at once": terms(ALL, conditional=False),
    "held": terms(ALL),
    "unlimited": terms(limits(), conditional=False),
    "soft": terms(limits(rate=50, day=-62, month=-72, total=-82)),
    "leased": terms(ALL, lease_us=HOLD_US),
}


def short_way_only(verb: str) -> str:
    """The verb, failing where it would go the long way."""
    text = scripts.load(verb, SETTABLE_CLOCK).text
    assert text.count(LONG_WAY) == 1
    return text.replace(LONG_WAY, "return {err = 'ERR the long way'}")


def call_after(twins: Twins, answer: Answer, asked: Terms, **said: Any) -> Call:
    """What a Sidecar sends that has closed all Holds and spent all it had ahead."""
    closed = answer.entry_granted - answer.entry_at_once
    call = Call(
        subject(),
        asked,
        1,
        answer.generation,
        twins.next_number(),
        DayNumbers(answer.day_end_us, closed, 0),
        NO_DAY,
        twins.numbers - 1,
        answer.version,
        spent=answer.entry_ahead,
    )
    return call._replace(**said)


def run(twins: Twins, verb: str, call: Call) -> Answer:
    """Its answer by the short way alone. Raises ResponseError where that is not enough."""
    keys = twins.keys(call.subject)
    head = [b"side0001", codec.pack_batch(HOLD_US, 1), codec.pack_terms(call.terms)]
    packed = codec.pack_call(1, call)
    reply: Any = twins.client.eval(short_way_only(verb), len(keys), *keys, *head, packed)[0]
    if isinstance(reply, ResponseError):
        raise reply
    return codec.unpack_answer(reply)


@pytest.mark.parametrize("kind", AROUND)
def test_what_comes_again_and_again_takes_the_short_way(twins: Twins, kind: str) -> None:
    """Grants, settles, refusals, units ahead: whatever a Sidecar that is known asks within an hour."""
    asked = AROUND[kind]
    ahead = 4 if asked.lease_us else 0
    answer = twins.ask(asked, 2, ahead=ahead)
    twins.pass_time(1_000_000)
    for cost in (1, 3, 100, 0, 100):
        answer = run(twins, "reserve", call_after(twins, answer, asked, cost=cost, ahead=ahead))
        assert (answer.status, answer.refused_by > 0) == (0, answer.granted < cost)
    assert run(twins, "settle", call_after(twins, answer, asked, cost=0)).status == 0


@pytest.mark.parametrize(
    "said",
    [
        {"generation": 0},
        {"generation": 7},
        {"number": 1},
        {"heard": 99},
        {"version": 99},
        {"terms": terms(ALL._replace(version=4))},
        {"terms": terms(ALL._replace(version=2))},
        {"terms": terms(ALL._replace(total=-1))},
        {"day": DayNumbers(1, 1, 0)},
        {"previous": DayNumbers(1, 1, 0)},
    ],
    ids="-".join,
)
def test_whatever_else_is_said_takes_the_long_way(twins: Twins, said: dict[str, Any]) -> None:
    """With nothing written before."""
    asked = AROUND["held"]
    answer = twins.ask(asked, 2)
    before = twins.client.dump(twins.keys(subject()).state)
    with pytest.raises(ResponseError, match="the long way"):
        run(twins, "reserve", call_after(twins, answer, asked, **said))
    assert twins.client.dump(twins.keys(subject()).state) == before


@pytest.mark.parametrize("later_us", [HOLD_US, 3_600_000_000, 86_400_000_000], ids=["silent", "hour", "day"])
def test_what_has_ended_takes_the_long_way(twins: Twins, later_us: int) -> None:
    """The time of Entries, an hour, a day."""
    answer = twins.ask(AROUND["held"], 2)
    twins.pass_time(later_us)
    with pytest.raises(ResponseError, match="the long way"):
        run(twins, "reserve", call_after(twins, answer, terms(ALL, at_us=twins.now_us)))
