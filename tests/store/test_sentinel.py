import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from quotad.errors import StoreError
from quotad.store.sentinel import Said, SentinelLocator, newest
from quotad.store.topology import SentinelPlace, parse_sentinels
from tests.support.fake_server import fake_server
from tests.support.sentinels import NAME, SentinelGroup, running_sentinels
from tests.support.servers import free_port
from tests.support.waiting import until

GUARDED = "of-the-sentinels"


@pytest.fixture(scope="module")
def group() -> Iterator[SentinelGroup]:
    """Sentinels that ask for a password, before data nodes that ask for another."""
    with running_sentinels(password="of-the-data", sentinel_password=GUARDED) as started:
        yield started


def place(group: SentinelGroup, password: str = GUARDED, name: str = NAME) -> SentinelPlace:
    """The group as its URL names it."""
    return parse_sentinels(group.url.replace(f"/{NAME}", f"/{name}") + f"?sentinel_password={password}")


def answer_of(host: str, port: int, epoch: int) -> list[bytes]:
    """What a Sentinel says to the two questions."""
    address = f"*2\r\n${len(host)}\r\n{host}\r\n${len(str(port))}\r\n{port}\r\n"
    state = f"*2\r\n$12\r\nconfig-epoch\r\n${len(str(epoch))}\r\n{epoch}\r\n"
    return [address.encode(), state.encode()]


def test_the_newest_word_counts() -> None:
    """The highest epoch, whoever answered first; errors only where there is no answer."""
    old, new = Said(3, "old", 1), Said(4, "new", 1)
    away, locked = StoreError("disconnected", "away"), StoreError("noauth", "locked")
    assert newest([old, away, new, old]) == new
    with pytest.raises(StoreError, match="locked"):
        newest([away, locked, away])
    with pytest.raises(StoreError, match="away"):
        newest([away, away])


async def test_the_primary_is_found_with_its_login(group: SentinelGroup, tmp_path: Path) -> None:
    """Address from the Sentinels, user and password from the URL or the file."""
    path = tmp_path / "password"
    path.write_text("from-the-file\n")
    for file, password in ((None, "of-the-data"), (path, "from-the-file")):
        locator = SentinelLocator(place(group), file, None)
        found = await locator.locate()
        assert (found.host, found.port, found.password) == ("127.0.0.1", group.primary().port, password)
        await locator.close()


async def test_the_sentinels_password_may_stand_in_a_file(group: SentinelGroup, tmp_path: Path) -> None:
    """Read at each login: a wrong one that was mended is no wrong one any more."""
    path = tmp_path / "password"
    path.write_text("wrong-word\n")
    locator = SentinelLocator(place(group), None, path)
    with pytest.raises(StoreError) as refused:
        await locator.locate()
    assert refused.value.kind == "wrongpass"
    assert "wrong-word" not in f"{refused.value}"
    path.write_text(GUARDED)
    assert (await locator.locate()).port == group.primary().port
    await locator.close()


async def test_a_name_that_nobody_knows_is_unfit(group: SentinelGroup) -> None:
    """Waiting does not mend a wrong master name."""
    locator = SentinelLocator(place(group, name="other"), None, None)
    with pytest.raises(StoreError, match="no primary named 'other'") as refused:
        await locator.locate()
    assert refused.value.kind == "unfit"
    await locator.close()


async def test_one_sentinel_is_enough(group: SentinelGroup) -> None:
    """The primary is found while two of three are dead or stopped."""
    dead, stopped, _ = group.sentinels
    dead.kill()
    stopped.pause()
    try:
        locator = SentinelLocator(place(group), None, None)
        assert (await locator.locate()).port == group.nodes[0].port
        await locator.close()
    finally:
        stopped.resume()
        dead.start()


async def test_without_sentinels_there_is_no_primary() -> None:
    """Nobody answers: it is said so, and no address is made up."""
    url = f"redis+sentinel://:hidden-word@127.0.0.1:{free_port()},127.0.0.1:{free_port()}/{NAME}"
    locator = SentinelLocator(parse_sentinels(url), None, None)
    with pytest.raises(StoreError, match="a Sentinel is away") as refused:
        await locator.locate()
    assert refused.value.kind == "disconnected"
    assert "hidden-word" not in str(refused.value)
    await locator.close()


@pytest.mark.parametrize("said", [b"+OK\r\n", b"*-1\r\n", b":1\r\n", b"-ERR unknown command\r\n"])
async def test_what_is_no_sentinel_names_no_primary(said: bytes) -> None:
    """Whatever it answers."""
    async with fake_server(lambda _: said) as fake:
        url = f"redis+sentinel://127.0.0.1:{fake.port}/{NAME}"
        locator = SentinelLocator(parse_sentinels(url), None, None)
        with pytest.raises(StoreError):
            await locator.locate()
        await locator.close()


async def test_a_doubt_is_answered_and_news_too() -> None:
    """Whoever doubts hears the address again; a published switch has the Sentinels asked by itself."""
    heard: list[tuple[str, int]] = []
    said = answer_of("one", 1, 1)

    def answer(words: list[bytes]) -> bytes:
        if words[0] == b"SUBSCRIBE":
            return b"".join(
                b"*3\r\n$9\r\nsubscribe\r\n$%d\r\n%b\r\n:1\r\n" % (len(each), each) for each in words[1:]
            )
        return said[words[1] == b"MASTER"]

    async with fake_server(answer) as fake:
        locator = SentinelLocator(
            parse_sentinels(f"redis+sentinel://127.0.0.1:{fake.port}/{NAME}"), None, None
        )
        locator.start(lambda host, port: heard.append((host, port)))
        await until(lambda: heard == [("one", 1)] * len(heard) and len(heard) > 0)
        count = len(heard)
        locator.doubt()
        await until(lambda: len(heard) > count)
        said[:] = answer_of("two", 2, 2)
        news = b"*3\r\n$7\r\nmessage\r\n$14\r\n+switch-master\r\n$3\r\nall\r\n"
        for transport in list(fake.transports):
            transport.write(news)
        await until(lambda: heard[-1] == ("two", 2))
        await locator.close()


async def test_a_doubt_waits_for_sentinels_that_are_away() -> None:
    """It is answered as soon as one of them answers, however long that takes."""
    heard: list[tuple[str, int]] = []
    async with fake_server(lambda _: None) as fake:
        locator = SentinelLocator(
            parse_sentinels(f"redis+sentinel://127.0.0.1:{fake.port}/{NAME}"), None, None
        )
        locator.start(lambda host, port: heard.append((host, port)))
        locator.doubt()
        await until(lambda: fake.connections > 3)
        assert heard == []
        said = answer_of("there", 7, 1)
        fake.answer = lambda words: said[words[1] == b"MASTER"] if words[0] == b"SENTINEL" else None
        await until(lambda: heard != [])
        await locator.close()
    assert heard[0] == ("there", 7)


async def test_a_sentinel_that_slept_through_a_failover_is_not_believed() -> None:
    """It names the old primary and answers first; the others' higher epoch counts."""
    stale, fresh = answer_of("old", 1, 1), answer_of("new", 2, 2)
    async with (
        fake_server(lambda words: stale[words[1] == b"MASTER"]) as asleep,
        fake_server(lambda words: fresh[words[1] == b"MASTER"]) as awake,
    ):
        url = f"redis+sentinel://127.0.0.1:{asleep.port},127.0.0.1:{awake.port}/{NAME}"
        locator = SentinelLocator(parse_sentinels(url), None, None)
        endpoints = [await locator.locate() for _ in range(5)]
        assert {endpoint.host for endpoint in endpoints} == {"new"}
        await locator.close()


async def test_closing_ends_every_task() -> None:
    """Also while a Sentinel does not answer."""
    async with fake_server(lambda _: b"") as fake:
        locator = SentinelLocator(
            parse_sentinels(f"redis+sentinel://127.0.0.1:{fake.port}/{NAME}"), None, None
        )
        locator.start(lambda host, port: None)
        locator.doubt()
        await until(lambda: fake.connections > 0)
        await locator.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
