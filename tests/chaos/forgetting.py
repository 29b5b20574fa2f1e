"""Cases in which the store forgets: keys, writes that a replica did not have, scripts."""

from tests.chaos.case import Case, leases_used, wait
from tests.chaos.history import Bounds
from tests.chaos.plans import LEASE, TestedPlan, all_answers, good_answers, rate_only
from tests.chaos.store_hurts import LEASED, PROCESSES, QUOTA, one
from tests.chaos.stores import Replicated, replicated
from tests.chaos.world import World


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
    """Healing counts Holds of that moment as used, whatever becomes of them: too much, never too little."""
    if not plan.limits.classes:
        return Bounds()
    return Bounds(stranded=world.exposed[plan.plan_id], why="Holds when the store forgot, counted by healing")


def half_healed(world: World, plan: TestedPlan) -> Bounds:
    """What the dead process was granted after the others heard last is known to nobody."""
    units = world.exposed[plan.plan_id]
    return Bounds(over=units, lost=units, stranded=units, why="in flight when the store forgot")


def healed_leases(world: World, plan: TestedPlan) -> Bounds:
    """The same, and the Leases of that moment."""
    units = LEASE["max"] * PROCESSES
    holds = world.exposed[plan.plan_id] if plan.limits.classes else 0
    return Bounds(
        stranded=holds + units, why=f"{PROCESSES} Leases of {LEASE['max']}, and Holds, when it forgot"
    )


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
        "script-flush",
        "SCRIPT FLUSH, five times",
        (all_answers(QUOTA), good_answers(QUOTA), rate_only(200, 50)),
        flush_scripts,
        quick=True,
    ),
)
