import asyncio
import contextlib
import os
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

import pytest

from quotad.config.model import StoreConfig
from quotad.core.quota import Answer, DayNumbers
from quotad.errors import StoreError
from quotad.store import redis_store
from quotad.store.redis_store import RedisStore
from quotad.store.route import SUBJECTS_PER_CALL
from quotad.store.wire import OpenCall, Wire
from tests.support.batches import WaitingBatch, call, subject, submit, terms
from tests.support.fake_server import fake_server
from tests.support.servers import Engine, StoreServer, engines, running_server
from tests.support.waiting import until

PATIENT = StoreConfig(deadline_s=5.0)
ANSWERS = len(Answer._fields)


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many calls each write to the store carried."""
    counts: list[int] = []
    write = Wire.write

    def counted(wire: Wire, calls: Sequence[OpenCall]) -> None:
        counts.append(len(calls))
        write(wire, calls)

    monkeypatch.setattr(Wire, "write", counted)
    return counts


@contextlib.asynccontextmanager
async def running_store(url: str, config: StoreConfig = PATIENT) -> AsyncIterator[RedisStore]:
    """A started store, closed afterwards."""
    store = RedisStore(url, config, os.urandom(8))
    await store.start()
    try:
        yield store
    finally:
        await store.close()


@pytest.mark.parametrize("engine", engines())
async def test_it_decides_settles_and_reads(engine: Engine) -> None:
    """Units are granted up to the limit, settled once, and read as use, by Valkey and by Redis."""
    one, plan = subject(1), terms(day=5, conditional=True)
    with running_server(engine, unix=True) as server:
        async with running_store(server.url) as store:
            (held,) = await submit(store, [call(one, plan, cost=7)]).answers()
            assert (held.granted, held.day_open) == (5, 5)
            settled = call(one, plan, 2, 0, held.generation)._replace(day=DayNumbers(held.day_end_us, 3, 1))
            (after,) = await submit(store, [settled], settle_only=True).answers()
            assert (after.day_charged, after.day_open) == (2, 2)
            (again,) = await submit(store, [settled], settle_only=True).answers()
            assert (again.day_charged, again.day_open) == (2, 2)
            (usage,) = await store.usage([one])
            assert (usage.day_charged, usage.day_open, usage.total_charged) == (2, 2, 2)


async def test_a_batch_is_one_script_call(store_server: StoreServer) -> None:
    """Subjects of a Batch travel in one EVALSHA; each has its own answer, in order."""
    plan = terms()
    async with running_store(store_server.url) as store:
        batch = submit(store, [call(subject(each), plan, cost=each + 1) for each in range(15)])
        assert [answer.granted for answer in await batch.answers()] == list(range(1, 16))
        assert (store.stats.calls, store.stats.subjects) == (1, 15)


@pytest.mark.pure  # Replaces Wire.write.
async def test_settles_and_requests_of_a_tick_leave_in_one_write(
    store_server: StoreServer, writes: list[int]
) -> None:
    """What is only told waits for the end of the tick, and goes with what is asked."""
    async with running_store(store_server.url) as store:
        writes.clear()
        told = submit(store, [call(subject(1), terms())], settle_only=True)
        asked = submit(store, [call(subject(2), terms())])
        await told.answers()
        await asked.answers()
        assert writes[0] == 2


@pytest.mark.pure  # Replaces Wire.write.
async def test_many_subjects_are_several_calls_in_one_write(
    store_server: StoreServer, writes: list[int]
) -> None:
    """Beyond the cap a Batch is split, its answers put together again in order."""
    plan, count = terms(), 2 * SUBJECTS_PER_CALL + 5
    async with running_store(store_server.url) as store:
        writes.clear()
        batch = submit(store, [call(subject(each), plan, cost=each + 1) for each in range(count)])
        assert [answer.granted for answer in await batch.answers()] == list(range(1, count + 1))
        assert writes == [3]
        assert batch.heard == ["done"]
        usage = await store.usage([subject(each) for each in range(count)])
        assert [each.day_charged for each in usage] == list(range(1, count + 1))


async def test_nothing_is_heard_before_submit_returns(store_server: StoreServer) -> None:
    """Not even by a Batch without Calls, or with one whose key cannot be made."""
    async with running_store(store_server.url) as store:
        empty = submit(store, [])
        broken = submit(store, [call(subject(1, "ser{vice}"), terms())])
        assert empty.heard == broken.heard == []
        assert await empty.end() == []
        (error,) = await broken.errors()
        assert (error.kind, error.executed) == ("script", False)


async def test_a_broken_subject_harms_only_itself(store_server: StoreServer) -> None:
    """A key of another type, and a Subject that has no valid key, answer errors between good answers."""
    plan = terms()
    async with running_store(store_server.url) as store:
        with store_server.client() as client:
            client.set(f"quotad:{{{subject(2).tag}}}:s", "no hash")
        of = [subject(1), subject(2), subject(3, "ser{vice}"), subject(4)]
        answers = await submit(store, [call(each, plan) for each in of]).end()
        assert [isinstance(answer, Answer) for answer in answers] == [True, False, False, True]
        with pytest.raises(StoreError):
            await store.usage([subject(1), subject(2)])
        assert store.reconnects == 0


async def test_namespaces_do_not_meet(store_server: StoreServer) -> None:
    """Two stores with different namespaces count apart."""
    first, second = (replace(PATIENT, namespace=name) for name in ("one", "two"))
    async with running_store(store_server.url, first) as one, running_store(store_server.url, second) as two:
        await submit(one, [call(subject(1), terms())]).answers()
        assert [(await each.usage([subject(1)]))[0].day_charged for each in (one, two)] == [1, 0]


async def test_a_stopped_server_is_late_once_and_then_unknown() -> None:
    """A Batch in two script calls is late once; the end says that it may have run."""
    calls = [call(subject(each), terms()) for each in range(SUBJECTS_PER_CALL + 1)]
    with running_server(unix=True) as server:
        async with running_store(server.url, StoreConfig(deadline_s=0.05)) as store:
            server.pause()
            batch = submit(store, calls)
            errors = await batch.errors()
            assert batch.heard == ["late", "done"]
            assert {(error.kind, error.executed) for error in errors} == {("stuck", None)}
            server.resume()
            await until(lambda: store.reconnects == 1)
            assert store.stats.errors == {"late": 2, "stuck": 2}


async def test_a_late_answer_is_still_an_answer() -> None:
    """What was granted past the deadline is heard of after ``late``."""
    with running_server(unix=True) as server:
        async with running_store(server.url, StoreConfig(deadline_s=0.02)) as store:
            server.pause()
            batch = submit(store, [call(subject(1), terms(), cost=3)])
            await batch.was_late.wait()
            server.resume()
            (answer,) = await batch.answers()
            assert answer.granted == 3
            assert batch.heard == ["late", "done"]


async def test_who_gives_requests_long_gives_questions_as_long(
    store_server: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A longer deadline of the configuration holds for what is asked beside the requests."""
    monkeypatch.setattr(redis_store, "_ASKED_S", 0.0)
    async with running_store(store_server.url) as store:
        (usage,) = await store.usage([subject(1)])
        assert usage.day_charged == 0


async def test_it_goes_on_after_a_restart_without_data() -> None:
    """After kill -9 of a server that keeps nothing calls fail as never run, then count anew."""
    with running_server() as server:
        async with running_store(server.url, StoreConfig(deadline_s=0.2)) as store:
            await submit(store, [call(subject(1), terms())]).answers()
            server.kill()
            await until(lambda: not store.connected)
            (error,) = await submit(store, [call(subject(1), terms(), 2)]).errors()
            assert (error.kind, error.executed) == ("disconnected", False)
            server.start()
            await until(lambda: store.connected)
            (answer,) = await submit(store, [call(subject(1), terms(), 3)]).answers()
            assert answer.day_charged == 1


async def test_a_server_that_is_away_is_no_error_at_start() -> None:
    """Start ends, and calls pass once the server is there."""
    with running_server() as server:
        server.stop()
        async with running_store(server.url, StoreConfig(deadline_s=10.0)) as store:
            assert store.now_us() is None
            batch = submit(store, [call(subject(1), terms())])
            server.start()
            assert (await batch.answers())[0].granted == 1
            assert store.now_us() is not None


@pytest.mark.parametrize(
    ("extra", "password", "kind"),
    [
        (("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"), "", "unfit"),
        ((), "secret-of-the-test", "noauth"),
    ],
)
async def test_an_unfit_server_is_an_error_at_start(extra: tuple[str, ...], password: str, kind: str) -> None:
    """One that may throw counters away, and one that does not let us in."""
    with running_server(password=password, extra=extra) as server:
        store = RedisStore(f"redis://127.0.0.1:{server.port}", PATIENT, os.urandom(8))
        with pytest.raises(StoreError) as refused:
            await store.start()
        assert (refused.value.kind, refused.value.executed) == (kind, False)


async def test_eviction_can_be_allowed() -> None:
    """store.allowEviction takes a server that may throw counters away."""
    extra = ("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    with running_server(extra=extra) as server:
        async with running_store(server.url, replace(PATIENT, allow_eviction=True)) as store:
            assert store.facts is not None
            assert store.facts.eviction == "allkeys-lru"


async def test_a_full_server_fails_each_subject() -> None:
    """-OOM is a store failure that surely granted nothing; use can still be read."""
    with running_server() as server:
        async with running_store(server.url) as store:
            await submit(store, [call(subject(1), terms())]).answers()
            with server.client() as client:
                client.config_set("maxmemory", "1mb")
                client.config_set("maxmemory-policy", "noeviction")
            errors = await submit(store, [call(subject(1), terms(), 2), call(subject(2), terms())]).errors()
            assert {(error.kind, error.executed) for error in errors} == {("oom", False)}
            assert (await store.usage([subject(1)]))[0].day_charged == 1


async def test_a_replica_is_left_for_a_primary() -> None:
    """-READONLY fails each Subject as never run, and the store connects anew."""
    with running_server() as primary, running_server() as server:
        async with running_store(server.url) as store:
            with server.client() as client:
                client.replicaof("127.0.0.1", primary.port)
                (error,) = await submit(store, [call(subject(1), terms())]).errors()
                assert error.kind in ("readonly", "loading", "masterdown")
                assert error.executed is False
                client.replicaof("NO", "ONE")
            await until(lambda: store.reconnects >= 1 and store.connected)
            assert (await submit(store, [call(subject(1), terms(), 2)]).answers())[0].granted == 1


@pytest.mark.parametrize(
    "reply",
    [
        b":1\r\n",
        b"*0\r\n",
        b"*2\r\n$1\r\na\r\n$1\r\nb\r\n",
        b"*1\r\n$3\r\nabc\r\n",
        b"*1\r\n:5\r\n",
        b"*1\r\n$-1\r\n",
        b"$-1\r\n",
        b"*1\r\n*0\r\n",
    ],
    ids=["number", "empty", "too many", "too short", "no bulk", "null", "null reply", "nested"],
)
async def test_a_lying_server_is_a_store_error(reply: bytes) -> None:
    """An answer of the wrong shape ends the Call as one that may have run; the store stays usable."""
    good = b"$%d\r\n%b\r\n" % (8 * ANSWERS, struct.pack(f"<{ANSWERS}q", *range(ANSWERS)))
    async with fake_server(lambda _: reply) as fake, running_store(fake.url) as store:
        (error,) = await submit(store, [call(subject(1), terms())]).errors()
        assert (error.kind, error.executed) == ("reply", None)
        with pytest.raises(StoreError):
            await store.usage([subject(1)])
        fake.answer = lambda _: b"*1\r\n" + good
        await until(lambda: store.connected)
        ended = await submit(store, [call(subject(1), terms())]).end()
        if isinstance(ended[0], StoreError):
            # The new connection was still on its way: what was sent on the old one broke with it.
            await until(lambda: store.connected and store.reconnects > 0)
            ended = await submit(store, [call(subject(1), terms())]).end()
        assert ended == [Answer(*range(ANSWERS))]


async def test_a_batch_that_raises_harms_no_other(store_server: StoreServer) -> None:
    """The other Batches of the same script call hear their answers, and the failure is reported."""
    told: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: told.append(str(context["exception"])))

    class Broken(WaitingBatch):
        def done(self, answers: Sequence[Answer | StoreError]) -> None:
            raise RuntimeError("boom")

    async with running_store(store_server.url) as store:
        store.submit(Broken([call(subject(1), terms())]))
        other = submit(store, [call(subject(2), terms())])
        assert (await other.answers())[0].granted == 1
    assert told == ["boom"]


async def test_close_sends_what_was_submitted(store_server: StoreServer) -> None:
    """A Batch of the same tick is decided before the connection ends."""
    async with running_store(store_server.url) as store:
        batch = submit(store, [call(subject(1), terms())])
        await store.close()
        assert (await batch.answers())[0].granted == 1
        (error,) = await submit(store, [call(subject(1), terms(), 2)]).errors()
        assert (error.kind, error.executed) == ("closed", False)


async def test_usage_of_nothing_asks_nobody(store_server: StoreServer) -> None:
    """An empty question needs no call."""
    async with running_store(store_server.url) as store:
        assert await store.usage([]) == []
        assert store.stats.calls == 0


async def test_usage_fails_when_the_server_stays_silent() -> None:
    """Reading ends with an error rather than never."""
    silent: Callable[[list[bytes]], bytes] = lambda _: b""  # noqa: E731
    async with fake_server(silent) as fake, running_store(fake.url, StoreConfig(deadline_s=0.05)) as store:
        fake.login[b"TIME"] = b"*0\r\n"
        with pytest.raises(StoreError):
            await store.usage([subject(1)])
