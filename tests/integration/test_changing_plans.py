"""Plans that change under load on a real server: hard, soft, hard again; leased or not; of an Api or not."""

import asyncio
import os
import random
from collections.abc import Callable, Sequence

import pytest

from quotad import clock
from quotad.config.model import StoreConfig
from quotad.core.plans import LeaseRule, QuotaWindow, StatusClass, Subject, UsagePlan
from quotad.core.quota import Usage
from quotad.core.verdict import Verdict
from quotad.engine.limiter import Limiter
from quotad.store.redis_store import RedisStore
from tests.support.servers import StoreServer

QUOTA = 40
SIDECARS = 4
AT_ONCE = 10
LEASES = (None, LeaseRule(5), LeaseRule(50, 500))
CONDITIONS: tuple[frozenset[StatusClass], ...] = (frozenset(), frozenset({"2xx"}))

Choose = Callable[[], Subject]


class Waiter:
    """Hears one Verdict."""

    def __init__(self) -> None:
        self.gone = False
        self.heard: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()

    def on_verdict(self, verdict: Verdict) -> None:
        self.heard.set_result(verdict)


class Load:
    """Requests of several sidecars, each with a fate of its own."""

    def __init__(self, server: StoreServer, seed: int, condition: frozenset[StatusClass]) -> None:
        self._chance = random.Random(seed)
        self._condition = condition
        config = StoreConfig(url=server.url, deadline_s=30.0)
        self.stores = [RedisStore(server.url, config, os.urandom(8)) for _ in range(SIDECARS)]
        self.limiters = [
            Limiter(store, hold_s=60.0, max_waiting=1000, monotonic_s=clock.awake_s, wall_s=clock.wall_s)
            for store in self.stores
        ]
        self.counted = 0
        self.held: list[tuple[Limiter, Verdict]] = []

    async def start(self) -> None:
        for store, limiter in zip(self.stores, self.limiters, strict=True):
            await store.start()
            limiter.start()

    async def pass_through(self, count: int, choose: Choose, *, all_count: bool = False) -> int:
        """How many of so many requests were admitted; ``all_count``: none is given back, none stays."""
        admitted = 0
        for _ in range(count // AT_ONCE):
            rounds = [self._one(choose(), all_count) for _ in range(AT_ONCE)]
            admitted += sum(await asyncio.gather(*rounds))
        return admitted

    async def _one(self, subject: Subject, all_count: bool) -> bool:
        limiter, waiter = self._chance.choice(self.limiters), Waiter()
        verdict = limiter.reserve(subject, waiter) or await waiter.heard
        assert verdict.reason != "store"
        if not verdict.admitted:
            return False
        fate = 1.0 if all_count else self._chance.random()
        if fate < 0.1:
            self.held.append((limiter, verdict))
        elif fate < 0.25:
            limiter.release(verdict)
        else:
            self._end(limiter, verdict, not self._condition or fate > 0.4)
        return True

    def _end(self, limiter: Limiter, verdict: Verdict, counted: bool) -> None:
        self.counted += counted
        limiter.settle(verdict, counted)

    async def usage(self, subject: Subject) -> Usage:
        (usage,) = await self.stores[0].usage([subject])
        return usage

    async def close(self) -> None:
        """End all that is held, and tell the store."""
        for limiter, verdict in self.held:
            self._end(limiter, verdict, True)
        for limiter in self.limiters:
            assert await limiter.close(30.0)

    async def disconnect(self) -> None:
        for store in self.stores:
            await store.close()


def versions(condition: frozenset[StatusClass], lease: LeaseRule | None, api_id: str) -> Sequence[Subject]:
    """One Subject under a hard day quota, the same as a soft one, and hard again: each a newer version."""
    softs: tuple[frozenset[QuotaWindow], ...] = (frozenset(), frozenset({"day"}), frozenset())
    return [
        Subject(
            UsagePlan(
                "usagePlan-changing",
                "changing",
                day_quota_request=QUOTA,
                quota_condition=condition,
                lease=lease,
                soft_quotas=soft,
                version=version,
            ),
            "service-a",
            "release",
            api_id=api_id,
        )
        for version, soft in enumerate(softs, 1)
    ]


@pytest.mark.parametrize("lease", LEASES)
@pytest.mark.parametrize("condition", CONDITIONS)
async def test_the_newest_version_binds_all_and_use_is_exact(
    lease: LeaseRule | None, condition: frozenset[StatusClass], store_server: StoreServer
) -> None:
    """Soft admits those on the older version too; hard again stops all but what was taken ahead."""
    hard, soft, again = versions(condition, lease, "api-a" if lease else "")
    seed = 2 * LEASES.index(lease) + CONDITIONS.index(condition)
    chance = random.Random(seed)
    load = Load(store_server, seed, condition)
    await load.start()
    await load.pass_through(300, lambda: hard)
    usage = await load.usage(hard)
    assert usage.day_charged + usage.day_open <= QUOTA
    assert load.counted + len(load.held) <= QUOTA
    await load.pass_through(200, lambda: chance.choice((hard, soft)))
    assert await load.pass_through(100, lambda: hard, all_count=True) == 100
    # Until the store has heard of it: what was taken ahead is spent without asking there.
    while await load.pass_through(2 * AT_ONCE, lambda: again, all_count=True):
        pass
    ahead = SIDECARS * (lease.max_units if lease else 0)
    assert await load.pass_through(300, lambda: chance.choice((hard, soft, again)), all_count=True) <= ahead
    await load.close()
    usage = await load.usage(hard)
    assert (usage.day_charged, usage.day_open) == (load.counted, 0)
    await load.disconnect()
