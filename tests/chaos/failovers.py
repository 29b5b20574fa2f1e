"""Cases in which another server takes over, as Sentinels or a Redis Cluster decide."""

import asyncio

import redis

from quotad.clock import monotonic_s
from tests.chaos.case import Case, leases_used, wait
from tests.chaos.history import Bounds
from tests.chaos.plans import TestedPlan, all_answers, good_answers, with_leases
from tests.chaos.stores import Clustered, Watched, clustered, watched
from tests.chaos.world import World
from tests.support.clusters import Cluster, Migration, Node
from tests.support.sentinels import NAME as SENTINEL_NAME
from tests.support.sentinels import SentinelGroup
from tests.support.servers import StoreServer

QUOTA = 1000
WITHIN_S = 1.0
"""From the moment that Sentinels or Cluster have a new primary to the first decision on it."""

FOLLOWED_WITHIN_S = 30.0
"""Sentinels lead an old primary to the new one some ten seconds after it woke up."""

STEP_S = 0.25
ROUNDS = 2


def group_of(world: World) -> SentinelGroup:
    """The Sentinels of a run."""
    assert isinstance(world.store, Watched)
    return world.store.group


def cluster_of(world: World) -> Cluster:
    """The Cluster of a run."""
    assert isinstance(world.store, Clustered)
    return world.store.cluster


async def kill_primary(world: World) -> None:
    """SIGKILL to the primary; Sentinels promote its replica."""
    group = group_of(world)
    old = await asyncio.to_thread(group.primary)
    await world.begin_fault()
    old.kill()
    await asyncio.to_thread(group.until_named, old)
    _taken_over(world, "the Sentinels named another primary")
    world.fault.hits["primaries killed"] = 1
    world.signs["requests without a decision"] = world.failures


async def ask_for_failover(world: World) -> None:
    """A failover that was asked for: the old primary is well, and takes writes until it is told."""
    group = group_of(world)
    old = await asyncio.to_thread(group.primary)
    await world.begin_fault()
    for sidecar in world.sidecars:
        world.expose(sidecar.number)
    with group.sentinels[0].client() as client:
        client.execute_command("SENTINEL", "FAILOVER", SENTINEL_NAME)
    await asyncio.to_thread(group.until_named, old)
    _taken_over(world, "the Sentinels named another primary")
    world.fault.hits["primaries replaced"] = 1


async def stop_primary(world: World) -> None:
    """SIGSTOP; the moment that another primary is named, SIGCONT: it does not know yet that it is none."""
    await _replace_primary(world)


async def _replace_primary(world: World) -> StoreServer:
    group = group_of(world)
    old = await asyncio.to_thread(group.primary)
    await world.begin_fault()
    old.pause()
    port = await asyncio.to_thread(group.until_named, old)
    old.resume()
    _taken_over(world, "the Sentinels named another primary")
    world.fault.hits["primaries replaced"] = 1
    world.signs["requests without a decision"] = world.failures
    return next(node for node in group.nodes if node.port == port)


async def stop_primary_of_one_replica(world: World) -> None:
    """The same; nothing can be decided until the old primary follows the new one."""
    primary = await _replace_primary(world)
    with primary.client() as client:
        await _until_followed(client)
    _taken_over(world, "the new primary had a replica")


async def _until_followed(client: "redis.Redis") -> None:
    async with asyncio.timeout(FOLLOWED_WITHIN_S):
        while not int(client.info("replication")["connected_slaves"]):
            await wait(0.02)


async def kill_owner(world: World) -> None:
    """SIGKILL to the primary of the first plan's slot."""
    cluster = cluster_of(world)
    owner = await _owner(world)
    await world.begin_fault()
    owner.server.kill()
    await asyncio.to_thread(cluster.wait_failover, owner)
    _taken_over(world, "all nodes knew another owner")
    world.fault.hits["primaries killed"] = 1
    world.signs["requests without a decision"] = world.failures


async def stop_owner(world: World) -> None:
    """SIGSTOP to the primary of the first plan's slot; SIGCONT once the others have another one."""
    cluster = cluster_of(world)
    owner = await _owner(world)
    await world.begin_fault()
    owner.server.pause()
    others = [node for node in cluster.nodes if node is not owner]
    await asyncio.to_thread(Cluster(others).wait_failover, owner)
    owner.server.resume()
    _taken_over(world, "all nodes knew another owner")
    world.fault.hits["primaries replaced"] = 1
    world.signs["requests without a decision"] = world.failures


async def take_over(world: World) -> None:
    """A replica makes itself the primary of the first plan's slot, asking nobody."""
    cluster = cluster_of(world)
    owner = await _owner(world)
    replica = await asyncio.to_thread(cluster.replica, owner)
    await world.begin_fault()
    for sidecar in world.sidecars:
        world.expose(sidecar.number)
    await asyncio.to_thread(replica.ask, "CLUSTER", "FAILOVER", "TAKEOVER")
    await asyncio.to_thread(cluster.wait_failover, owner)
    _taken_over(world, "all nodes knew another owner")
    world.fault.hits["primaries replaced"] = 1


async def migrate(world: World) -> None:
    """Every plan's slot goes to another node and back, key by key, in steps of a quarter of a second."""
    assert isinstance(world.store, Clustered)
    store, cluster = world.store, world.store.cluster
    await world.begin_fault()
    for _ in range(ROUNDS):
        for plan in world.plans:
            await _migrate(cluster, cluster.slot(plan.subject))
    world.end_fault()
    world.fault.hits["slots moved"] = ROUNDS * len(world.plans)
    world.signs["MOVED answered"] = lambda: store.error_replies("MOVED")
    world.signs["ASK answered"] = lambda: store.error_replies("ASK")


async def _migrate(cluster: Cluster, slot: int) -> None:
    owner = await asyncio.to_thread(cluster.owner, slot)
    others = [node for node in await asyncio.to_thread(cluster.primaries) if node is not owner]
    migration = Migration(cluster, slot, others[0])
    await asyncio.to_thread(migration.begin)
    for key in await asyncio.to_thread(migration.keys):
        await wait(STEP_S)
        await asyncio.to_thread(migration.move, key)
    await wait(STEP_S)
    # Keys that were made meanwhile.
    await asyncio.to_thread(migration.move)
    await asyncio.to_thread(migration.finish)


async def _owner(world: World) -> Node:
    cluster = cluster_of(world)
    return await asyncio.to_thread(cluster.owner, cluster.slot(world.plans[0].subject))


def _taken_over(world: World, how: str) -> None:
    world.end_fault()
    world.fault.note = f"{how} {monotonic_s() - world.fault.began_s:.1f} s after the fault"


def in_time_and_healed(world: World, plan: TestedPlan) -> Bounds:
    """What was in hand when writes were lost may be counted as used."""
    in_hand = world.exposed[plan.plan_id]
    return Bounds(
        stranded=in_hand, recover_s=WITHIN_S, why="in hand when writes were lost, counted by healing"
    )


def in_time(_world: World, _plan: TestedPlan) -> Bounds:
    """Nothing off, and a decision within a second."""
    return Bounds(recover_s=WITHIN_S)


PLANS = (all_answers(QUOTA), good_answers(QUOTA))
LEASED = with_leases(QUOTA)

CASES = (
    Case(
        "sentinel-kill",
        "Sentinel failover: kill -9 of the primary",
        PLANS,
        kill_primary,
        behind=watched,
        bounds=in_time,
        quick=True,
    ),
    Case(
        "sentinel-kill-lease",
        "Sentinel failover: kill -9 of the primary, with leases",
        LEASED,
        kill_primary,
        behind=watched,
        bounds=in_time,
        also=leases_used,
    ),
    Case(
        "sentinel-asked",
        "Sentinel failover that was asked for, the old primary being well",
        PLANS,
        ask_for_failover,
        behind=watched,
        bounds=in_time_and_healed,
    ),
    Case(
        "sentinel-stop",
        "Sentinel failover: the old primary stops and wakes up",
        PLANS,
        stop_primary,
        behind=watched,
        bounds=in_time,
    ),
    Case(
        "sentinel-stop-wait",
        "Sentinel failover: the old primary stops and wakes up, minReplicas: 1",
        PLANS,
        stop_primary_of_one_replica,
        behind=watched,
        bounds=in_time,
        store={"minReplicas": 1},
    ),
    Case(
        "cluster-kill",
        "Cluster failover: kill -9 of a primary",
        PLANS,
        kill_owner,
        behind=clustered,
        bounds=in_time,
        quick=True,
    ),
    Case(
        "cluster-stop",
        "Cluster failover: the old primary stops and wakes up",
        PLANS,
        stop_owner,
        behind=clustered,
        bounds=in_time,
    ),
    Case(
        "cluster-takeover",
        "Cluster: a replica takes over, the old primary being well",
        PLANS,
        take_over,
        behind=clustered,
        bounds=in_time_and_healed,
    ),
    Case(
        "cluster-migration",
        "Cluster: slots move under load",
        PLANS,
        migrate,
        behind=clustered,
    ),
)
