"""Posts one event once, and says what came of it. What a receiver answers beside its status is not read.

Only addresses are called that are public or that the file names: a URL must not lead into a network that
only this process can reach. It is the address itself that is looked at, so a name cannot change its mind.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, NamedTuple, Self

import aiohttp

from quotad import __version__
from quotad.core.deliveries import ERROR_LENGTH, Attempt, Delivery
from quotad.core.plans import Webhook
from quotad.core.webhook_events import keys_of, signed_headers

ATTEMPT_S = 15.0
"""From the first look at a name to the last field of the answer's head."""
_CONNECT_S = 5.0
_LONGEST_WAIT_S = 86_400


class Answered(NamedTuple):
    """What came of it."""

    attempt: Attempt
    retry_after_us: int = 0
    """What the receiver asked for; 0: nothing."""


class ForbiddenAddressError(OSError):
    """The address is none that may be called."""


class Fence:
    """Which addresses may be called."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks: list[IPv4Network | IPv6Network] = [ip_network(each) for each in networks]

    def allows(self, text: str) -> bool:
        """Whether an address is public, or in one of the networks."""
        address: IPv4Address | IPv6Address = ip_address(text.partition("%")[0])
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        address = mapped or address
        if any(address in network for network in self._networks):
            return True
        return address.is_global and not address.is_multicast

    def open_socket(self, info: tuple[Any, ...]) -> socket.socket:
        """A socket for an address that may be called. Raises ForbiddenAddressError."""
        family, kind, protocol, _, where = info
        if not self.allows(str(where[0])):
            raise ForbiddenAddressError(
                f"{where[0]} is no public address, and admin.webhooks.networks does not have it"
            )
        opened = socket.socket(family, kind, protocol)
        opened.setblocking(False)
        return opened


class Sender:
    """From entering the block to its end. ``now_us``: the store's time."""

    def __init__(
        self,
        fence: Fence,
        tls: ssl.SSLContext,
        now_us: Callable[[], int],
        monotonic_s: Callable[[], float],
        attempt_s: float = ATTEMPT_S,
    ) -> None:
        self._fence = fence
        self._tls = tls
        self._now_us = now_us
        self._monotonic_s = monotonic_s
        self._attempt_s = attempt_s
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            ssl=self._tls, limit=0, force_close=True, socket_factory=self._fence.open_socket
        )
        # Proxies of the environment are not used, and no cookie is kept for the next event.
        self._session = aiohttp.ClientSession(
            connector=connector, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def post(self, webhook: Webhook, event: Delivery) -> Answered:
        """One attempt. Whatever goes wrong is told in what it answers."""
        begun_us, begun_s = self._now_us(), self._monotonic_s()
        status, error, retry_after_us = 0, "", 0
        try:
            async with asyncio.timeout(self._attempt_s):
                status, retry_after_us = await self._post(webhook, event, begun_us)
        except TimeoutError:
            error = f"no answer within {self._attempt_s:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as problem:
            error = _words(problem)
        duration_ms = round((self._monotonic_s() - begun_s) * 1000)
        return Answered(Attempt(begun_us, status, error[:ERROR_LENGTH], duration_ms), retry_after_us)

    async def _post(self, webhook: Webhook, event: Delivery, now_us: int) -> tuple[int, int]:
        if self._session is None:
            raise ValueError("the sender is not open")
        body = event.body.encode()
        keys = keys_of(webhook, now_us / 1e6)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"quotad/{__version__}",
            **signed_headers(keys, event.event_id, now_us // 1_000_000, body),
        }
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S)
        async with self._session.post(
            webhook.url, data=body, headers=headers, allow_redirects=False, timeout=timeout
        ) as answer:
            return answer.status, _retry_after_us(answer.headers.get("Retry-After", ""))


def _retry_after_us(text: str) -> int:
    """Of a number of seconds; a date is not looked at."""
    known = text.isascii() and text.isdigit() and len(text) < 10
    return min(int(text), _LONGEST_WAIT_S) * 1_000_000 if known else 0


def _words(problem: BaseException) -> str:
    """Why there was no answer; never the URL, which may hold what lets its bearer in."""
    for cause in _causes(problem):
        # aiohttp's own error is one too, and says nothing.
        verdict = getattr(cause, "verify_message", "")
        if verdict:
            return f"its certificate is not trusted: {verdict}"
        if isinstance(cause, ForbiddenAddressError):
            return str(cause)
        if isinstance(cause, aiohttp.ClientConnectorDNSError | socket.gaierror):
            return "its name is not known"
        if isinstance(cause, ssl.SSLError) and "reason" in vars(cause):
            return f"no TLS: {cause.reason}"
    if isinstance(problem, aiohttp.ClientConnectorError):
        return f"no connection: {problem.os_error.strerror or 'refused'}"
    return f"no answer: {type(problem).__name__}"


def _causes(problem: BaseException | None) -> Iterator[BaseException]:
    """An error and what led to it."""
    while problem is not None:
        yield problem
        problem = problem.__cause__ or problem.__context__
