"""Sessions of browsers: a cookie that says whose token was shown, until when, and proves that we said so.

The token itself is in no cookie. What proves a session is computed from the digest of that token, so a
session ends with its token; in control mode also from a master key, which whoever reads the store lacks.
A cookie is sent by a browser unasked, so it counts only beside a header that pages of other origins
cannot send.
"""

import hmac
import json
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

from aiohttp import web

from quotad.config.model import Admin
from quotad.controlplane.answers import RefusedError
from quotad.controlplane.credentials import is_usable
from quotad.controlplane.desk import Asker
from quotad.controlplane.operations import Operations

HEADER = "X-Quotad-Console"
"""Must stand beside the cookie. A browser asks before it sends it to another origin; nobody answers that."""

CONFIGURATION = "configuration"
"""Who shows the token of the configuration."""

_SHAPE = re.compile(r"([A-Za-z0-9_-]{1,400})\.([A-Za-z0-9_-]{43})")
_ENDED_AT_MOST = 10_000


class Tally(Protocol):
    """The verb of ``store.control.ControlStore`` that counts over all admin processes."""

    async def tally(self, name: str, window_ms: int, add: int = 1) -> int:
        """The count since its window began, this included. Raises StoreError."""


@dataclass(frozen=True, slots=True)
class Session:
    """What a cookie says."""

    name: str
    """Who: ``CONFIGURATION``, or the id of a credential."""
    number: str
    ends_s: int
    """Since the epoch."""


class Sessions:
    """Begins, recognises and ends them. For one event loop."""

    def __init__(
        self,
        admin: Admin,
        wall_s: Callable[[], float],
        master_key: bytes = b"",
        operations: Operations | None = None,
        tally: Tally | None = None,
    ) -> None:
        """``operations``, ``master_key`` and ``tally`` go together: there are credentials."""
        self._admin = admin
        self._wall_s = wall_s
        self._master_key = master_key
        self._operations = operations
        self._tally = tally
        self._ended: dict[str, int] = {}

    async def begin(self, asker: Asker, request: web.Request, response: web.Response) -> int | None:
        """Set the cookie of whoever showed a token; answers when it ends, seconds since the epoch.

        None: a certificate, or loopback, proves itself each time and needs no session. Raises StoreError.
        """
        if asker.means != "token":
            return None
        known = await self._known(asker.name)
        if known is None:
            return None
        session = Session(asker.name, secrets.token_hex(12), int(self._wall_s() + self._admin.session_s))
        self._set(request, response, self._sealed(session, known[1]), int(self._admin.session_s))
        return session.ends_s

    async def asker(self, request: web.Request, address: str) -> Asker | None:
        """Whose session it is; None: there is no cookie.

        Raises RefusedError: 401 ``session_ended`` when it is over, 403 for a page of another origin.
        """
        text = request.cookies.get(_cookie_name(request))
        if text is None:
            return None
        _check_page(request)
        found = _read(text)
        known = None if found is None else await self._known(found[0].name)
        if found is None or known is None:
            raise _ended()
        session, proof = found
        role, secret = known
        if not hmac.compare_digest(proof, self._proof(session, secret)) or await self._is_over(session):
            raise _ended()
        return Asker(session.name, role, "session", address)

    async def end(self, request: web.Request, response: web.Response) -> None:
        """Take the cookie away, and have it good for nobody who may have kept a copy. Raises StoreError."""
        found = _read(request.cookies.get(_cookie_name(request), ""))
        self._set(request, response, "", 0)
        if found is None:
            return
        session, proof = found
        known = await self._known(session.name)
        if known is None or not hmac.compare_digest(proof, self._proof(session, known[1])):
            return
        now_s = self._wall_s()
        self._ended = {number: end for number, end in self._ended.items() if end > now_s}
        if len(self._ended) < _ENDED_AT_MOST:
            self._ended[session.number] = session.ends_s
        if self._tally is not None:
            await self._tally.tally(f"session:{session.number}", self._left_ms(session))

    async def _is_over(self, session: Session) -> bool:
        if session.ends_s <= self._wall_s() or session.number in self._ended:
            return True
        if self._tally is None:
            return False
        # Nothing is added, so whoever ends it finds the same count.
        return await self._tally.tally(f"session:{session.number}", self._left_ms(session), 0) > 0

    def _left_ms(self, session: Session) -> int:
        return max(1, int((session.ends_s - self._wall_s()) * 1000))

    async def _known(self, name: str) -> tuple[str, bytes] | None:
        """The role, and what proves a session, of whoever could show a token now."""
        if name == CONFIGURATION:
            token = self._admin.token
            return ("admin", sha256(token.encode()).digest()) if token else None
        if self._operations is None:
            return None
        state = await self._operations.state()
        record = state.replica.credential(name)
        if record is None or "hash" not in record or not is_usable(record, state.now_us):
            return None
        return record["role"], bytes.fromhex(record["hash"])

    def _sealed(self, session: Session, secret: bytes) -> str:
        said = json.dumps([session.name, session.number, session.ends_s], separators=(",", ":"))
        return f"{_encoded(said.encode())}.{_encoded(self._proof(session, secret))}"

    def _proof(self, session: Session, secret: bytes) -> bytes:
        key = hmac.digest(self._master_key or b"console", b"quotad session" + secret, "sha256")
        said = f"{session.name}\n{session.number}\n{session.ends_s}"
        return hmac.digest(key, said.encode(), "sha256")

    def _set(self, request: web.Request, response: web.Response, value: str, max_age_s: int) -> None:
        response.set_cookie(
            _cookie_name(request),
            value,
            max_age=max_age_s,
            path="/",
            httponly=True,
            samesite="Strict",
            # A proxy before us may speak TLS where we do not; the page's own Origin tells.
            secure=request.secure or request.headers.get("Origin", "").startswith("https:"),
        )


def _check_page(request: web.Request) -> None:
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    if HEADER not in request.headers or site != "same-origin":
        raise RefusedError(403, "A session is good for the console's own page only.")


def _ended() -> RefusedError:
    return RefusedError(401, "The session has ended: sign in again.", "session_ended")


def _cookie_name(request: web.Request) -> str:
    """Cookies know no ports: two quotads on one machine would end each other's sessions."""
    port = request.host.rpartition(":")[2]
    return f"quotad-session-{port}" if port.isascii() and port.isdigit() else "quotad-session"


def _read(text: str) -> tuple[Session, bytes] | None:
    """A session and its proof, not looked at yet; None for what is none."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        return None
    try:
        said: Any = json.loads(_decoded(match[1]))
        proof = _decoded(match[2])
    except (ValueError, Base64Error, RecursionError):
        return None
    match said:
        case [str(name), str(number), int(ends_s)] if re.fullmatch(r"[0-9a-f]{24}", number):
            return Session(name, number, ends_s), proof
        case _:
            return None


def _encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
