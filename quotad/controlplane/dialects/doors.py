"""The clouds' wire formats as doors of the admin port: which paths are theirs, and how each refuses."""

from collections.abc import Callable
from typing import Protocol

from aiohttp import web

from quotad.controlplane.answers import problem_of
from quotad.controlplane.dialects import usage_plans
from quotad.controlplane.dialects.cloud_v3 import CloudV3
from quotad.controlplane.dialects.cloud_v3_call import Backing
from quotad.controlplane.dialects.legacy_v2 import PATH, LegacyV2


class _Dialect(Protocol):
    def add_to(self, app: web.Application) -> None:
        """Serve it there."""


class CloudDoor:
    """One of them. Each finds out by itself who signed; what it foresees it answers by itself too."""

    def __init__(
        self,
        dialect: _Dialect,
        has: Callable[[str], bool],
        refused: Callable[[Exception], web.Response] = problem_of,
    ) -> None:
        self._dialect = dialect
        self._has = has
        self._refused = refused

    def add_to(self, app: web.Application) -> None:
        """See ``server.Door``."""
        self._dialect.add_to(app)

    def has(self, path: str) -> bool:
        """See ``server.Door``."""
        return self._has(path)

    async def admit(self, request: web.Request) -> None:
        """See ``server.Door``."""

    def refused(self, error: Exception) -> web.Response:
        """See ``server.Door``."""
        return self._refused(error)


def cloud_doors(backing: Backing) -> list[CloudDoor]:
    """All of them."""
    return [
        CloudDoor(CloudV3(backing), lambda path: path == "/"),
        CloudDoor(LegacyV2(backing), lambda path: path == PATH),
        CloudDoor(
            usage_plans.UsagePlans(backing), lambda path: path.startswith("/api/v1/"), usage_plans.refused
        ),
    ]
