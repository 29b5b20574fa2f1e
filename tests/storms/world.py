"""Where a storm happens: a real store, sidecars of processes of their own, and eight admin processes."""

import contextlib
import itertools
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from quotad.catalog.vault import Vault
from quotad.controlplane.operations import Operations
from tests.storms.records import Place
from tests.support.backends import Backend, Seen, running_backend
from tests.support.desk import MASTER, operations
from tests.support.processes import Quotad, running_quotad
from tests.support.servers import StoreServer
from tests.support.shell import control_file

WRITERS = 8
SERVICES = ("service-storm01", "service-storm02", "service-storm03")
"""Single Apis that plans are bound to are mostly those of the last one."""
APIS = ("api-storm01", "api-storm02")
"""Of each service."""
PLANS = tuple(f"usagePlan-storm{number:02d}" for number in range(8))
SECRETS = tuple(f"AKIDstorm{number:02d}" for number in range(12))
PLACES: tuple[Place, ...] = tuple(itertools.product(SERVICES, ("release", "prepub")))
ASKED: tuple[Place, ...] = tuple((*place, *api) for place in PLACES for api in ((), *zip(APIS, strict=True)))
"""What callers ask for: each Api, and what is none."""
PAIR = ("AKIDpair1", "AKIDpair2")
PAIRED: Place = ("service-pair01", "release")
SWAPPED: tuple[Place, Place] = (("service-swap01", "release"), ("service-swap01", "prepub"))
SWAPPING = ("usagePlan-swap01", "usagePlan-swap02")
SWAPPER = "AKIDswap"
VAULT = Vault(MASTER)


@dataclass
class World:
    """Everything that runs."""

    server: StoreServer
    backend: Backend
    quotads: Sequence[Quotad]
    desks: Sequence[Operations]

    @property
    def ports(self) -> list[int]:
        """Of callers."""
        return [quotad.ports["listen"] for quotad in self.quotads]


def _routes(backend_port: int) -> list[dict[str, object]]:
    return [
        {
            "pathPrefix": f"/{service_id}/{environment}",
            "service": service_id,
            "environment": environment,
            "upstreams": [f"http://127.0.0.1:{backend_port}"],
        }
        for service_id, environment in (*PLACES, PAIRED, *SWAPPED)
    ]


def _who_calls(seen: Seen) -> bytes:
    (plan_id,) = seen.values(b"x-quotad-plan-id")
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(plan_id), plan_id)


@contextlib.asynccontextmanager
async def running_world(folder: Path, server: StoreServer, sidecars: int) -> AsyncIterator[World]:
    """Sidecars that serve nobody yet: there are no records."""
    async with running_backend(_who_calls) as backend, contextlib.AsyncExitStack() as open_desks:
        desks = [
            await open_desks.enter_async_context(operations(server.url, keys=MASTER)) for _ in range(WRITERS)
        ]
        ports = {"address": "127.0.0.1:0"}
        keys = ",".join(f"{name}:{b64encode(key).decode()}" for name, key in MASTER)
        config = control_file(
            folder,
            server.url,
            keys,
            listen=ports,
            telemetry={**ports, "accessLog": ""},
            # What a busy machine takes its time for is none of the storm's matters.
            store={"url": server.url, "deadlineMs": 5_000},
            routes=_routes(backend.port),
        )
        async with running_quotad(config, sidecars) as quotads:
            yield World(server, backend, quotads, desks)
