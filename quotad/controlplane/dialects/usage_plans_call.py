"""One request of the ``/api/v1`` dialect, and what its operations are to the door."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from quotad.controlplane.desk import Asker
from quotad.controlplane.dialects.fields import DialectError, Field, read
from quotad.controlplane.dialects.parameters import json_object, pairs_of
from quotad.controlplane.dialects.usage_plans_rows import CODES
from quotad.core.plans import ENVIRONMENTS

BASE = "/api/v1"


class FailedError(Exception):
    """Refused before anything was asked for."""

    def __init__(self, status: int, code: int, details: str) -> None:
        super().__init__(details)
        self.status = status
        self.code = code
        self.details = details


class Ask:
    """One request of a known asker."""

    def __init__(self, request: web.Request, asker: Asker, body: bytes) -> None:
        self.request = request
        self.asker = asker
        self._body = body

    def values(self, fields: tuple[Field, ...]) -> dict[str, Any]:
        """Of the body. Raises DialectError."""
        if self.request.content_type != "application/json":
            raise DialectError("kind", "The Content-Type must be application/json.")
        return read(fields, json_object(self._body), CODES)

    def query(self, fields: tuple[Field, ...]) -> dict[str, Any]:
        """Of the query. Raises DialectError."""
        pairs = pairs_of(self.request.raw_path.partition("?")[2])
        return read(fields, dict(pairs), CODES, as_text=True)

    @property
    def plan_id(self) -> str:
        """The plan that the path names."""
        return self.request.match_info["plan"]

    @property
    def stage(self) -> tuple[str, str]:
        """Service and environment that the path names. Raises DialectError."""
        named = self.request.match_info
        service_id, environment = stage_of(named["stage"], named["api"])
        if {named["product"], named["api"]} != {service_id}:
            raise DialectError("kind", "Product, API and stage must be of one service.")
        return service_id, environment


def stage_of(stage_id: str, service_id: str = "") -> tuple[str, str]:
    """``serviceId.environment``, or the environment alone where the service is known. Raises DialectError."""
    before, _, environment = stage_id.rpartition(".")
    if environment not in ENVIRONMENTS or not (before or service_id):
        raise DialectError("kind", "A stage is serviceId.release, serviceId.prepub or serviceId.test.")
    return before or service_id, environment


Does = Callable[[Ask], Awaitable[tuple[int, Any]]]
"""Answers status and members; None: no body."""
Row = tuple[str, str, Does]
"""Method, path, and what is done there."""
