"""An admin port as commands see it: asks, asks again where that is safe, and says in words what went wrong.

The token never appears in an error. Redirects are not followed and proxies of the environment are not used:
either could hand the token to somebody else.
"""

import asyncio
import json
import secrets
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import quote, urlsplit

import aiohttp
from yarl import URL

from quotad.client import wording
from quotad.client.paths import AUDIT
from quotad.client.wording import UnreachableError
from quotad.errors import QuotadError

ATTEMPTS = 3
PAGE = 1_000
"""Rows that are asked for at once; an admin port gives no more."""

AUDIT_PAGE = 100
TIMEOUT_S = 30.0
_LONGEST_PAUSE_S = 5.0
_AGAIN = frozenset((502, 503, 504))
_UNIX = "unix:"
NDJSON = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Spot:
    """Where an admin port is, and how one gets in."""

    url: str
    """http, https, or ``unix:`` and the path of a socket."""
    token: str = field(default="", repr=False)
    ca_cert: Path | None = None
    """Who vouches for its certificate; None: whoever this machine trusts."""
    cert: Path | None = None
    key: Path | None = None
    """A client certificate, and its key; None: it stands in the same file."""
    timeout_s: float = TIMEOUT_S


@dataclass(frozen=True, slots=True)
class Ask:
    """One request."""

    method: str
    path: str
    body: object = None
    query: Mapping[str, Any] = field(default_factory=dict)
    """What is None is left out."""
    key: str = ""
    """Idempotency-Key: with it a POST may be sent again."""
    tag: str = ""
    """If-Match; empty: whatever the record is."""
    repeatable: bool = False
    """Whether sending it twice does no harm, beside what is known of its method and key."""
    timeout_s: float = 0.0
    """For its answer, if that may take longer than others."""
    heard: Callable[[dict[str, Any]], object] | None = None
    """Gets the lines of an answer that comes while the work goes on, if the port has such a one."""

    @property
    def may_repeat(self) -> bool:
        """Whether it may be sent again when nobody knows what came of it."""
        return self.method in ("GET", "PUT") or bool(self.key) or self.repeatable


class Answer(NamedTuple):
    """What came back."""

    members: dict[str, Any]
    tag: str
    """ETag; empty: none."""


class AdminPort:
    """Asks one admin port, over kept-alive connections, from entering the block to its end."""

    def __init__(self, spot: Spot) -> None:
        """Raises QuotadError when there is no such place, or a certificate cannot be read."""
        self._spot = spot
        self._headers = {"Accept": "application/json", **_proof(spot.token)}
        parts = urlsplit(spot.url)
        self._socket = spot.url.removeprefix(_UNIX) if spot.url.startswith(_UNIX) else ""
        if not self._socket and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise QuotadError(f"{_shown(spot.url)}: not an http:// or https:// URL")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise QuotadError(f"{_shown(spot.url)}: an admin port's URL has a host, a port and a path only")
        self._base = "http://localhost" if self._socket else spot.url.rstrip("/")
        self._tls = _context(spot) if parts.scheme == "https" else None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector: aiohttp.BaseConnector
        if self._socket:
            connector = aiohttp.UnixConnector(self._socket)
        else:
            connector = aiohttp.TCPConnector(ssl=self._tls if self._tls is not None else True)
        self._session = aiohttp.ClientSession(
            connector=connector, headers=self._headers, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()
        )
        # It would send a DELETE again by itself, and the second answer would be that there is no such thing.
        self._session._retry_connection = False  # noqa: SLF001 - it has no setting for it
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str, **query: Any) -> dict[str, Any]:
        """What is there. Raises QuotadError, as all of these: see ``wording``."""
        return (await self.ask(Ask("GET", path, query=query))).members

    async def post(self, path: str, body: object = None, key: str = "") -> dict[str, Any]:
        """Have something done, once; ``key``: the Idempotency-Key (default: one of its own)."""
        return (await self.ask(Ask("POST", path, body, key=key or secrets.token_hex(16)))).members

    async def put(self, path: str, body: object) -> dict[str, Any]:
        """Have something be so."""
        return (await self.ask(Ask("PUT", path, body))).members

    async def patch(self, path: str, body: object) -> dict[str, Any]:
        """Change what ``body`` names."""
        return (await self.ask(Ask("PATCH", path, body))).members

    async def delete(self, path: str) -> dict[str, Any]:
        """Take it away."""
        return (await self.ask(Ask("DELETE", path))).members

    async def rows(
        self, path: str, name: str, query: Mapping[str, Any], limit: int | None = None, page: int = PAGE
    ) -> tuple[int, list[dict[str, Any]]]:
        """How many there are, and all of them, or ``limit``, page by page; ``name``: of the list."""
        found: list[dict[str, Any]] = []
        first = int(query.get("offset") or 0)
        while True:
            wanted = page if limit is None else min(page, limit - len(found))
            members = await self.get(path, **{**query, "limit": wanted, "offset": first + len(found)})
            found += members[name]
            total = int(members["totalCount"])
            # A page that is empty though more were counted: they were deleted meanwhile.
            if not members[name] or len(found) == limit or first + len(found) >= total:
                return total, found

    async def audited(self, limit: int, before: str = "") -> list[dict[str, Any]]:
        """So many records of the audit log, the newest first, or those before one."""
        found: list[dict[str, Any]] = []
        while True:
            wanted = min(AUDIT_PAGE, limit - len(found))
            members = await self.get(AUDIT, limit=wanted, before=before or None)
            found += members["audit"]
            before = members["next"] or ""
            if not before or len(found) >= limit:
                return found

    async def ask(self, ask: Ask) -> Answer:
        """One answer; asks again where nothing can come of it twice. Raises QuotadError."""
        pause_s = 0.2
        for attempt in range(ATTEMPTS):
            last = attempt + 1 == ATTEMPTS or not ask.may_repeat
            try:
                async with self._sent(ask) as response:
                    if ask.heard is not None and response.content_type == NDJSON:
                        return await self._hear(ask, ask.heard, response)
                    text = await response.read()
                    if last or response.status not in _AGAIN:
                        return self._answer(ask, response, text)
                    pause_s = _pause_s(response, pause_s)
            except (aiohttp.ClientError, OSError, ssl.SSLError, TimeoutError, ValueError) as error:
                if last or not isinstance(
                    error, aiohttp.ServerDisconnectedError | aiohttp.ClientPayloadError
                ):
                    raise self._unreachable(ask, error) from None
            await asyncio.sleep(pause_s)
            pause_s *= 2
        raise AssertionError("the last attempt answers or raises")

    def _sent(self, ask: Ask) -> "aiohttp.client._RequestContextManager":
        if self._session is None:
            raise QuotadError("the admin port was not opened")
        headers = {}
        if ask.heard is not None:
            headers["Accept"] = f"{NDJSON}, application/json;q=0.9"
        if ask.key:
            headers["Idempotency-Key"] = ask.key
        if ask.tag:
            headers["If-Match"] = f'"{ask.tag}"'
        data = None
        if ask.body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(ask.body, separators=(",", ":")).encode()
        query = {name: _text(value) for name, value in ask.query.items() if value is not None}
        return self._session.request(
            ask.method,
            URL(self._base + quote(ask.path), encoded=True).with_query(query),
            data=data,
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=self._timeout_s(ask)),
        )

    def _answer(self, ask: Ask, response: aiohttp.ClientResponse, text: bytes) -> Answer:
        if response.status == 204:
            return Answer({}, "")
        try:
            members = json.loads(text)
        except ValueError:
            members = None
        if response.status >= 400:
            raise wording.refusal(self.place, response.status, members, has_token=bool(self._spot.token))
        if not isinstance(members, dict) or response.status >= 300:
            raise UnreachableError(
                f"{self.place} answered {response.status} without what an admin port says: is it one?"
            )
        return Answer(members, response.headers.get("ETag", "").strip('"'))

    async def _hear(
        self, ask: Ask, heard: Callable[[dict[str, Any]], object], response: aiohttp.ClientResponse
    ) -> Answer:
        """Sent again it would be told of twice: an answer that breaks off is an error."""
        waiting, event = bytearray(), ""
        try:
            async for part in response.content.iter_any():
                looked = len(waiting)
                waiting += part
                while (end := waiting.find(b"\n", looked)) >= 0:
                    members = json.loads(waiting[:end])
                    del waiting[: end + 1]
                    looked, event = 0, members["event"]
                    if event == "failed":
                        problem = members["problem"]
                        raise wording.refusal(self.place, problem["status"], problem, has_token=True)
                    heard(members)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._unreachable(replace(ask, repeatable=False), error) from None
        if event != "done":
            raise UnreachableError(f"{self.place}: the answer broke off; nobody knows whether it was done")
        return Answer({}, "")

    def _timeout_s(self, ask: Ask) -> float:
        return max(ask.timeout_s, self._spot.timeout_s)

    def _unreachable(self, ask: Ask, error: Exception) -> UnreachableError:
        words = wording.unreachable(error, self._timeout_s(ask), has_certificate=self._spot.cert is not None)
        unsure = "" if ask.may_repeat or wording.was_not_sent(error) else "; nobody knows whether it was done"
        return UnreachableError(f"{self.place}: {words}{unsure}")

    @property
    def place(self) -> str:
        """Whom errors name."""
        return "the control plane of this command" if self._socket else _shown(self._spot.url)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _pause_s(response: aiohttp.ClientResponse, otherwise: float) -> float:
    asked = response.headers.get("Retry-After", "")
    return min(float(asked), _LONGEST_PAUSE_S) if asked.isdecimal() else otherwise


def _proof(token: str) -> dict[str, str]:
    if not token:
        return {}
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise QuotadError("the token has characters that no token has")
    return {"Authorization": f"Bearer {token}"}


def _context(spot: Spot) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=spot.ca_cert)
    except OSError as error:
        raise QuotadError(f"{spot.ca_cert}: {wording.of_file(error)}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if spot.cert is not None:
        try:
            # An encrypted key would make OpenSSL ask at the terminal.
            context.load_cert_chain(spot.cert, spot.key, password=lambda: "")
        except OSError as error:
            raise QuotadError(f"{spot.cert}: {wording.of_file(error)}") from None
    return context


def _shown(url: str) -> str:
    """Without what may be a password in it."""
    scheme, mark, rest = url.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}" if mark else url[:100]
