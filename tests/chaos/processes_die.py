"""Cases in which a process of quotad is killed."""

import os
import signal

from tests.chaos.case import Case, wait
from tests.chaos.history import Bounds
from tests.chaos.plans import TestedPlan, all_answers, good_answers
from tests.chaos.world import World

QUOTA = 1000
HOLD_MS = 2_000
LEASE = {"max": 20, "ttlMs": 1_000}
QUIET_S = 3.6
"""What a dead process held comes back after the hold time at the latest, and must not be granted twice."""


async def kill_one(world: World) -> None:
    """SIGKILL to the first process, and another one in its place half a second later."""
    await world.begin_fault()
    world.expose(0)
    await world.sidecars[0].kill()
    world.end_fault()
    world.fault.hits["processes killed"] = 1
    world.signs["requests cut"] = world.cut
    await wait(0.5)
    await world.sidecars[0].start()


async def kill_worker(world: World) -> None:
    """SIGKILL to one worker of the first process."""
    await world.begin_fault()
    world.expose(0)
    workers = world.sidecars[0].workers()
    os.kill(workers[0], signal.SIGKILL)
    world.end_fault()
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


def leased(world: World, plan: TestedPlan) -> Bounds:
    """The dead process's Lease stays charged."""
    in_hand = world.exposed[plan.plan_id]
    return Bounds(stranded=in_hand + LEASE["max"], why=f"a Lease of {LEASE['max']} and what was in hand")


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
        (all_answers(QUOTA, lease=LEASE), good_answers(QUOTA, lease=LEASE)),
        kill_one,
        bounds=leased,
        store={"holdMs": HOLD_MS},
        quiet_s=QUIET_S,
        quick=True,
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
