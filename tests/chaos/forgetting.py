"""Cases in which the store forgets: keys, writes that a replica did not have, scripts."""

from collections import Counter

from quotad.clock import monotonic_s
from tests.chaos.case import Case, leases_used, wait
from tests.chaos.history import Bounds
from tests.chaos.plans import LEASE, TestedPlan, all_answers, good_answers, rate_only
from tests.chaos.store_hurts import LEASED, PROCESSES, QUOTA, one
from tests.chaos.stores import Replicated, Split, replicated, split
from tests.chaos.world import World

PARTED_S = 2.0
UNREPLICATED = "quotad_store_errors_total{kind=unreplicated}"


def pair(world: World) -> Replicated:
    """The store of a run on a primary and its replica."""
    assert isinstance(world.store, Replicated)
    return world.store


async def flush_all(world: World) -> None:
    """Every key is gone, scripts stay."""
    await world.begin_fault()
    expose_all(world)
    with one(world).server.client() as client:
        keys, _ = client.pipeline(transaction=True).dbsize().flushall().execute()
    world.end_fault()
    world.fault.hits["keys deleted"] = int(keys)


async def kill_and_flush_all(world: World) -> None:
    """SIGKILL to one process, and at once every key is gone: what only the dead one knew is forgotten."""
    await world.begin_fault()
    expose_all(world)
    server = one(world).server
    await world.sidecars[0].kill()
    with server.client() as client:
        keys, _ = client.pipeline(transaction=True).dbsize().flushall().execute()
    world.end_fault()
    world.died = True
    world.fault.hits |= {"processes killed": 1, "keys deleted": int(keys)}


async def restart_empty(world: World) -> None:
    """SIGKILL to a server that keeps nothing, and a new one on its address."""
    server = one(world).server
    await world.begin_fault()
    expose_all(world)
    server.kill()
    await wait(0.5)
    server.start()
    world.end_fault()
    world.fault.hits["servers killed"] = 1
    world.signs["requests without a decision"] = world.failures


async def promote_lagging(world: World) -> None:
    """The primary dies; a replica that is half a second behind takes its place."""
    await wait(0.6)
    await world.begin_fault()
    expose_all(world)
    lost = pair(world).fail_over()
    world.end_fault()
    world.fault.hits["bytes of writes lost"] = lost
    world.fault.note = f"{lost:,} bytes of writes lost"


async def split_brain(world: World) -> None:
    """Another primary is chosen, and one process stays at the old one for a while."""
    assert isinstance(world.store, Split)
    await world.begin_fault()
    expose_all(world)
    await world.store.part()
    parted_s = monotonic_s()
    await wait(PARTED_S)
    world.store.fence()
    world.end_fault()
    world.fault.note = f"the old primary was fenced after {PARTED_S:.0f} s"
    world.signs["admitted by the old primary"] = lambda: sum(behind(world, parted_s).values())


async def split_brain_and_wait(world: World) -> None:
    """The same; an answer that no replica has is none."""
    await split_brain(world)
    del world.signs["admitted by the old primary"]
    world.signs["answers that no replica had"] = lambda: world.grew(UNREPLICATED)


def behind(world: World, since_s: float) -> Counter[str]:
    """By plan: what was admitted through the process that stayed behind, until it was led away."""
    until_s = world.fault.ended_s
    there = {one.number for one in world.load.asked if one.sidecar == 0 and since_s < one.ended_s}
    return Counter(
        one.plan_id for one in world.backend.served if one.number in there and one.arrived_s < until_s
    )


async def flush_scripts(world: World) -> None:
    """SCRIPT FLUSH, five times."""
    await world.begin_fault()
    with one(world).server.client() as client:
        for _ in range(5):
            client.script_flush()
            await wait(0.1)
    world.end_fault()
    world.signs["NOSCRIPT answered"] = lambda: one(world).error_replies("NOSCRIPT")


def expose_all(world: World) -> None:
    """The store forgets: what is in the hands of any process may be counted as used."""
    for sidecar in world.sidecars:
        world.expose(sidecar.number)


def healed(world: World, plan: TestedPlan) -> Bounds:
    """Healing counts as used whatever was in hand then, also what would have come back: never too little."""
    return Bounds(
        stranded=world.exposed[plan.plan_id], why="in hand when the store forgot, counted by healing"
    )


def half_healed(world: World, plan: TestedPlan) -> Bounds:
    """What the dead process was granted after the others heard last is known to nobody."""
    units = world.exposed[plan.plan_id]
    return Bounds(over=units, lost=units, stranded=units, why="in flight when the store forgot")


def unfenced(world: World, plan: TestedPlan) -> Bounds:
    """What the old primary granted until it was fenced; once that is known, it is counted."""
    units = behind(world, world.fault.began_s)[plan.plan_id]
    in_hand = world.exposed[plan.plan_id]
    return Bounds(over=units, stranded=in_hand, why="granted by the old primary until it was fenced")


def healed_leases(world: World, plan: TestedPlan) -> Bounds:
    """The same, and the Leases of that moment."""
    most = LEASE["max"]
    in_hand = world.exposed[plan.plan_id]
    return Bounds(stranded=in_hand + most * PROCESSES, why=f"in hand, and {PROCESSES} Leases of {most}")


CASES = (
    Case(
        "flushall",
        "FLUSHALL",
        (all_answers(QUOTA), good_answers(QUOTA), rate_only(200, 50)),
        flush_all,
        bounds=healed,
        quick=True,
    ),
    Case(
        "flushall-kill",
        "kill -9 of a sidecar, then FLUSHALL",
        (all_answers(QUOTA), good_answers(QUOTA)),
        kill_and_flush_all,
        bounds=half_healed,
    ),
    Case(
        "flushall-lease",
        "FLUSHALL, with leases",
        LEASED,
        flush_all,
        bounds=healed_leases,
        also=leases_used,
    ),
    Case(
        "restart-empty",
        "kill -9 of Redis, which comes back empty",
        (all_answers(QUOTA), good_answers(QUOTA)),
        restart_empty,
        bounds=healed,
    ),
    Case(
        "lagging",
        "a replica 500 ms behind is promoted",
        (all_answers(QUOTA), good_answers(QUOTA), rate_only(200, 50)),
        promote_lagging,
        bounds=healed,
        behind=replicated,
        quick=True,
    ),
    Case(
        "lagging-lease",
        "a replica 500 ms behind is promoted, with leases",
        LEASED,
        promote_lagging,
        bounds=healed_leases,
        behind=replicated,
        also=leases_used,
    ),
    Case(
        "split",
        "an old primary that nobody fences for 2 s",
        (all_answers(QUOTA), good_answers(QUOTA)),
        split_brain,
        behind=split,
        bounds=unfenced,
    ),
    Case(
        "split-wait",
        "an old primary that nobody fences for 2 s, minReplicas: 1",
        (all_answers(QUOTA), good_answers(QUOTA)),
        split_brain_and_wait,
        behind=split,
        bounds=healed,
        store={"minReplicas": 1},
    ),
    Case(
        "script-flush",
        "SCRIPT FLUSH, five times",
        (all_answers(QUOTA), good_answers(QUOTA), rate_only(200, 50)),
        flush_scripts,
        quick=True,
    ),
)
