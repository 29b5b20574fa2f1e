"""Who asks, and how that is shown: a bearer token, a client certificate, a session, or loopback on purpose.

Whoever fails too often from one address waits, right or wrong; the table of addresses is bounded. Guesses
at one credential are counted over all admin processes; its own token passes all the same, or whoever
knows an id could lock its owner out.
"""

import hmac
from collections.abc import Callable
from hashlib import sha256

from aiohttp import web

from quotad.config.model import Admin
from quotad.controlplane.answers import RefusedError
from quotad.controlplane.certified import certified
from quotad.controlplane.credentials import is_usable, proves
from quotad.controlplane.desk import Asker
from quotad.controlplane.operations import Operations
from quotad.controlplane.sessions import Sessions, Tally
from quotad.core.auth_failures import AuthFailures

FAILURES_PER_MINUTE = 30
"""Of one address; as many at once."""

GUESSES_PER_MINUTE = 60
"""At one credential, from anywhere."""

_ID_LENGTH = 128
_WINDOW_MS = 60_000
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="quotad admin"'}


class Access:
    """Finds out who asks. For one event loop."""

    def __init__(
        self,
        admin: Admin,
        monotonic_s: Callable[[], float],
        operations: Operations | None = None,
        tally: Tally | None = None,
        sessions: Sessions | None = None,
    ) -> None:
        """Without ``operations`` only the token of the configuration is known."""
        self._sessions = sessions
        self._admin = admin
        self._digest = sha256(admin.token.encode()).digest() if admin.token else b""
        self._monotonic_s = monotonic_s
        self._operations = operations
        self._tally = tally
        self._failures = AuthFailures(FAILURES_PER_MINUTE, FAILURES_PER_MINUTE)

    async def asker(self, request: web.Request) -> Asker:
        """Who sent it. Raises RefusedError (401, 429) and StoreError."""
        address = request.remote or ""
        self.check(address)
        given = request.headers.getall("Authorization", [])
        if given:
            found = await self._bearer(given, address)
            if found is not None:
                return found
        else:
            found = certified(request, self._admin)
            if found is None and self._sessions is not None and not self._admin.unauthenticated:
                found = await self._sessions.asker(request, address)
            if found is not None:
                return found
        if self._admin.unauthenticated:
            return Asker("loopback", "admin", "loopback", address)
        if given:
            self.count(address)
        raise RefusedError(401, "A valid bearer token is required.", headers=_CHALLENGE)

    def check(self, address: str) -> None:
        """Whether that address may try. Raises RefusedError (429)."""
        wait_s = self._failures.wait_s(address, self._monotonic_s())
        if wait_s:
            raise _too_many(wait_s)

    async def failed(self, address: str, credential_id: str = "") -> None:
        """Somebody there said who it is, and it was not so. ``credential_id``: of one that there is.

        Raises RefusedError (429) when too many guess at that one, and StoreError.
        """
        self.count(address)
        if credential_id and self._tally is not None:
            count = await self._tally.tally(f"login:{credential_id}", _WINDOW_MS)
            if count > GUESSES_PER_MINUTE:
                raise _too_many(_WINDOW_MS // 1000)

    def count(self, address: str) -> None:
        """One more failure there."""
        self._failures.failed(address, self._monotonic_s())

    async def _bearer(self, given: list[str], address: str) -> Asker | None:
        scheme, _, token = (given[0] if len(given) == 1 else "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            return None
        digest = sha256(token.encode("utf-8", "surrogateescape")).digest()
        if self._digest and hmac.compare_digest(digest, self._digest):
            return Asker("configuration", "admin", "token", address)
        credential_id, dot, _ = token.partition(".")
        if self._operations is None or not dot or len(credential_id) > _ID_LENGTH:
            return None
        state = await self._operations.state()
        record = state.replica.credential(credential_id)
        if proves(record, token) and record is not None and is_usable(record, state.now_us):
            return Asker(credential_id, record["role"], "token", address)
        if record is not None:
            await self.failed(address, credential_id)
            raise RefusedError(401, "A valid bearer token is required.", headers=_CHALLENGE)
        return None


def _too_many(wait_s: int) -> RefusedError:
    return RefusedError(429, "Too many failed logins.", headers={"Retry-After": str(wait_s)})
