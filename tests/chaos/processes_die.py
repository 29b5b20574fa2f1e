"""Cases in which a process of quotad is killed, or stands still for longer than the others wait for it."""

import os
import signal

from quotad.clock import monotonic_s
from tests.chaos.case import Case, leases_used, wait
from tests.chaos.history import Bounds
from tests.chaos.plans import LEASE, TestedPlan, all_answers, good_answers, with_leases
from tests.chaos.stores import Standalone
from tests.chaos.world import World

QUOTA = 1000
HOLD_MS = 2_000
LEASED = with_leases(QUOTA)
PAUSED_S = 3.5
QUIET_S = 3.6
"""What a dead process held comes back after the hold time at the latest, and must not be granted twice."""


async def kill_one(world: World) -> None:
    """SIGKILL to the first process, and another one in its place half a second later."""
    await world.begin_fault()
    world.expose(0)
    await world.sidecars[0].kill()
    world.end_fault()
    world.died = True
    world.fault.hits["processes killed"] = 1
    world.signs["requests cut"] = world.cut
    await wait(0.5)
    await world.sidecars[0].start()


async def kill_again_and_again(world: World) -> None:
    """SIGKILL to one process after the other, each started anew, while connections to the store are cut."""
    assert isinstance(world.store, Standalone)
    proxy = world.store.proxy
    await world.begin_fault()
    for sidecar in world.sidecars:
        proxy.cut_after_write()
        await wait(0.2)
        world.expose(sidecar.number)
        await sidecar.kill()
        await wait(0.3)
        await sidecar.start()
    world.end_fault()
    world.died = True
    world.fault.hits["processes killed"] = len(world.sidecars)
    world.signs["connections cut after the write"] = lambda: proxy.done["cut after"]
    world.signs["requests cut"] = world.cut


async def pause_one(world: World) -> None:
    """SIGSTOP to the first process for longer than hold and lease time, then SIGCONT."""
    await world.begin_fault()
    world.expose(0)
    world.sidecars[0].pause()
    paused_s = monotonic_s()
    await wait(PAUSED_S)
    world.sidecars[0].resume()
    world.end_fault()
    world.signs["requests that waited for it"] = lambda: sum(
        asked.sidecar == 0 and asked.sent_s <= paused_s + PAUSED_S < asked.ended_s + 0.1
        for asked in world.load.asked
        if asked.ended_s - asked.sent_s > PAUSED_S / 2
    )


async def kill_worker(world: World) -> None:
    """SIGKILL to one worker of the first process."""
    await world.begin_fault()
    world.expose(0)
    workers = world.sidecars[0].workers()
    os.kill(workers[0], signal.SIGKILL)
    world.end_fault()
    world.died = True
    world.fault.hits["workers killed"] = 1
    world.signs["requests cut"] = world.cut
    world.signs["workers replaced"] = lambda: len(set(world.sidecars[0].workers()) - set(workers))


def charged(world: World, plan: TestedPlan) -> Bounds:
    """``onCrash: charge``: what the dead process had in hand is lost to callers, never counted too little."""
    return Bounds(stranded=world.exposed[plan.plan_id], why="in the dead process's hands")


def released(world: World, plan: TestedPlan) -> Bounds:
    """``onCrash: release``: what it held goes back, though some of it was used."""
    exposed = world.exposed[plan.plan_id]
    if not plan.limits.classes:
        # Charged when granted: nothing is held that could go back.
        return charged(world, plan)
    return Bounds(over=exposed, lost=exposed, stranded=exposed, why="in the dead process's hands")


def leased(world: World, plan: TestedPlan, processes: int = 1) -> Bounds:
    """The dead process's Lease stays charged."""
    units = processes * LEASE["max"]
    in_hand = world.exposed[plan.plan_id]
    return Bounds(stranded=in_hand + units, why=f"{processes} Leases of {LEASE['max']} and what was in hand")


def all_leased(world: World, plan: TestedPlan) -> Bounds:
    """The same when every process died once."""
    return leased(world, plan, len(world.sidecars))


CASES = (
    Case(
        "kill",
        "kill -9 of a sidecar, onCrash: charge",
        (all_answers(QUOTA), good_answers(QUOTA)),
        kill_one,
        bounds=charged,
        store={"holdMs": HOLD_MS},
        quiet_s=QUIET_S,
        quick=True,
    ),
    Case(
        "kill-release",
        "kill -9 of a sidecar, onCrash: release",
        (all_answers(QUOTA, onCrash="release"), good_answers(QUOTA, onCrash="release")),
        kill_one,
        bounds=released,
        store={"holdMs": HOLD_MS},
        quiet_s=QUIET_S,
    ),
    Case(
        "kill-lease",
        "kill -9 of a sidecar with leases",
        LEASED,
        kill_one,
        bounds=leased,
        store={"holdMs": HOLD_MS},
        quiet_s=QUIET_S,
        quick=True,
        also=leases_used,
    ),
    Case(
        "kill-storm",
        "kill -9 of each sidecar in turn, connections cut meanwhile",
        (all_answers(QUOTA), good_answers(QUOTA)),
        kill_again_and_again,
        bounds=charged,
        store={"holdMs": HOLD_MS},
        quiet_s=QUIET_S,
        after=0.1,
    ),
    Case(
        "kill-storm-lease",
        "kill -9 of each sidecar in turn, connections cut meanwhile, with leases",
        LEASED,
        kill_again_and_again,
        bounds=all_leased,
        store={"holdMs": HOLD_MS},
        quiet_s=QUIET_S,
        after=0.1,
        also=leases_used,
    ),
    Case(
        "pause",
        "a sidecar stands still for longer than its hold time, onCrash: charge",
        (all_answers(QUOTA), good_answers(QUOTA)),
        pause_one,
        bounds=charged,
        store={"holdMs": HOLD_MS},
        quiet_s=QUIET_S,
    ),
    Case(
        "pause-release",
        "a sidecar stands still for longer than its hold time, onCrash: release",
        (all_answers(QUOTA, onCrash="release"), good_answers(QUOTA, onCrash="release")),
        pause_one,
        bounds=released,
        store={"holdMs": HOLD_MS},
        quiet_s=QUIET_S,
    ),
    Case(
        "pause-lease",
        "a sidecar stands still for longer than its leases last",
        LEASED,
        pause_one,
        bounds=leased,
        store={"holdMs": HOLD_MS},
        quiet_s=QUIET_S,
        also=leases_used,
    ),
    Case(
        "kill-worker",
        "kill -9 of a worker (2 processes of 2 workers)",
        (all_answers(QUOTA), good_answers(QUOTA)),
        kill_worker,
        bounds=charged,
        store={"holdMs": HOLD_MS},
        sidecars=2,
        workers=2,
        quiet_s=QUIET_S,
    ),
)
