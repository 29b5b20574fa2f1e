"""The clouds' wire formats as doors of the admin port: which paths are theirs, and how each refuses."""

from collections.abc import Callable
from typing import Protocol

from aiohttp import web

from quotad.controlplane.access import Access
from quotad.controlplane.dialects import cloud_v3, legacy_v2, usage_plans
from quotad.controlplane.dialects.cloud_v3_call import Backing


class _Dialect(Protocol):
    def add_to(self, app: web.Application) -> None:
        """Serve it there."""


class CloudDoor:
    """One of them. Each finds out by itself who signed; what it foresees it answers by itself too."""

    def __init__(
        self,
        dialect: _Dialect,
        access: Access,
        has: Callable[[str], bool],
        refused: Callable[[Exception, str], web.Response],
    ) -> None:
        self._dialect = dialect
        self._access = access
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
        self._access.check(request.remote or "")

    def refused(self, error: Exception, request_id: str) -> web.Response:
        """See ``server.Door``."""
        return self._refused(error, request_id)


def cloud_doors(backing: Backing, access: Access) -> list[CloudDoor]:
    """All of them."""
    return [
        CloudDoor(cloud_v3.CloudV3(backing), access, lambda path: path == "/", cloud_v3.refused),
        CloudDoor(
            legacy_v2.LegacyV2(backing), access, lambda path: path == legacy_v2.PATH, legacy_v2.refused
        ),
        CloudDoor(
            usage_plans.UsagePlans(backing),
            access,
            lambda path: path.startswith("/api/v1/"),
            usage_plans.refused,
        ),
    ]
