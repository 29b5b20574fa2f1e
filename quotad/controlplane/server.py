"""The admin port. Every answer is JSON and ``no-store``; every error is ``application/problem+json``."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from aiohttp import web, web_response

from quotad.clock import wall_s
from quotad.config.model import Admin
from quotad.controlplane.answers import RefusedError, as_json, problem
from quotad.controlplane.books import Books, Keeping
from quotad.controlplane.explain import (
    Finding,
    FindRefusal,
    NotKnownError,
    explain_request,
    explanation,
    parse_question,
)
from quotad.controlplane.guard import Guard
from quotad.controlplane.usage import QueryError, parse_query, select
from quotad.core.plans import Subject
from quotad.core.quota import Usage
from quotad.core.table import Table
from quotad.core.usage_rows import document
from quotad.errors import QuotadError, StoreError

STORE_TIMEOUT_S = 2.0
_BODY_BYTES = 64 * 1024

logger = logging.getLogger("quotad.admin")
# A malformed request's text may hold a token, so aiohttp's own words about it go nowhere.
_silent = logging.getLogger("quotad.admin.protocol")
_silent.disabled = True

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class UsageReader(Protocol):
    """The verb of ``store.interface.Store`` that is needed here."""

    async def usage(self, subjects: Sequence[Subject]) -> list[Usage]:
        """What each Subject has in use now. Raises StoreError."""


class AdminServer:
    """Serves ``/v1/usage`` and what is below it, and ``/v1/explain``, on one address."""

    def __init__(
        self,
        admin: Admin,
        table: Callable[[], Table],
        store: UsageReader,
        find_refusal: FindRefusal | None = None,
        keeping: Keeping | None = None,
    ) -> None:
        """``table`` gives the table in force, also after a reload. Raises QuotadError, see ``Guard``.

        Without ``find_refusal`` no request id is known; without ``keeping`` there is no history, and
        nothing can be changed.
        """
        self._address = admin.address
        self._guard = Guard(admin)
        self._table = table
        self._store = store
        self._find_refusal = find_refusal
        self._books = None if keeping is None else Books(admin, table, keeping, wall_s)
        self._runner: web.AppRunner | None = None

    async def start(self) -> int:
        """Listen; returns the port. Raises QuotadError when the address cannot be had."""
        # aiohttp names itself and Python to whoever sends it a malformed request; it has no setting for it.
        vars(web_response)["SERVER_SOFTWARE"] = "quotad"
        app = web.Application(middlewares=[self._middleware], client_max_size=_BODY_BYTES)
        app.router.add_get("/v1/usage", self._usage)
        app.router.add_get("/v1/explain", self._explain)
        if self._books is not None:
            self._books.add_to(app.router)
        runner = web.AppRunner(
            app, handle_signals=False, access_log=None, logger=_silent, keepalive_timeout=30
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, self._address.host, self._address.port).start()
        except OSError as error:
            await runner.cleanup()
            place = f"{self._address.host}:{self._address.port}"
            raise QuotadError(f"admin {place}: {error.strerror or error}") from error
        self._runner = runner
        port: int = runner.addresses[0][1]
        return port

    async def close(self) -> None:
        """Stop listening and end what is open."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @web.middleware
    async def _middleware(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        try:
            refusal = self._refusal(request)
            response = refusal if refusal is not None else await handler(request)
        except web.HTTPException as error:
            allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
            response = problem(error.status, error.reason, allow)
        except QueryError as error:
            response = problem(400, str(error))
        except RefusedError as error:
            response = problem(error.status, str(error))
        except NotKnownError as error:
            response = problem(404, str(error))
        except (StoreError, TimeoutError):
            response = problem(503, "The quota store did not answer.", {"Retry-After": "1"})
        except Exception:
            logger.exception("an admin request failed")
            response = problem(500, "An error inside quotad ended this request.")
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    def _refusal(self, request: web.Request) -> web.Response | None:
        hosts = request.headers.getall("Host", [])
        if not self._guard.host_allowed(hosts):
            return problem(421, "The Host header does not name this address.")
        if not self._guard.origin_allowed(request.headers.get("Origin"), hosts[0]):
            return problem(403, "Pages of other origins are not served.")
        if not self._guard.token_accepted(request.headers.getall("Authorization", [])):
            challenge = {"WWW-Authenticate": 'Bearer realm="quotad admin"'}
            return problem(401, "A valid bearer token is required.", challenge)
        return None

    async def _usage(self, request: web.Request) -> web.Response:
        table = self._table()
        query = parse_query(request.query.items())
        page = select(table, query)
        usages = await self._read(page.subjects)
        shown = document(table, page, usages)
        if query.by_secret:
            if self._books is None:
                raise QueryError("bySecret is not known here.")
            read = list(zip(page.subjects, usages, strict=True))
            await self._books.add_shares(table, shown["usage"], read)
        return as_json(200, shown)

    async def _explain(self, request: web.Request) -> web.Response:
        question = parse_question(request.query.items())
        if isinstance(question, str):
            if self._find_refusal is None:
                raise NotKnownError("Refusals are not remembered here.")
            async with asyncio.timeout(STORE_TIMEOUT_S):
                return as_json(200, await explain_request(self._find_refusal, question))
        table = self._table()
        finding = Finding(table, question, wall_s())
        return as_json(200, explanation(table, finding, await self._read(finding.subjects)))

    async def _read(self, subjects: Sequence[Subject]) -> list[Usage]:
        async with asyncio.timeout(STORE_TIMEOUT_S):
            return await self._store.usage(subjects) if subjects else []
