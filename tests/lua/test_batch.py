"""One script call: many Subjects, each on its own, by one clock."""

import re

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from quotad.core.quota import Call
from quotad.store import codec, scripts
from quotad.store.keys import subject_keys
from tests.support.servers import StoreServer
from tests.support.twins import NO_DAY, Twins, limits, subject, terms

SIDECAR = b"sidecar1"


def call(index: int, cost: int = 1, number: int = 1) -> Call:
    return Call(subject(index), terms(limits(day=5)), cost, 0, number, NO_DAY, NO_DAY)


@pytest.mark.parametrize("damage", ["type", "short", "format", "total"])
def test_a_broken_subject_harms_only_itself(twins: Twins, damage: str) -> None:
    """Its neighbours in the same call are decided; it answers an error, and is left as it was."""
    keys = twins.keys(subject(1))
    if damage == "type":
        twins.client.set(keys.state, b"no hash")
    elif damage == "total":
        twins.client.rpush(keys.total, b"no string")
    else:
        twins.client.hset(keys.state, "a", b"x" * (231 if damage == "short" else 232))
    before = twins.client.dump(keys.state)
    replies = twins.evaluate("reserve", [call(0), call(1), call(2)], SIDECAR)
    assert codec.unpack_answer(replies[0]).granted == codec.unpack_answer(replies[2]).granted == 1
    assert isinstance(replies[1], ResponseError)
    assert twins.client.dump(keys.state) == before
    usage = twins.client.evalsha(twins.scripts["usage"].sha.decode(), 4, *keys, *twins.keys(subject(0)))
    assert isinstance(usage[0], ResponseError) or damage == "total"
    assert codec.unpack_usage(usage[1]).day_open == 1


def test_a_server_without_memory_refuses_each_and_changes_nothing(twins: Twins) -> None:
    """Out of memory is an error of the Subject's own answer, with Redis' own word in front."""
    twins.evaluate("reserve", [call(0)], SIDECAR)
    before = twins.client.hgetall(twins.keys(subject(0)).state)
    twins.client.config_set("maxmemory", "1")
    try:
        replies = twins.evaluate("reserve", [call(0, number=2)], SIDECAR)
    except ResponseError as error:
        replies = [error]
    finally:
        twins.client.config_set("maxmemory", "0")
    assert str(replies[0]).startswith(("OOM", "command not allowed"))
    assert twins.client.hgetall(twins.keys(subject(0)).state) == before


def test_subjects_of_different_plans_ride_in_one_call(twins: Twins) -> None:
    """Each Call names its own Terms among those that were sent."""
    calls = [Call(subject(index), terms(limits(day=index)), 9, 0, 1, NO_DAY, NO_DAY) for index in range(6)]
    assert [answer.granted for answer in twins.submit(calls)] == [0, 1, 2, 3, 4, 5]


def test_all_keys_of_a_subject_share_one_slot(lua_server: StoreServer) -> None:
    """What the script touches is what it was given, and lies in one hash slot."""
    keys = subject_keys("test", subject())
    tags = {re.findall(rb"\{(.*?)\}", key)[0] for key in keys}
    assert tags == {subject().tag.encode()}


def test_what_ships_asks_the_server_for_the_time(lua_server: StoreServer) -> None:
    """Without a test's clock, an answer carries the server's own TIME, and no script has another source."""
    with lua_server.client() as client:
        client.flushall()
        for script in scripts.load_all().values():
            assert (
                script.text.count("redis.call('TIME')") == script.text.count("local function clock_us()") <= 1
            )
            assert not re.search(r"\bos\.|test:clock|redis\.call\('GET'", script.text)
        before_us, answer_us, after_us = time_us(client), shipped_answer_us(client), time_us(client)
    assert before_us <= answer_us <= after_us


def time_us(client: Redis) -> int:
    seconds, micros = client.time()
    return seconds * 1_000_000 + micros


def shipped_answer_us(client: Redis) -> int:
    script = scripts.load("reserve")
    asked = terms(limits(), at_us=time_us(client))
    packed = codec.pack_call(1, Call(subject(), asked, 1, 0, 1, NO_DAY, NO_DAY))
    keys = subject_keys("test", subject())
    head = [SIDECAR, codec.pack_batch(60_000_000, 1), codec.pack_terms(asked)]
    reply = client.eval(script.text, 2, *keys, *head, packed)[0]
    return codec.unpack_answer(reply).now_us
