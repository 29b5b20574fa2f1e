"""How a connection comes to be: found, opened, logged in, scripts loaded; and made again when it breaks."""

import asyncio
import contextlib
import random
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from quotad.errors import StoreError
from quotad.store.endpoint import Endpoint
from quotad.store.resp import command
from quotad.store.wire import OpenCall, Wire, WireOwner, connect

Locate = Callable[[], Awaitable[Endpoint]]
"""Says where the server is now; asked before every attempt. May raise StoreError or OSError."""

_FIRST_WAIT_S = 0.020
_LONGEST_WAIT_S = 0.5
# A connection that lived shorter does not earn the immediate retry: a server that takes
# connections only to break them must not be hammered.
_STEADY_S = 1.0


class Tenant(WireOwner, Protocol):
    """Who uses the connections (``link.Link``)."""

    @property
    def preparations(self) -> Sequence[tuple[str, bytes]]:
        """Commands that must be answered well before any call, each with its name for messages."""

    def new_wire(self) -> Wire:
        """What a new connection speaks through."""

    def inspect(self, endpoint: Endpoint, info: bytes) -> None:
        """Raises StoreError when a server that says this of itself (``INFO``) is unfit."""

    def on_connected(self, wire: Wire, server_us: int) -> None:
        """This connection is ready for calls; the server's time was just heard."""


class Replies:
    """Collects the replies to ``count`` commands. ``all`` is done when the last is in; it never fails."""

    def __init__(self, loop: asyncio.AbstractEventLoop, count: int) -> None:
        self.all: asyncio.Future[list[object]] = loop.create_future()
        """One item per command in order: the reply, or a StoreError."""
        self._items: list[object] = []
        self._count = count

    def on_reply(self, reply: object) -> None:
        """One more reply."""
        self._add(reply)

    def on_late(self) -> None:
        """Whoever waits for ``all`` has a time-out of its own."""

    def on_failed(self, error: StoreError) -> None:
        """One more command that has no reply."""
        self._add(error)

    def _add(self, item: object) -> None:
        self._items.append(item)
        if len(self._items) == self._count and not self.all.done():
            self.all.set_result(self._items)


class Reconnector:
    """Keeps one connection up: the first retry at once, further ones with growing, random waits."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        locate: Locate,
        client_name: str,
        timeout_s: float,
        tenant: Tenant,
    ) -> None:
        self.last_error: StoreError | None = None
        """Why the latest attempt failed; None once one succeeded."""
        self.attempted = asyncio.Event()
        """Set once the first attempt has ended, either way."""
        self.connections = 0
        """How many connections became ready."""
        self.endpoint: Endpoint | None = None
        """Where the latest attempt went, and the connection that came of it."""
        self._loop = loop
        self._locate = locate
        self._client_name = client_name
        self._timeout_s = timeout_s
        self._tenant = tenant
        self._task: asyncio.Task[None] | None = None
        self._hurried = asyncio.Event()
        self._patience: asyncio.Timeout | None = None

    @property
    def reconnects(self) -> int:
        """How many connections became ready after the first."""
        return max(0, self.connections - 1)

    def start(self) -> None:
        """Begin to connect."""
        self._task = self._loop.create_task(self._keep_connected())

    async def stop(self) -> None:
        """Make no more connections; one that is ready stays."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def hurry(self) -> None:
        """The server is elsewhere now: give up the attempt under way, and make the next one at once."""
        self._hurried.set()
        if self._patience is not None and not self._patience.expired():
            self._patience.reschedule(self._loop.time())

    async def _keep_connected(self) -> None:
        attempt = 0
        while True:
            wire = await self._attempt()
            self.attempted.set()
            if wire is not None:
                begun_s = self._loop.time()
                await wire.lost.wait()
                if self._loop.time() - begun_s >= _STEADY_S:
                    attempt = 0
            if self._hurried.is_set():
                attempt = 0
            await self._wait(wait_s(attempt, random.random))
            attempt += 1

    async def _wait(self, longest_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(longest_s):
                await self._hurried.wait()

    async def _attempt(self) -> Wire | None:
        try:
            async with asyncio.timeout(self._timeout_s) as patience:
                endpoint = await self._find()
                # Not before: who was told to hurry must not be kept from finding out where to.
                self._patience = patience
                wire, server_us = await self._connect(endpoint)
        except TimeoutError:
            self.last_error = _away(f"the store did not answer within {self._timeout_s:g} s")
        except StoreError as error:
            self.last_error = error
        except ssl.SSLError as error:
            self.last_error = _no_tls(_tls_reason(error))
        except (OSError, ValueError) as error:
            # ValueError: names that no resolver takes.
            self.last_error = _away(f"cannot connect to the store: {_reason(error)}")
        else:
            self.last_error = None
            self.connections += 1
            self._tenant.on_connected(wire, server_us)
            return wire
        finally:
            self._patience = None
        return None

    async def _find(self) -> Endpoint:
        """Where to go; asked again when the news that it moved came while it was asked."""
        self._hurried.clear()
        self.endpoint = await self._locate()
        if self._hurried.is_set():
            self._hurried.clear()
            self.endpoint = await self._locate()
        return self.endpoint

    async def _connect(self, endpoint: Endpoint) -> tuple[Wire, int]:
        wire = await connect(self._loop, endpoint, self._tenant.new_wire)
        try:
            server_us = 0 if wire.lost.is_set() else await self._log_in(wire, endpoint)
            if wire.lost.is_set():
                # Before its first command or after its last reply: it would take calls and never end them.
                raise _away(f"{endpoint} hung up, or spoke before it was asked")
            return wire, server_us
        except BaseException:
            wire.cut("broken")
            raise

    async def _log_in(self, wire: Wire, endpoint: Endpoint) -> int:
        steps = [*login(endpoint, self._client_name)]
        info_at = len(steps)
        # INFO first: to a login that it lacks a server answers SCRIPT LOAD with a protocol error.
        steps.append(("INFO", command("INFO")))
        steps += self._tenant.preparations
        steps.append(("TIME", command("TIME")))
        if endpoint.tls is not None:
            # A server that wants a certificate of ours refuses only now, and its reason may be lost.
            await self._run(wire, [("PING", command("PING"))])
            if wire.lost.is_set():
                raise _no_tls(wire.reason or "refused after the handshake; does it want ssl_certfile?")
        answers = await self._run(wire, steps)
        for (name, _), answer in zip(steps, answers, strict=True):
            # The name only helps whoever reads CLIENT LIST; a login may lack the right to set it.
            if isinstance(answer, StoreError) and name != "CLIENT SETNAME":
                raise _refusal(endpoint, name, answer)
        info, server_us = answers[info_at], server_time_us(answers[-1])
        if server_us is None or not isinstance(info, bytes):
            raise StoreError("protocol", f"{endpoint} does not answer like a Redis server", executed=False)
        self._tenant.inspect(endpoint, info)
        return server_us

    async def _run(self, wire: Wire, steps: Sequence[tuple[str, bytes]]) -> list[object]:
        """One reply or StoreError per step."""
        replies = Replies(self._loop, len(steps))
        calls = [OpenCall(payload, replies, 0.0) for _, payload in steps]
        for call in calls:
            call.resent = True
        wire.write(calls)
        return await replies.all


def login(endpoint: Endpoint, client_name: str) -> list[tuple[str, bytes]]:
    """The commands, each with its name for messages, that make a connection ours."""
    steps: list[tuple[str, bytes]] = []
    if endpoint.username:
        steps.append(("AUTH", command("AUTH", endpoint.username, endpoint.password)))
    elif endpoint.password:
        steps.append(("AUTH", command("AUTH", endpoint.password)))
    if endpoint.database:
        steps.append(("SELECT", command("SELECT", endpoint.database)))
    steps.append(("CLIENT SETNAME", command("CLIENT", "SETNAME", client_name)))
    return steps


def server_time_us(reply: object) -> int | None:
    """The reply to ``TIME`` in microseconds; None when it is none."""
    match reply:
        case [bytes(seconds), bytes(micros)] if seconds.isdigit() and micros.isdigit():
            return int(seconds) * 1_000_000 + int(micros)
        case _:
            return None


def wait_s(attempt: int, fraction: Callable[[], float]) -> float:
    """How long to wait before retry number ``attempt`` (0: at once): doubling, random, at most 0.5 s."""
    if attempt == 0:
        return 0.0
    longest_s = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(attempt - 1, 16))
    return longest_s * (0.5 + 0.5 * fraction())


def _refusal(endpoint: Endpoint, step: str, error: StoreError) -> StoreError:
    text = str(error)
    if endpoint.password:
        text = text.replace(endpoint.password, "***")
    # A server without passwords answers AUTH with a plain ERR.
    kind = "wrongpass" if step == "AUTH" and error.kind == "script" else error.kind
    return StoreError(kind, f"{endpoint} refused {step}: {text}", executed=False)


def _no_tls(reason: str) -> StoreError:
    return StoreError("tls", f"no TLS with the store: {reason}", executed=False)


def _away(message: str) -> StoreError:
    return StoreError("disconnected", message, executed=False)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


def _tls_reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate does not verify ({error.verify_message})"
    return error.reason or type(error).__name__
