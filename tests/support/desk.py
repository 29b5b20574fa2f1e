"""A control plane without any wire format, on a real server."""

import contextlib
import os
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest

from quotad.catalog.vault import Vault
from quotad.config.tenant import Limits
from quotad.controlplane.desk import Asker
from quotad.controlplane.operations import Operations
from quotad.controlplane.refusal import OperationError, Reason
from quotad.controlplane.replica import Record, Replica
from quotad.controlplane.webhooks import known_webhook
from tests.support.control import control_store

MASTER = (("m1", bytes(range(32))),)
NONE = Limits()
ADMIN = Asker("tests", "admin", "token")


@contextlib.asynccontextmanager
async def operations(url: str, limits: Limits = NONE, keys: Any = MASTER) -> AsyncIterator[Operations]:
    """One admin process."""
    async with control_store(url) as control:
        yield Operations(control, Vault(keys), limits)


async def plan(desk: Operations, name: str = "gold", **values: Any) -> str:
    """A new plan's id."""
    record = await desk.create_plan(ADMIN, {"usagePlanName": name, **values})
    return str(record["usagePlanId"])


async def service(desk: Operations, *environments: str, name: str = "") -> str:
    """The id of a new service, published there."""
    record = await desk.create_service(ADMIN, {"serviceName": name or f"service {os.urandom(4).hex()}"})
    service_id = str(record["serviceId"])
    for each in environments:
        await desk.publish(ADMIN, service_id, each)
    return service_id


async def secret(desk: Operations, name: str = "caller", **values: Any) -> str:
    """A new Secret's id."""
    record = await desk.create_secret(ADMIN, {"secretName": name, **values})
    return str(record["secretId"])


async def webhook(desk: Operations, webhook_id: str) -> Record:
    """A webhook's record, its keys sealed. Raises OperationError."""
    return known_webhook(await desk.records(), webhook_id)


def violations(replica: Replica) -> list[tuple[Any, ...]]:
    """Every (Secret, service, environment, kind) that is reached through more than one plan."""
    return replica._db.execute(
        "SELECT holder.secret_id, reach.service_id, reach.environment, reach.shadow, count(*) FROM holder"
        " JOIN reach ON reach.plan_id = holder.plan_id GROUP BY 1, 2, 3, 4 HAVING count(*) > 1"
    ).fetchall()


def contents(replica: Replica) -> dict[str, list[Record]]:
    """All that it holds, for comparing two."""
    tables = ("service", "place", "plan", "reach", "secret", "holder", "credential", "doomed", "webhook")
    return {name: replica._db.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() for name in tables}


async def refused(asked: Awaitable[Any]) -> tuple[Reason, str]:
    """Why it is not done, and which field is wrong."""
    with pytest.raises(OperationError) as caught:
        await asked
    return caught.value.reason, caught.value.field
