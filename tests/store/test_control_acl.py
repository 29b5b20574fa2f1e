"""The rights that docs/operations.md gives sidecars and admin processes over the control records."""

import re
from collections.abc import Iterator

import pytest
import redis

from quotad.core.deliveries import Attempt
from quotad.errors import StoreError
from quotad.store import scripts
from quotad.store.control import Change, Head
from tests.support.batches import call, subject, submit, terms
from tests.support.control import all_members, committed, control_store, everything, secret, whole_log
from tests.support.delivering import DAY_END_US, deliveries, told
from tests.support.patient import patient_store
from tests.support.servers import Engine, StoreServer, every_engine, running_server
from tests.support.users import NEWER, by, documented, run, secured

CONNECTING = {"evalsha", "script|load", "time", "ping", "info", "select", "client|setname"}
READING = {"hmget", "hscan", "sscan", "xread"}
LISTING = {"zrangebyscore", "zrevrange", "zrevrank"}
WORDS = {"count", "maxlen", "minid", "pxat"}
"""Of the scripts' commands, which are their parameters."""


@pytest.fixture(scope="module", params=NEWER)
def server(request: pytest.FixtureRequest) -> Iterator[StoreServer]:
    """One of each kind that can tell reading from writing."""
    with secured(request.param) as started:
        yield started


async def use_counters(url: str) -> None:
    """Reserve, read, and tell of itself as a sidecar does."""
    store = patient_store(url)
    await store.start()
    try:
        (answer,) = await submit(store, [call(subject(1), terms())]).answers()
        assert answer.granted == 1
        assert (await store.usage([subject(1)]))[0].total_charged >= 1
        now_us = store.now_us() or 0
        await store.notices.tell("0123456789ab", {}, {now_us: {}}, now_us)
        assert list(await store.notices.sidecars(now_us)) == ["0123456789ab"]
        assert await store.notices.minutes([now_us]) == [[{}]]
        await store.notices.leave("0123456789ab")
        assert not store.stats.errors
    finally:
        await store.close()


async def use_deliveries(url: str) -> None:
    """Lead, mark, announce, try, list and forget as an admin process does."""
    async with deliveries(url) as board:
        assert await board.lead("me", 10_000)
        (made,) = await told(board, "me", "webhook-a", "a/b/c")
        assert await board.marks([("day", DAY_END_US, ["a/b/c"])]) == [[b"1"]]
        await board.keep_totals(1)
        (event,) = await board.due("webhook-a", made.next_us, 5)
        assert await board.attempted("me", "webhook-a", event, event.tried(Attempt(1, 200, "", 1)))
        assert [each.state for each in await board.page("webhook-a", "", 10)] == ["delivered"]
        assert await board.page("webhook-a", made.event_id, 10) == []
        assert (await board.waiting(["webhook-a"]))[0].pending == 0
        await board.forget("webhook-a")
        await board.resign("me")


async def test_the_documented_rights_are_enough(server: StoreServer) -> None:
    """The admin's user changes, the sidecar's follows; both use the counters."""
    server.flush()
    async with (
        control_store(by("quotad-admin", server)) as admin,
        control_store(by("quotad", server), writes=False) as sidecar,
    ):
        members = [("usagePlan-a", secret(1).id, True), ("usagePlan-a", secret(2).id, False)]
        change = Change(Head(0, ""), [secret(1)], members, {"by": "me"}, ("d1", {"ok": True}))
        made = await admin.commit(change)
        assert made is not None
        made = await committed(admin, secret(2))
        made = await committed(admin, secret(2)._replace(record=None))
        await admin.note({"read": "it"})
        assert len(await admin.audit("", 10)) == 2
        assert await admin.once("d1") == {"ok": True}
        assert await admin.tally("x", 1000) == 1
        for store in (admin, sidecar):
            assert await store.head() == made
            assert list(await everything(store, "secret")) == [secret(1).id]
            assert await store.get("secret", [secret(1).id]) == [secret(1).record]
            assert await all_members(store, "usagePlan-a") == {secret(1).id}
            assert len(await whole_log(store)) == 3
            assert await store.since(made.version, 1) == []
    for user in ("quotad", "quotad-admin"):
        await use_counters(by(user, server))
    await use_deliveries(by("quotad-admin", server))


@pytest.mark.parametrize(
    "command",
    [
        ["HSET", "quotad:{.control}:plan", "usagePlan-a", "{}"],
        ["HDEL", "quotad:{.control}:secret", "AKID00000001"],
        ["SET", "quotad:{.control}:once:d1", "{}"],
        ["HSET", "quotad:{.control}:meta", "version", "1"],
        ["XADD", "quotad:{.control}:log", "*", "prev", "", "uid", "x", "writes", "[]"],
        ["SADD", "quotad:{.control}:members:usagePlan-a", "AKID00000001"],
        ["HSET", "quotad:{.webhooks}:marks:total", "a/b/c", "{}"],
        ["SET", "quotad:{.webhooks}:leader", "me"],
        ["HGETALL", "quotad:{.webhooks}:events:webhook-a"],
        ["EVAL", "return 1", "0"],
    ],
    ids=lambda words: words[0] + " " + words[1].rpartition(":")[2],
)
def test_a_sidecars_user_changes_no_control_record(server: StoreServer, command: list[str]) -> None:
    """Not with any command that it may otherwise use."""
    with (
        redis.Redis.from_url(by("quotad", server)) as client,
        pytest.raises(redis.exceptions.NoPermissionError),
    ):
        run(client, command)


@pytest.mark.parametrize("keys", [0, 1])
def test_a_sidecars_user_changes_nothing_through_a_script(server: StoreServer, keys: int) -> None:
    """It may load and run scripts: whatever it names as their keys, they run with its own rights."""
    place = "quotad:{.control}:plan"
    with redis.Redis.from_url(by("quotad", server)) as client:
        sha = client.script_load(f"return redis.call('HSET', '{place}', 'usagePlan-a', '{{}}')")
        with pytest.raises(redis.exceptions.ResponseError, match=r"(?i)permission|access"):
            client.evalsha(sha, keys, *[place][:keys])
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.evalsha(client.script_load(scripts.load("commit").text), 2, place, place)


async def test_a_store_that_only_reads_says_so_itself(server: StoreServer) -> None:
    """Before the server has to."""
    async with control_store(by("quotad", server), writes=False) as sidecar:
        with pytest.raises(StoreError) as refusal:
            await sidecar.commit(Change(Head(0, ""), [secret(1)]))
        assert (refusal.value.kind, refusal.value.executed) == ("noperm", False)
        with pytest.raises(StoreError, match="only read"):
            await sidecar.tally("x", 1000)
        with pytest.raises(StoreError, match="only read"):
            await sidecar.note({})


def test_no_right_is_given_that_nothing_uses() -> None:
    """Beside those for connecting: what scripts call, and what the control store asks by itself."""

    def called(*verbs: str) -> set[str]:
        texts = "\n".join(script.text for script in scripts.load_all(verbs=verbs).values())
        return {name.lower() for name in re.findall(r"'([A-Z]{3,})'", texts)} - WORDS

    def given(user: str) -> set[str]:
        return {word[1:] for word in documented(user) if word.startswith("+")}

    counting = CONNECTING | called(*scripts.VERBS)
    assert given("quotad") == counting | READING
    administering = called(*scripts.CONTROL_VERBS, *scripts.WEBHOOK_VERBS) | {"scan"} | LISTING
    assert given("quotad-admin") == counting | READING | administering


@pytest.mark.parametrize("engine", [engine for engine in every_engine() if engine == "redis-6.2"])
async def test_redis_6_2_cannot_tell_reading_from_writing(engine: Engine) -> None:
    """The sidecar's line is refused there; with one pattern it reads, and could write."""
    with running_server(engine) as server, server.client() as client:
        with pytest.raises(redis.exceptions.ResponseError, match="Syntax error"):
            run(client, documented("quotad"))
        patterns = [word for word in documented("quotad") if "~" in word]
        run(client, [word for word in documented("quotad") if word != patterns[1]])
        run(client, ["ACL", "SETUSER", "quotad", "~quotad:*"])
        run(client, documented("quotad-admin"))
        async with (
            control_store(by("quotad-admin", server)) as admin,
            control_store(by("quotad", server), writes=False) as sidecar,
        ):
            made = await committed(admin, secret(1))
            assert await sidecar.head() == made
            assert list(await everything(sidecar, "secret")) == [secret(1).id]
        await use_counters(by("quotad", server))
