"""The primary that Sentinels name.

All are asked at once and the highest configuration epoch wins: one that slept through a failover, as
it may beside the old primary, still names the old one.

A failover is heard of in two ways: Sentinels publish it, and whoever doubts (a missed deadline, a
broken connection) has them asked. What was published only leads to asking.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from quotad.errors import StoreError
from quotad.store import passwords
from quotad.store.endpoint import Endpoint
from quotad.store.topology import SentinelPlace

ASK_S = 0.25
"""After so long without an answer a Sentinel counts as away."""

_OTHERS_S = 0.030
"""How long the first answer waits for those of the other Sentinels."""
_FIRST_GAP_S = 0.020
_LONGEST_GAP_S = 0.200
"""Between two rounds of asking for one doubt after another: a store that stays slow is no reason to flood."""
_CALM_S = 1.0
_SILENCE_S = 5.0
_AGAIN_S = 0.5
# The primary's new address is known to the Sentinel that leads a failover with the first of these.
_NEWS = ("+promoted-slave", "+switch-master")


class Said(NamedTuple):
    """One Sentinel's word on where the primary is; the higher epoch is the newer."""

    epoch: int
    host: str
    port: int


class SentinelLocator:
    """See ``locator.Locator``. Passwords are read again at every login."""

    def __init__(
        self, place: SentinelPlace, password_file: Path | None, sentinel_password_file: Path | None
    ) -> None:
        self._place = place
        self._password_file = password_file
        self._clients = [_client(place, address, sentinel_password_file) for address in place.addresses]
        self._doubted = asyncio.Event()
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def doubt(self) -> Callable[[], None]:
        """Has the Sentinels asked soon; at once unless they were asked a moment ago."""
        return self._doubted.set

    async def locate(self) -> Endpoint:
        """See ``Locator.locate``. Raises StoreError also when the Sentinels know no such primary."""
        said = await self.ask()
        found = replace(self._place.data, host=said.host, port=said.port)
        if self._password_file is None:
            return found
        return replace(found, password=passwords.read(self._password_file))

    def start(self, found: Callable[[str, int], None]) -> None:
        """See ``Locator.start``."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._answer_doubts(found))]
        self._tasks += [loop.create_task(self._listen(client)) for client in self._clients]

    async def close(self) -> None:
        """See ``Locator.close``."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        for client in self._clients:
            with contextlib.suppress(RedisError, OSError):
                await client.aclose()

    async def ask(self) -> Said:
        """The newest word of those Sentinels that answer. Raises StoreError when none does."""
        loop = asyncio.get_running_loop()
        rest = {loop.create_task(_ask(client, self._place.master_name)) for client in self._clients}
        answers: list[Said | StoreError] = []
        try:
            while rest and not _good(answers):
                done, rest = await asyncio.wait(rest, return_when=asyncio.FIRST_COMPLETED)
                answers += [task.result() for task in done]
            if rest:
                done, rest = await asyncio.wait(rest, timeout=_OTHERS_S)
                answers += [task.result() for task in done]
        finally:
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)
        return newest(answers)

    async def _answer_doubts(self, found: Callable[[str, int], None]) -> None:
        loop = asyncio.get_running_loop()
        gap_s, told, ended_s = _FIRST_GAP_S, None, 0.0
        while True:
            await self._doubted.wait()
            gap_s = _FIRST_GAP_S if loop.time() - ended_s > _CALM_S else min(2 * gap_s, _LONGEST_GAP_S)
            self._doubted.clear()
            self._news.clear()
            try:
                said = await self.ask()
            except StoreError:
                self._doubted.set()
            else:
                # A doubt that came while they were asked is answered by asking once more.
                if said != told or not self._doubted.is_set():
                    told = said
                    found(said.host, said.port)
            ended_s = loop.time()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(gap_s):
                    await self._news.wait()

    async def _listen(self, client: Redis) -> None:
        while True:
            # A Sentinel that is away publishes nothing; the others do.
            with contextlib.suppress(RedisError, OSError, StoreError):
                async with client.pubsub() as channel:
                    await channel.subscribe(*_NEWS)
                    await self._heed(channel)
            await asyncio.sleep(_AGAIN_S)

    async def _heed(self, channel: PubSub) -> None:
        silences = 0
        while silences < 2:
            message = await channel.get_message(timeout=_SILENCE_S)
            if message is None:
                silences += 1
                await channel.ping()
                continue
            silences = 0
            if message["type"] != "pong":
                # Also for the word that the subscription stands: what was published before was not heard.
                self._news.set()
                self._doubted.set()


class _FromFile(CredentialProvider):
    """redis-py asks for the credentials at each login."""

    def __init__(self, username: str, path: Path) -> None:
        self._username = username
        self._path = path

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        password = passwords.read(self._path)
        return (self._username, password) if self._username else (password,)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        return self.get_credentials()


def _client(place: SentinelPlace, address: tuple[str, int], password_file: Path | None) -> Redis:
    options: dict[str, Any] = dict(place.tls)
    if password_file is not None:
        options["credential_provider"] = _FromFile(place.username, password_file)
    elif place.password:
        options |= {"username": place.username or None, "password": place.password}
    return Redis(
        host=address[0],
        port=address[1],
        protocol=2,
        decode_responses=True,
        socket_timeout=ASK_S,
        socket_connect_timeout=ASK_S,
        # Once more, for a pooled connection that has gone stale.
        retry=Retry(NoBackoff(), 1),
        driver_info=None,
        **options,
    )


async def _ask(client: Redis, master_name: str) -> Said | StoreError:
    try:
        async with client.pipeline(transaction=False) as both:
            # Only the first knows the new primary while its other replicas are still being led to it;
            # only the second says the epoch.
            both.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", master_name)
            both.execute_command("SENTINEL", "MASTER", master_name)
            address, state = await both.execute(raise_on_error=False)
    except AuthenticationError:
        return _error("wrongpass", "a Sentinel refused the login")
    except (RedisError, OSError) as error:
        return _error("disconnected", f"a Sentinel is away: {type(error).__name__}")
    except StoreError as error:
        return error
    return _understand(master_name, address, state)


def _understand(master_name: str, address: object, state: object) -> Said | StoreError:
    for answer in (address, state):
        if isinstance(answer, AuthenticationError):
            return _error("noauth", "a Sentinel asks for a password")
        if isinstance(answer, NoPermissionError):
            return _error("noperm", "a Sentinel does not let this user ask for the primary")
    if address is None:
        return _error("unfit", f"the Sentinels know no primary named {master_name!r}")
    match address, state:
        case [str(host), str(port)], list() if port.isdigit():
            facts = dict(zip(state[::2], state[1::2], strict=False))
            epoch = str(facts.get("config-epoch", ""))
            return Said(int(epoch) if epoch.isdigit() else 0, host, int(port))
        case _:
            return _error("protocol", "a Sentinel does not answer like one")


def _good(answers: Iterable[Said | StoreError]) -> list[Said]:
    return [answer for answer in answers if isinstance(answer, Said)]


def newest(answers: list[Said | StoreError]) -> Said:
    """The answer of the highest epoch. Raises StoreError when there is none."""
    good = _good(answers)
    if good:
        return max(good, key=lambda said: said.epoch)
    errors = [answer for answer in answers if isinstance(answer, StoreError)]
    # What somebody must mend says more than that another one is away.
    raise next((error for error in errors if error.kind != "disconnected"), errors[0])


def _error(kind: str, message: str) -> StoreError:
    return StoreError(kind, message, executed=False)
