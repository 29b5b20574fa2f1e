"""``commit.lua`` asked directly: what it answers, and that whatever stops it, nothing is half made."""

from typing import Any

import pytest
import redis

from quotad.store import scripts
from tests.support.servers import Engine, StoreServer, every_engine, running_server

META, SCRATCH = "quotad:{.control}:meta", "quotad:{.control}:scratch"
LOG = "quotad:{.control}:log"
BASE = (0, "")


def key(name: str) -> str:
    return f"quotad:{{.control}}:{name}"


def commit(
    client: Any,
    uid: str,
    base: tuple[int, str] = BASE,
    writes: tuple[tuple[str, str, str], ...] = (("plan", "p1", "{}"),),
    members: tuple[tuple[str, str, int], ...] = (("p1", "s1", 1),),
    *,
    log_bytes: int = 1 << 22,
) -> Any:
    """One call, with audit and an answer that is kept."""
    words = [uid, *base, log_bytes, '{"by":"me"}', 100, uid, '{"status":200}', 60_000, len(writes)]
    rest = [word for each in (*writes, *members) for word in each]
    script = scripts.load("commit")
    return client.eval(script.text, 2, META, SCRATCH, *words, *rest)


def state(client: Any) -> dict[str, Any]:
    """All that is there, by key."""
    readers = {
        b"hash": client.hgetall,
        b"set": client.smembers,
        b"stream": client.xrange,
        b"string": client.get,
    }
    return {name.decode(): readers[client.type(name)](name) for name in client.keys("*")}


@pytest.fixture
def client(lua_server: StoreServer) -> Any:
    """A connection to an empty server of each kind."""
    lua_server.flush()
    with lua_server.client() as connected:
        yield connected


def test_a_commit_answers_its_version(client: Any) -> None:
    """The store's milliseconds at first, then one more each time; no key of the trial is left."""
    seconds, micros = client.time()
    done, first = commit(client, "a")
    assert done == 1
    assert 0 <= first - (seconds * 1000 + micros // 1000) < 60_000
    assert commit(client, "b", (first, "a")) == [1, first + 1]
    assert not [name for name in state(client) if SCRATCH in name]
    assert sorted(name.rpartition(":")[0] for name in state(client) if ":once:" in name) == [key("once")] * 2


def test_the_log_has_the_records_byte_for_byte(client: Any) -> None:
    """Numbers that Lua would round stay as they are."""
    record = '{"modified":1700000000123457,"text":"é\\\\n"}'
    _, version = commit(client, "a", writes=(("plan", "p1", record), ("secret", "s1", "")))
    ((name, fields),) = client.xrange(LOG)
    assert name.decode() == f"{version}-1"
    assert fields == {
        b"prev": b"",
        b"uid": b"a",
        b"writes": f'[["plan","p1",{record}],["secret","s1",null]]'.encode(),
    }
    assert client.hget(key("plan"), "p1") == record.encode()
    assert int(client.hget(META, "bytes") or 0) == len(fields[b"writes"])


def test_what_is_not_made_changes_nothing(client: Any) -> None:
    """Another one was first; the request has its answer; the format is another; nobody can know."""
    _, first = commit(client, "a")
    _, second = commit(client, "b", (first, "a"))
    before = state(client)
    assert commit(client, "c", (first, "a")) == [0]
    assert commit(client, "c") == [0]
    assert commit(client, "c", (second, "x")) == [2]
    assert commit(client, "c", (second + 1, "b")) == [2]
    assert commit(client, "c", (first - 1, "x")) == [2]
    assert state(client) == before
    client.set(key("once:c"), "{}")
    before = state(client)
    assert commit(client, "c", (second, "b")) == [0]
    client.hset(META, "format", "2")
    assert commit(client, "d", (second, "b")) == [3]
    client.hset(META, "format", "1")
    assert state(client) == before


def test_a_commit_that_was_made_is_told_so(client: Any) -> None:
    """As long as the log has what came after its base; then nobody can know, and nothing is done."""
    _, first = commit(client, "a")
    _, second = commit(client, "b", (first, "a"))
    before = state(client)
    assert commit(client, "a") == [1, first]
    assert commit(client, "b", (first, "a")) == [1, second]
    assert state(client) == before
    _, third = commit(client, "c", (second, "b"), log_bytes=1)
    assert [name.decode() for name, _ in client.xrange(LOG)] == [f"{third}-1"]
    before = state(client)
    assert commit(client, "a") == [2]
    assert commit(client, "c", (second, "b")) == [1, third]
    assert state(client) == before


def test_the_log_keeps_what_fits(client: Any) -> None:
    """Its bytes are known at any time, and the newest stays even when it is too large."""
    base = BASE
    for number in range(30):
        _, version = commit(client, f"u{number}", base, (("plan", "p1", f'"{"x" * number}"'),), log_bytes=200)
        base = (version, f"u{number}")
        payloads = [fields[b"writes"] for _, fields in client.xrange(LOG)]
        assert sum(map(len, payloads)) == int(client.hget(META, "bytes") or 0) <= 200
        assert payloads[-1].count(b"x") == number
    _, version = commit(client, "large", base, (("plan", "p1", f'"{"x" * 500}"'),), log_bytes=200)
    assert client.xlen(LOG) == 1
    commit(client, "small", (version, "large"), log_bytes=200)
    assert client.xlen(LOG) == 1


def test_a_log_that_is_ahead_is_passed(client: Any) -> None:
    """After half a restore: the version is above all that the log has, so readers see a gap."""
    _, first = commit(client, "a")
    client.xadd(LOG, {"prev": "a", "uid": "x", "writes": "[]"}, id=f"{first + 9}-1")
    assert commit(client, "b", (first, "a")) == [1, first + 10]


RIGHTS = ["hset", "hdel", "sadd", "srem", "set", "unlink", "xadd", "xtrim"]


@pytest.mark.parametrize("missing", RIGHTS)
def test_a_right_that_is_missing_changes_nothing(client: Any, missing: str) -> None:
    """Whichever it is: it shows before the first key is changed."""
    _, first = commit(client, "a")
    before = state(client)
    client.execute_command("ACL", "SETUSER", "poor", "reset", "on", "nopass", "~*", "+@all", f"-{missing}")
    client.execute_command("AUTH", "poor", "x")
    try:
        with pytest.raises(redis.exceptions.ResponseError, match=r"(?i)permission|can't run"):
            commit(client, "b", (first, "a"), (("plan", "p1", ""), ("plan", "p2", "{}")), (("p1", "s1", 0),))
    finally:
        client.execute_command("AUTH", "default", "x")
    assert {name: value for name, value in state(client).items() if SCRATCH not in name} == before
    assert commit(client, "b", (first, "a")) == [1, first + 1]
    assert not [name for name in state(client) if SCRATCH in name]


@pytest.mark.parametrize("engine", every_engine())
def test_a_full_server_changes_nothing(engine: Engine) -> None:
    """Memory that is used up shows before the first key is changed, too."""
    with (
        running_server(engine, extra=("--maxmemory-policy", "noeviction")) as server,
        server.client() as client,
    ):
        _, first = commit(client, "a")
        before = state(client)
        client.config_set("maxmemory", "1")
        with pytest.raises(redis.exceptions.ResponseError, match=r"OOM|maxmemory"):
            commit(client, "b", (first, "a"))
        client.config_set("maxmemory", "0")
        assert state(client) == before
