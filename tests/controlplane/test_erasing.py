"""Counters of what was deleted go with it, at least once."""

import pytest

from quotad.controlplane.erasing import Eraser
from quotad.controlplane.operations import Operations
from quotad.controlplane.plans import DOOMED_AFTER_US
from quotad.core.plans import Api, Service
from quotad.core.table import PlanTable
from quotad.errors import StoreError
from quotad.store.interface import ApisOf
from tests.support.desk import ADMIN, plan, secret, service


class Counters:
    """Hears what is to be forgotten."""

    def __init__(self) -> None:
        self.forgotten: list[tuple[str, str]] = []
        self.apis: list[ApisOf] = []
        self.is_away = False

    async def forget(self, plan_id: str, secret_id: str, apis: ApisOf) -> int:
        if self.is_away:
            raise StoreError("disconnected", "away", executed=False)
        if apis.service_id:
            self.apis.append(apis)
        else:
            self.forgotten.append((plan_id, secret_id))
        return 1


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is deleted is due at once."""
    monkeypatch.setattr("quotad.controlplane.plans.DOOMED_AFTER_US", -1)


async def deleted_secret(desk: Operations) -> str:
    secret_id = await secret(desk)
    await desk.disable_secret(ADMIN, secret_id)
    await desk.delete_secret(ADMIN, secret_id)
    return secret_id


@pytest.mark.usefixtures("now")
async def test_what_is_due_is_erased_once(desk: Operations) -> None:
    """A plan's and a Secret's counters are deleted, and the notes of it with them."""
    counters = Counters()
    eraser = Eraser(desk, counters.forget)
    plan_id, secret_id = await plan(desk), await deleted_secret(desk)
    await desk.delete_plan(ADMIN, plan_id)
    assert await eraser.turn() == 2
    assert sorted(counters.forgotten) == [("", secret_id), (plan_id, "")]
    assert (await desk.records()).doomed() == []
    assert await eraser.turn() == 0


async def test_sidecars_are_given_time(desk: Operations) -> None:
    """What was deleted a moment ago may still be counted by a sidecar that has not heard of it."""
    counters = Counters()
    await deleted_secret(desk)
    assert DOOMED_AFTER_US > 1_000_000
    assert await Eraser(desk, counters.forget).turn() == 0
    assert len((await desk.records()).doomed()) == 1


@pytest.mark.usefixtures("now")
async def test_what_fails_stays_due(desk: Operations) -> None:
    """A store that is away loses nothing: the next turn, of this process or another, does it."""
    counters = Counters()
    counters.is_away = True
    await deleted_secret(desk)
    with pytest.raises(StoreError):
        await Eraser(desk, counters.forget).turn()
    counters.is_away = False
    assert await Eraser(desk, counters.forget).turn() == 1


@pytest.mark.usefixtures("now")
async def test_what_was_made_anew_is_spared(desk: Operations) -> None:
    """Under the same id again, its counters are in use: they stay."""
    counters = Counters()
    given = {"secretName": "again", "secretId": "made-again", "secretKey": "0123456789"}
    await desk.create_secret(ADMIN, given)
    await desk.disable_secret(ADMIN, "made-again")
    await desk.delete_secret(ADMIN, "made-again")
    await desk.create_secret(ADMIN, given)
    assert await Eraser(desk, counters.forget).turn() == 1
    assert counters.forgotten == []
    assert (await desk.records()).doomed() == []


async def apis_of(desk: Operations, service_id: str, *api_ids: str) -> None:
    """Makes them."""
    for api_id in api_ids:
        await desk.create_api(ADMIN, service_id, {"apiId": api_id, "apiName": "n", "path": f"/{api_id}"})


@pytest.mark.usefixtures("now")
async def test_counters_of_apis_go_with_them(desk: Operations) -> None:
    """One that is deleted, those that a file takes away, and those of a service that is deleted."""
    counters = Counters()
    eraser = Eraser(desk, counters.forget)
    service_id = await service(desk)
    await apis_of(desk, service_id, "api-a", "api-b", "api-c", "api-d")
    await desk.delete_api(ADMIN, service_id, "api-a")
    assert await eraser.turn() == 1
    left = Service(service_id, "s", "", (), apis=(Api("api-d", "d", "ANY", "/d"),))
    applier = desk.applier(ADMIN, PlanTable([left]), prune=False)
    await applier.apply(await applier.plan())
    assert await eraser.turn() == 1
    await desk.delete_service(ADMIN, service_id)
    assert await eraser.turn() == 1
    assert counters.apis == [
        ApisOf(service_id, ("api-a",)),
        ApisOf(service_id, ("api-b", "api-c")),
        ApisOf(service_id, ("api-d",)),
    ]
    assert (await desk.records()).doomed() == []


@pytest.mark.usefixtures("now")
async def test_an_api_that_was_made_anew_is_spared(desk: Operations) -> None:
    """Under the same id again its counters are in use; those of its neighbours go all the same."""
    counters = Counters()
    service_id = await service(desk)
    await apis_of(desk, service_id, "api-a", "api-b")
    await desk.delete_service(ADMIN, service_id)
    await desk.create_service(ADMIN, {"serviceId": service_id, "serviceName": "again"})
    await apis_of(desk, service_id, "api-a")
    assert await Eraser(desk, counters.forget).turn() == 1
    assert counters.apis == [ApisOf(service_id, ("api-b",))]
