"""Asks the nodes of a Cluster who owns which slot. Through redis-py: it is rare, and need not be cheap."""

import asyncio
import contextlib
import random
import ssl
from collections.abc import Collection
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from quotad.errors import StoreError
from quotad.store.endpoint import Endpoint
from quotad.store.slots import SlotMap, View, merge, read_view, split

ASK_S = 0.25
"""After so long without an answer a node counts as away, once another has answered."""
FIRST_S = 1.0
"""So long the first answer is waited for: new connections over TLS take their time."""
ASKED_AT_MOST = 6
"""So many nodes are asked at a time, chosen by lot: several, since one may have slept."""

_OTHERS_S = 0.030
"""How long the answers of half the nodes wait for those of the other half."""


class Surveyor:
    """Asks several nodes at a time. Connections stay open while ``close`` or ``rest`` do not end them."""

    def __init__(self, tls: dict[str, Any]) -> None:
        self._tls = tls
        self._clients: dict[str, Redis] = {}
        self._logins: dict[str, tuple[str, str]] = {}

    async def ask(self, known: Collection[str], doubted: frozenset[str], login: Endpoint) -> SlotMap:
        """The newest owners that nodes of ``known`` name. ``login`` says who we are at every node.

        A ``doubted`` node is asked only when there is no other. Raises StoreError when no node that is
        sound answers: the kind of what somebody must mend, else ``clusterdown`` or ``disconnected``.
        """
        for address in self._clients.keys() - set(known):
            await self._drop(address)
        asked = sorted(set(known) - doubted) or sorted(known)
        if len(asked) > ASKED_AT_MOST:
            asked = random.sample(asked, ASKED_AT_MOST)
        views, errors = await self._hear(asked, login)
        found = merge(views, doubted)
        if found is not None:
            return found
        if views:
            raise _error("clusterdown", "no node of the Cluster says that all is well")
        # What somebody must mend says more than that another one is away.
        raise next((error for error in errors if error.kind != "disconnected"), errors[0])

    async def rest(self) -> None:
        """Disconnect from all nodes, until they are asked again."""
        for address in list(self._clients):
            await self._drop(address)

    async def _hear(self, asked: Collection[str], login: Endpoint) -> tuple[list[View], list[StoreError]]:
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        rest = {loop.create_task(self._view(address, login)) for address in asked}
        answers: list[View | StoreError] = []
        try:
            while rest:
                left_s = begun_s + (ASK_S if answers else FIRST_S) - loop.time()
                wait_s = max(0.0, left_s) if 2 * len(answers) < len(asked) else _OTHERS_S
                done, rest = await asyncio.wait(rest, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
                answers += [task.result() for task in done]
                if not done:
                    break
        finally:
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)
        views = [answer for answer in answers if isinstance(answer, View)]
        errors = [answer for answer in answers if isinstance(answer, StoreError)]
        return views, errors or [_error("disconnected", "no node of the Cluster answers")]

    async def _view(self, address: str, login: Endpoint) -> View | StoreError:
        try:
            async with (await self._client(address, login)).pipeline(transaction=False) as commands:
                for words in (("CLUSTER", "INFO"), ("CLUSTER", "NODES"), ("CLUSTER", "SLOTS")):
                    commands.execute_command(*words)
                info, nodes, slots = await commands.execute(raise_on_error=False)
            for reply in (info, nodes, slots):
                if isinstance(reply, Exception):
                    return _refusal(address, reply, login)
            return read_view(address, info, nodes, slots)
        except AuthenticationError as error:
            return _refusal(address, error, login)
        except (RedisError, OSError) as error:
            return _absence(address, error)
        except (ValueError, TypeError, AttributeError):
            return _error("protocol", f"{address} does not answer like a node of a Cluster")

    async def _client(self, address: str, login: Endpoint) -> Redis:
        known = self._clients.get(address)
        if known is not None and self._logins[address] == (login.username, login.password):
            return known
        await self._drop(address)
        host, port = split(address)
        client: Redis = Redis(
            host=host,
            port=port,
            username=login.username or None,
            password=login.password or None,
            protocol=2,
            socket_timeout=FIRST_S,
            socket_connect_timeout=FIRST_S,
            # Once more, for a connection that has gone stale.
            retry=Retry(NoBackoff(), 1),
            driver_info=None,
            **self._tls,
        )
        self._clients[address], self._logins[address] = client, (login.username, login.password)
        return client

    async def _drop(self, address: str) -> None:
        client = self._clients.get(address)
        if client is not None:
            with contextlib.suppress(RedisError, OSError):
                await client.aclose()
            # Not before: whoever is cancelled here leaves it to the next ``rest``.
            self._clients.pop(address, None)


def _refusal(address: str, reply: Exception, login: Endpoint) -> StoreError:
    if isinstance(reply, AuthenticationError) and login.password:
        return _error("wrongpass", f"the Cluster's node {address} refused the login")
    if isinstance(reply, AuthenticationError):
        return _error("noauth", f"the Cluster's node {address} asks for a password")
    if isinstance(reply, NoPermissionError):
        return _error("noperm", f"the Cluster's node {address} does not let this user ask for its slots")
    if isinstance(reply, ResponseError) and "cluster support disabled" in str(reply):
        return _error("unfit", f"the store at {address} is no node of a Redis Cluster")
    return _absence(address, reply)


def _absence(address: str, error: Exception) -> StoreError:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if cause is not None:
        return _error("tls", f"no TLS with the Cluster's node {address}: {cause.reason or 'refused'}")
    return _error("disconnected", f"the Cluster's node {address} is away: {type(error).__name__}")


def _error(kind: str, message: str) -> StoreError:
    return StoreError(kind, message, executed=False)
