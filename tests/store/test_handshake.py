import asyncio
from dataclasses import replace

import pytest

from quotad.errors import StoreError
from quotad.store.endpoint import Endpoint
from quotad.store.handshake import Replies, login, server_time_us, wait_s
from quotad.store.link import Link
from quotad.store.resp import command
from tests.support.fake_server import fake_server
from tests.support.servers import running_server
from tests.support.sinks import PATIENT, ask, running_link
from tests.support.waiting import AT_MOST_S, until


def test_the_first_retry_is_at_once_and_later_ones_wait() -> None:
    """Waits double from 20 ms to at most 0.5 s, and are random by half."""
    assert wait_s(0, lambda: 1.0) == 0.0
    assert [wait_s(attempt, lambda: 1.0) for attempt in (1, 2, 3)] == [0.02, 0.04, 0.08]
    assert wait_s(1, lambda: 0.0) == 0.01
    assert wait_s(10_000, lambda: 1.0) == 0.5


@pytest.mark.parametrize(
    ("reply", "micros"),
    [
        ([b"1700000000", b"000001"], 1_700_000_000_000_001),
        ([b"1700000000"], None),
        ([b"17e8", b"1"], None),
        ([1, 2], None),
        (b"PONG", None),
        (None, None),
    ],
)
def test_only_a_time_is_a_time(reply: object, micros: int | None) -> None:
    """Anything but two whole numbers is no answer to TIME."""
    assert server_time_us(reply) == micros


def test_login_sends_what_the_endpoint_says() -> None:
    """User and password, password alone, or neither; a database only when it is not the first."""
    assert [name for name, _ in login(Endpoint(), "quotad")] == ["CLIENT SETNAME"]
    steps = dict(login(Endpoint(username="bob", password="pw", database=3), "quotad"))
    assert steps["AUTH"] == command("AUTH", "bob", "pw")
    assert steps["SELECT"] == command("SELECT", 3)
    assert dict(login(Endpoint(password="pw"), "quotad"))["AUTH"] == command("AUTH", "pw")


async def test_replies_are_collected_in_order() -> None:
    """Values and failures alike, done with the last."""
    replies = Replies(asyncio.get_running_loop(), 2)
    error = StoreError("broken", "gone")
    replies.on_reply(1)
    replies.on_late()
    assert not replies.all.done()
    replies.on_failed(error)
    assert await replies.all == [1, error]


async def test_the_connection_says_its_name_and_database() -> None:
    """On a real server CLIENT LIST shows who and where."""
    with running_server() as server:
        async with running_link(server.url.replace("/0", "/5"), replace(PATIENT, client_name="me")) as link:
            said = await ask(link, command("CLIENT", "LIST"))
            assert isinstance(said, bytes)
            assert b"name=me " in said
            assert b" db=5 " in said


async def test_a_name_that_may_not_be_set_is_no_reason_to_stay_away() -> None:
    """A login without the right to CLIENT SETNAME connects all the same."""
    async with fake_server(lambda _: b"+PONG\r\n") as fake:
        fake.login[b"CLIENT"] = b"-NOPERM this user has no permissions to run the 'client' command\r\n"
        async with running_link(fake.url) as link:
            assert await ask(link, command("PING")) == b"PONG"


@pytest.mark.parametrize(
    ("step", "said", "kind"),
    [
        (b"SCRIPT", b"-NOPERM no\r\n", "noperm"),
        (b"AUTH", b"-WRONGPASS of hidden-word\r\n", "wrongpass"),
        (b"AUTH", b"-ERR AUTH called without any password configured\r\n", "wrongpass"),
        (b"TIME", b"+noon\r\n", "protocol"),
        (b"INFO", b"-LOADING\r\n", "loading"),
    ],
)
async def test_a_refused_step_is_named(step: bytes, said: bytes, kind: str) -> None:
    """The link is not ready, knows why, shows no password, and goes on trying."""
    async with fake_server(lambda _: b"+OK\r\n") as fake:
        mended = fake.login.get(step, b"+OK\r\n")
        fake.login[step] = said
        url = fake.url.replace("//", "//:hidden-word@")
        async with running_link(url, replace(PATIENT, scripts=("return 1",)), ready=False) as link:
            await link.wait_attempt()
            assert not link.ready
            assert link.last_error is not None
            assert link.last_error.kind == kind
            assert "hidden-word" not in str(link.last_error)
            fake.login[step] = mended
            await until(lambda: link.ready)
            assert link.last_error is None


async def test_an_unfit_server_is_refused_at_every_connect() -> None:
    """What ``inspect`` refuses is not used; once it is mended it is."""
    fit = False

    def inspect(endpoint: Endpoint, info: bytes) -> None:
        assert b"redis_version" in info
        if not fit:
            raise StoreError("unfit", f"{endpoint} is unfit", executed=False)

    options = replace(PATIENT, inspect=inspect)
    async with (
        fake_server(lambda _: b"+PONG\r\n") as fake,
        running_link(fake.url, options, ready=False) as link,
    ):
        await link.wait_attempt()
        assert link.last_error is not None
        assert link.last_error.kind == "unfit"
        fit = True
        await until(lambda: link.ready)


async def test_a_server_that_never_answers_is_given_up() -> None:
    """Accepted and then silence: the attempt ends at its time-out, and another follows."""
    async with fake_server(lambda _: b"") as fake:
        fake.login.clear()
        async with running_link(fake.url, replace(PATIENT, connect_timeout_s=0.05), ready=False) as link:
            await until(lambda: fake.connections >= 2)
            assert link.last_error is not None
            assert "did not answer within 0.05 s" in str(link.last_error)


async def test_the_address_is_asked_before_every_attempt() -> None:
    """A server that moved is found without a restart."""
    async with fake_server(lambda _: b"+old\r\n") as old, fake_server(lambda _: b"+new\r\n") as new:
        places = [Endpoint(host="127.0.0.1", port=old.port)]

        async def locate() -> Endpoint:
            return places[-1]

        link = Link(asyncio.get_running_loop(), locate, PATIENT)
        link.start()
        assert await link.wait_ready(AT_MOST_S)
        assert await ask(link, command("PING")) == b"old"
        places.append(Endpoint(host="127.0.0.1", port=new.port))
        link.renew("moved")
        await until(lambda: new.connections == 1 and link.ready)
        assert await ask(link, command("PING")) == b"new"
        await link.close()


@pytest.mark.parametrize(
    "error", [OSError("no network"), StoreError("masterdown", "no primary"), ValueError()]
)
async def test_a_failing_locator_is_asked_again(error: Exception) -> None:
    """Not knowing where the server is is like the server being away."""
    async with fake_server(lambda _: b"+PONG\r\n") as fake:
        failures = [error]

        async def locate() -> Endpoint:
            if failures:
                raise failures.pop()
            return Endpoint(host="127.0.0.1", port=fake.port)

        link = Link(asyncio.get_running_loop(), locate, PATIENT)
        link.start()
        assert await link.wait_ready(AT_MOST_S)
        await link.close()
