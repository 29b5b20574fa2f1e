"""Leases on a real server: hardly a call per request, and the sum is exact while the quota runs out."""

import asyncio
import os
import random

from quotad import clock
from quotad.config.model import StoreConfig
from quotad.core.plans import LeaseRule, Subject, UsagePlan
from quotad.core.verdict import Verdict
from quotad.engine.limiter import Limiter
from quotad.store.redis_store import RedisStore
from tests.support.servers import StoreServer

SIDECARS = 8
CONNECTIONS = 32
CALLERS = 200
QUOTA = 500
ROUNDS = 1000
PER_S = 25_000
"""Requests of all sidecars in a second as they know it: how long the machine takes changes nothing."""
KEPT_S = 600
"""How long the server, by its own time, keeps Leases and Entries: longer than any machine takes."""


class Passing:
    """Time that passes with requests. It is behind the true one where the machine is slow, within a Lease."""

    def __init__(self) -> None:
        self.requests = 0
        self._begun_s = clock.awake_s()

    def now_s(self) -> float:
        return self._begun_s + self.requests / PER_S


class Waiter:
    """Counts what it hears, and goes on."""

    def __init__(self) -> None:
        self.gone = False
        self.heard: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()

    def on_verdict(self, verdict: Verdict) -> None:
        self.heard.set_result(verdict)


class Sidecar:
    """A Limiter on a connection of its own."""

    def __init__(self, server: StoreServer, time: Passing) -> None:
        config = StoreConfig(url=server.url, deadline_s=30.0)
        self.store = RedisStore(server.url, config, os.urandom(8))
        self.limiter = Limiter(
            self.store,
            hold_s=KEPT_S,
            max_waiting=100_000,
            monotonic_s=time.now_s,
            wall_s=clock.wall_s,
        )
        self.time = time
        self.admitted = 0

    async def ask(self, subject: Subject) -> None:
        self.time.requests += 1
        waiter = Waiter()
        verdict = self.limiter.reserve(subject, waiter) or await waiter.heard
        if verdict.admitted:
            self.admitted += 1
            self.limiter.settle(verdict, counted=True)

    async def serve(self, subjects: list[Subject], rounds: int, seed: int) -> None:
        """Uneven and moving demand: few callers make most of the requests, and others after a while."""
        await asyncio.gather(
            *(self._serve(subjects, rounds, 1000 * seed + each) for each in range(CONNECTIONS))
        )

    async def _serve(self, subjects: list[Subject], rounds: int, seed: int) -> None:
        chosen = random.Random(seed)
        for turn in range(rounds):
            index = (turn // 20 + int(chosen.paretovariate(0.8))) % len(subjects)
            await self.ask(subjects[index])
            await asyncio.sleep(0)


def script_calls(server: StoreServer) -> int:
    """How many script calls the server has run."""
    with server.client() as client:
        stats = client.info("commandstats")
    return sum(int(found["calls"]) for name, found in stats.items() if name.startswith("cmdstat_evalsha"))


async def test_few_calls_and_an_exact_sum_while_the_quota_runs_out(store_server: StoreServer) -> None:
    """200 callers through 8 sidecars get exactly what was sold, with less than a call per 50 requests."""
    plan = UsagePlan(
        "usagePlan-leased01",
        "leased",
        day_quota_request=QUOTA,
        scope="secret",
        lease=LeaseRule(max_units=1000, ttl_ms=KEPT_S * 1000),
    )
    subjects = [Subject(plan, "service-leases1", "release", f"AKID{index:04d}") for index in range(CALLERS)]
    time = Passing()
    sidecars = [Sidecar(store_server, time) for _ in range(SIDECARS)]
    for sidecar in sidecars:
        await sidecar.store.start()
        sidecar.limiter.start()
    before = script_calls(store_server)
    await asyncio.gather(*(each.serve(subjects, ROUNDS, seed) for seed, each in enumerate(sidecars)))
    calls, requests = script_calls(store_server) - before, time.requests
    admitted = sum(each.admitted for each in sidecars)
    print(f"{requests} requests, {admitted} admitted, {calls / requests:.4f} calls each")
    for sidecar in sidecars:
        assert await sidecar.limiter.close(30.0)
    usages = await sidecars[0].store.usage(subjects)
    for sidecar in sidecars:
        await sidecar.store.close()
    assert sum(usage.day_charged for usage in usages) == admitted
    assert max(usage.day_charged for usage in usages) == QUOTA
    assert all(usage.day_charged <= QUOTA and not usage.leased and not usage.day_open for usage in usages)
    # About 0.015; more where the server is slow, since others' requests pass while a call is under way.
    assert calls < requests / 50
