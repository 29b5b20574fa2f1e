"""The rights that docs/operations.md gives quotad's user: enough for everything, too little for EVAL."""

import asyncio
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import redis

from quotad.config.model import StoreConfig
from quotad.core.plans import Subject, UsagePlan
from quotad.core.quota import Answer, AnswerStatus, Call, DayNumbers, Limits, Terms
from quotad.core.windows import windows
from quotad.errors import StoreError
from quotad.store.redis_store import RedisStore
from quotad.store.scripts import load_all
from quotad.store.sentinel import SentinelLocator
from quotad.store.topology import parse_sentinels
from tests.support.batches import call, subject, submit, terms
from tests.support.patient import patient_store
from tests.support.sentinels import NAME, running_sentinels
from tests.support.servers import Engine, StoreServer, every_engine, running_server
from tests.support.waiting import until

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "operations.md"
PASSWORD = "of-the-test"


# What a connection needs for itself; everything else is what the scripts call.
CONNECTING = {"evalsha", "script|load", "time", "ping", "info", "select", "client|setname"}


def documented(place: int) -> list[str]:
    """The words of a documented line, from 0: the store's user, the Sentinels'."""
    lines = re.findall(r"^ACL SETUSER .*$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    line: str = lines[place]
    return line.replace("PASSWORD", PASSWORD).split()


@pytest.fixture(scope="module", params=every_engine())
def server(request: pytest.FixtureRequest) -> Iterator[StoreServer]:
    """A server on which the documented user was made by the documented line."""
    engine: Engine = request.param
    with running_server(engine) as started, started.client() as client:
        client.execute_command(*documented(0))
        yield started


def as_quotad(server: StoreServer, database: int = 0) -> str:
    """The server's URL for the documented user."""
    return f"redis://quotad:{PASSWORD}@127.0.0.1:{server.port}/{database}"


class Asked:
    """A Batch of one Call, and a way to wait for its answer."""

    def __init__(self, call: Call) -> None:
        self.calls: Sequence[Call] = [call]
        self.answered: asyncio.Future[Answer | StoreError] = asyncio.get_running_loop().create_future()

    def late(self) -> None:
        """A slow machine is no failure here."""

    def done(self, answers: Sequence[Answer | StoreError]) -> None:
        """One answer, to the one Call."""
        self.answered.set_result(answers[0])


async def ask(store: RedisStore, call: Call, *, settle_only: bool = False) -> Answer:
    """Submit one Call and answer what the store said of it."""
    asked = Asked(call)
    store.submit(asked, settle_only)
    answer = await asked.answered
    assert isinstance(answer, Answer), answer
    return answer


@pytest.mark.parametrize("database", [0, 3])
async def test_the_documented_rights_are_enough(server: StoreServer, database: int) -> None:
    """As the documented user the store starts, loads its scripts, reserves, settles and reads use."""
    store = patient_store(as_quotad(server, database))
    await store.start()
    try:
        now_us = store.now_us()
        assert now_us is not None
        subject = Subject(UsagePlan("usagePlan-acl00001", "acl"), "service-acl00001", "release")
        terms = Terms(Limits(1, 100, 100, 50, 500, 5000), windows(now_us, "UTC", 1), True, False)
        held = await ask(store, Call(subject, terms, 3, 0, 1, DayNumbers(), DayNumbers()))
        assert (held.status, held.granted) == (AnswerStatus.DECIDED, 3)
        settled = DayNumbers(held.day_end_us, 2, 1)
        after = await ask(
            store, Call(subject, terms, 0, held.generation, 2, settled, DayNumbers()), settle_only=True
        )
        assert (after.day_charged, after.day_open) == (1, 1)
        (usage,) = await store.usage([subject])
        assert (usage.total_charged, usage.total_open) == (1, 1)
        assert not store.stats.errors
    finally:
        await store.close()


@pytest.mark.parametrize(
    "command",
    [
        ["EVAL", "return 1", "0"],
        ["CONFIG", "GET", "*"],
        ["KEYS", "*"],
        ["FLUSHALL"],
        ["SCRIPT", "FLUSH"],
        ["DEL", "quotad:x"],
        ["GET", "another:key"],
    ],
    ids=" ".join,
)
def test_the_documented_rights_go_no_further(server: StoreServer, command: list[str]) -> None:
    """The documented user may neither run a script of its own, nor administer, nor leave its namespace."""
    with (
        redis.Redis.from_url(as_quotad(server)) as client,
        pytest.raises(redis.exceptions.NoPermissionError),
    ):
        client.execute_command(*command)


def test_no_right_is_given_that_nothing_uses() -> None:
    """Beside those for connecting, the rights are exactly the commands that the scripts call."""
    given = {word[1:] for word in documented(0) if word.startswith("+")}
    text = "\n".join(script.text for script in load_all().values())
    called = {name.lower() for name in re.findall(r"call\(\s*'([A-Z]+)'", text)}
    assert called
    assert given == CONNECTING | called


async def test_waiting_for_replicas_needs_one_right_more(server: StoreServer) -> None:
    """Without it the store does not start and says so; with it a call waits, here in vain."""
    config = StoreConfig(min_replicas=1)
    refused = RedisStore(as_quotad(server), config, os.urandom(8))
    with pytest.raises(StoreError, match="WAIT") as refusal:
        await refused.start()
    assert refusal.value.kind == "noperm"
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "quotad", "+wait")
        store = RedisStore(as_quotad(server), config, os.urandom(8))
        await store.start()
        batch = submit(store, [call(subject(1), terms())])
        (alone,) = await batch.errors()
        assert (alone.kind, alone.executed) == ("unreplicated", None)
        await store.close()
        client.execute_command("ACL", "SETUSER", "quotad", "-wait")


@pytest.mark.parametrize("engine", every_engine())
async def test_the_documented_rights_are_enough_for_sentinels(engine: Engine) -> None:
    """As the documented user they are asked, and heard of a failover from; more is refused."""
    heard: list[tuple[str, int]] = []
    with running_sentinels(engine) as group:
        for sentinel in group.sentinels:
            with sentinel.client() as client:
                client.execute_command(*documented(1))
        url = f"{group.url}?sentinel_username=quotad&sentinel_password={PASSWORD}"
        locator = SentinelLocator(parse_sentinels(url), None, None)
        old = group.primary()
        assert (await locator.locate()).port == old.port
        locator.start(lambda host, port: heard.append((host, port)))
        await until(lambda: ("127.0.0.1", old.port) in heard)
        new = await asyncio.to_thread(group.failover)
        await until(lambda: heard[-1] == ("127.0.0.1", new.port))
        await locator.close()
        with (
            redis.Redis(port=group.sentinels[0].port, username="quotad", password=PASSWORD) as client,
            pytest.raises(redis.exceptions.NoPermissionError),
        ):
            client.execute_command("SENTINEL", "FAILOVER", NAME)
