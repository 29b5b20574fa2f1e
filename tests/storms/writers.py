"""Admin processes that change the records at random, and two that change two things in one commit."""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from quotad.controlplane.operations import Operations
from quotad.core.plans import ENVIRONMENTS, Binding, Secret, Service, UsagePlan
from quotad.core.table import PlanTable
from tests.storms.records import Place
from tests.support.desk import ADMIN

_OVERLAPS_S = (0, 86_400)
"""Of a rotation. None ends while the storm is looked at."""
_FAR, _PAST = "2199-01-01T00:00:00Z", "2001-01-01T00:00:00Z"
_QUOTAS = (10**8, 10**12)
"""None is ever used up: nobody is refused for that."""


def keys_of(secret_id: str) -> tuple[str, str]:
    """The SecretKeys that a Secret of the storm may have."""
    return f"one-{secret_id}", f"two-{secret_id}"


@dataclass
class Writer:
    """One admin process that does anything to some plans, Secrets and services, one thing after the other."""

    desk: Operations
    services: Sequence[str]
    apis: Sequence[str]
    """Of each service."""
    plans: Sequence[str]
    secrets: Sequence[str]
    chance: random.Random

    async def make_all(self) -> None:
        """Services, published everywhere, plans and Secrets, each bound to nothing."""
        for service_id in self.services:
            await self.desk.create_service(ADMIN, {"serviceId": service_id, "serviceName": service_id})
            for environment in ENVIRONMENTS:
                await self.desk.publish(ADMIN, service_id, environment)
            for api_id in self.apis:
                await self._create_api(service_id, api_id)
        for plan_id in self.plans:
            await self._make_plan(plan_id)
        for secret_id in self.secrets:
            await self._make_secret(secret_id)

    async def step(self) -> str:
        """One change; its name. Raises OperationError: what others did may stand in the way of anything."""
        changes: Sequence[Callable[[], Awaitable[Any]]] = (
            *(self._bind_secrets, self._bind_environment) * 4,
            *(self._unbind_secrets, self._unbind_place, self._switch_secret, self._publish) * 2,
            *(self._modify_plan, self._rotate, self._make_plan, self._make_secret) * 2,
            *(self._bind_apis,) * 4,
            *(self._make_api, self._throttle_api, self._throttle) * 2,
            *(self._unpublish, self._expire, self._default_plan, self._delete_plan, self._delete_secret),
            *(self._modify_api, self._delete_api, self._demote),
        )
        change = self.chance.choice(changes)
        await change()
        return change.__name__.strip("_").replace("_", " ")

    def _place(self) -> tuple[str, str]:
        return self.chance.choice(self.services), self.chance.choice(("release", "prepub"))

    def _some(self, among: Sequence[str]) -> list[str]:
        return self.chance.sample(among, self.chance.randint(1, 2))

    async def _bind_secrets(self) -> None:
        await self.desk.bind_secrets(ADMIN, self.chance.choice(self.plans), self._some(self.secrets))

    async def _unbind_secrets(self) -> None:
        await self.desk.unbind_secrets(ADMIN, self.chance.choice(self.plans), self._some(self.secrets))

    async def _bind_environment(self) -> None:
        shadow = self.chance.random() < 0.2
        await self.desk.bind_environment(ADMIN, self._some(self.plans), *self._whole(), shadow=shadow)

    async def _unbind_place(self) -> None:
        _, bound = await self.desk.reaches()
        found = [each for each in bound if each.service_id in self.services]
        if found:
            each = self.chance.choice(found)
            place, api_ids = (each.service_id, each.environment), [each.api_id] if each.api_id else []
            await self.desk.unbind_environment(ADMIN, [each.usage_plan_id], *place, api_ids=api_ids)

    async def _bind_apis(self) -> None:
        plans, place, shadow = [self.chance.choice(self.plans)], self._single(), self.chance.random() < 0.2
        await self.desk.bind_environment(ADMIN, plans, *place, shadow=shadow, api_ids=self._some(self.apis))

    # Mostly each in services of its own: where a service has plans of one kind, the other is refused.

    def _whole(self) -> tuple[str, str]:
        service_id, where = self._place()
        return (service_id if self.chance.random() < 0.1 else self.chance.choice(self.services[:-1])), where

    def _single(self) -> tuple[str, str]:
        service_id, where = self._place()
        return (service_id if self.chance.random() < 0.1 else self.services[-1]), where

    async def _demote(self) -> None:
        service_id, where = self._place()
        await self.desk.demote(ADMIN, service_id, self.chance.choice((None, where)))

    async def _make_api(self) -> None:
        await self._create_api(self.chance.choice(self.services), self.chance.choice(self.apis))

    async def _create_api(self, service_id: str, api_id: str) -> None:
        given = {"apiId": api_id, "apiName": api_id, "path": f"/{{service}}/{{environment}}/{api_id}"}
        await self.desk.create_api(ADMIN, service_id, given)

    async def _modify_api(self) -> None:
        # Callers send GET: one way or the other it stays the same Api to them.
        given = {"apiName": self.chance.choice("ab"), "method": self.chance.choice(("ANY", "GET"))}
        await self.desk.modify_api(
            ADMIN, self.chance.choice(self.services), self.chance.choice(self.apis), given
        )

    async def _delete_api(self) -> None:
        await self.desk.delete_api(ADMIN, self.chance.choice(self.services), self.chance.choice(self.apis))

    async def _throttle(self) -> None:
        service_id, where = self._place()
        await self.desk.set_throttle(ADMIN, service_id, [where], self._rate())

    async def _throttle_api(self) -> None:
        service_id, where = self._place()
        await self.desk.set_api_throttle(ADMIN, service_id, self._some(self.apis), where, self._rate())

    def _rate(self) -> dict[str, int] | None:
        """None of these is ever used up but 0, which lets nobody pass."""
        rate = self.chance.choice((None, None, 0, 10**8, 10**9))
        return None if rate is None else {"rateRps": rate}

    async def _modify_plan(self) -> None:
        given = {
            "dayQuotaRequest": self.chance.randint(*_QUOTAS),
            "disabled": self.chance.random() < 0.2,
            "scope": self.chance.choice(("plan", "secret")),
        }
        await self.desk.modify_plan(ADMIN, self.chance.choice(self.plans), given)

    async def _switch_secret(self) -> None:
        switch = self.desk.disable_secret if self.chance.random() < 0.3 else self.desk.enable_secret
        await switch(ADMIN, self.chance.choice(self.secrets))

    async def _rotate(self) -> None:
        secret_id = self.chance.choice(self.secrets)
        key, overlap_s = self.chance.choice(keys_of(secret_id)), self.chance.choice(_OVERLAPS_S)
        await self.desk.rotate_secret(ADMIN, secret_id, {"secretKey": key, "overlapSeconds": overlap_s})

    async def _expire(self) -> None:
        expiry = self.chance.choice((None, None, _FAR, _PAST))
        await self.desk.update_secret(ADMIN, self.chance.choice(self.secrets), {"expiresAt": expiry})

    async def _publish(self) -> None:
        await self.desk.publish(ADMIN, *self._place())

    async def _unpublish(self) -> None:
        await self.desk.unpublish(ADMIN, *self._place())

    async def _default_plan(self) -> None:
        plan_id = self.chance.choice((None, self.chance.choice(self.plans)))
        await self.desk.set_default_plan(ADMIN, *self._place(), plan_id)

    async def _make_plan(self, plan_id: str = "") -> None:
        plan_id = plan_id or self.chance.choice(self.plans)
        await self.desk.create_plan(
            ADMIN, {"usagePlanId": plan_id, "usagePlanName": plan_id, "dayQuotaRequest": _QUOTAS[0]}
        )

    async def _delete_plan(self) -> None:
        await self.desk.delete_plan(ADMIN, self.chance.choice(self.plans))

    async def _make_secret(self, secret_id: str = "") -> None:
        secret_id = secret_id or self.chance.choice(self.secrets)
        await self.desk.create_secret(
            ADMIN, {"secretId": secret_id, "secretName": secret_id, "secretKey": keys_of(secret_id)[0]}
        )

    async def _delete_secret(self) -> None:
        secret_id = self.chance.choice(self.secrets)
        await self.desk.disable_secret(ADMIN, secret_id)
        await self.desk.delete_secret(ADMIN, secret_id)


def paired_plan(number: int) -> str:
    """Which the pair has after so many moves."""
    return f"usagePlan-pair{number:06d}"


def moves(plan_id: str) -> int:
    """After how many moves the pair has it."""
    return int(plan_id[-6:])


@dataclass
class Mover:
    """Moves both Secrets of a pair to a plan that is made and bound in the same commit."""

    desk: Operations
    place: Place
    secrets: tuple[str, str]
    made: int = 0

    async def begin(self) -> None:
        """Make the service, the pair, and its first plan."""
        await self._apply(self.place[0], paired_plan(0))

    async def step(self) -> str:
        """The next plan; the one before stays bound, to nobody."""
        await self._apply("", paired_plan(self.made + 1), paired_plan(self.made))
        self.made += 1
        return "move a pair"

    async def _apply(self, service_id: str, *plans: str) -> None:
        bindings = [_bound(plans[0], self.secrets, self.place)]
        await _apply(self.desk, plans, self.secrets, bindings, service_id)


@dataclass
class Swapper:
    """Has the two plans of a Secret change places between two environments, in one commit each time."""

    desk: Operations
    places: tuple[Place, Place]
    plans: tuple[str, str]
    secret_id: str

    async def step(self) -> str:
        """The other way round; the first time service, plans and Secret are made."""
        swapped = self.plans[1], self.plans[0]
        bindings = [
            _bound(plan_id, (self.secret_id,), place)
            for plan_id, place in zip(swapped, self.places, strict=True)
        ]
        # A file that names the service says all that is bound there.
        await _apply(self.desk, swapped, (self.secret_id,), bindings, self.places[0][0])
        self.plans = swapped
        return "swap two plans"


def _bound(plan_id: str, secrets: tuple[str, ...], place: Place) -> Binding:
    (environment,) = (each for each in ENVIRONMENTS if each == place[1])
    return Binding(plan_id, secrets, ((place[0], environment),))


async def _apply(
    desk: Operations,
    plans: Sequence[str],
    secrets: Sequence[str],
    bindings: Sequence[Binding],
    service_id: str,
) -> None:
    """As ``quotad apply`` does, without pruning, in one commit."""
    table = PlanTable(
        [Service(service_id, service_id, "", ("release", "prepub"))] if service_id else [],
        [UsagePlan(each, each, day_quota_request=_QUOTAS[0]) for each in plans],
        [Secret(each, each, keys_of(each)[0].encode()) for each in secrets],
        bindings,
    )
    applier = desk.applier(ADMIN, table, prune=False)
    plan = await applier.plan()
    if len(plan.steps) != 1:
        raise RuntimeError(f"{len(plan.steps)} commits where one was meant")
    await applier.apply(plan)
