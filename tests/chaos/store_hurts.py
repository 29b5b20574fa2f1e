"""Cases in which one store stops, forgets, or is cut off."""

import resource
from collections.abc import Iterator

from tests.chaos.case import Case, leases_used, wait
from tests.chaos.history import Bounds
from tests.chaos.plans import TestedPlan, all_answers, good_answers, with_leases
from tests.chaos.stores import Standalone
from tests.chaos.world import World

QUOTA = 1000
STOPPED_S = 3.0
BUDGET = 60
UNITS = 30
PROCESSES = 3
LEASED = with_leases(QUOTA)
CUTS = 8
CUT_EVERY_S = 0.25
LATE = "quotad_store_errors_total{kind=late}"
BROKEN = "quotad_store_errors_total{kind=broken}"


def one(world: World) -> Standalone:
    """The store of a run on one server."""
    assert isinstance(world.store, Standalone)
    return world.store


async def stop_server(world: World) -> None:
    """SIGSTOP, and SIGCONT three seconds later."""
    server = one(world).server
    await world.begin_fault()
    server.pause()
    await wait(STOPPED_S)
    server.resume()
    world.end_fault()
    world.signs["calls past their deadline"] = lambda: world.grew(LATE)


async def stop_server_near_the_end(world: World) -> None:
    """The same, with requests let through meanwhile."""
    await stop_server(world)
    world.signs["admitted without the store"] = world.undecided_admissions


async def stop_server_and_kill(world: World) -> None:
    """SIGSTOP; a process that let requests through meanwhile is killed and started anew; SIGCONT."""
    server = one(world).server
    await world.begin_fault()
    server.pause()
    await wait(STOPPED_S / 2)
    world.expose(0)
    world.died = True
    await world.sidecars[0].kill()
    await world.sidecars[0].start()
    await wait(STOPPED_S / 2)
    server.resume()
    world.end_fault()
    world.fault.hits["processes killed"] = 1
    world.signs["calls past their deadline"] = lambda: world.grew(LATE)
    world.signs["admitted without the store"] = world.undecided_admissions


async def stop_server_with_local_units(world: World) -> None:
    """The same: units held ahead are spent meanwhile."""
    await stop_server(world)
    world.signs["admitted while it was stopped"] = lambda: admitted_meanwhile(world)


async def stop_server_and_fill_disk(world: World) -> None:
    """No process may write to a file any more; then the same."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    for sidecar in world.sidecars:
        resource.prlimit(sidecar.pid, resource.RLIMIT_FSIZE, (0, most))
    await stop_server(world)
    for sidecar in world.sidecars:
        resource.prlimit(sidecar.pid, resource.RLIMIT_FSIZE, (most, most))
    world.signs["answers 503"] = lambda: sum(asked.status == 503 for asked in world.load.asked)


async def cut_after_write(world: World) -> None:
    """Again and again: what is asked next is executed, and its answer lost with the connection."""
    proxy = one(world).proxy
    await world.begin_fault()
    for _ in range(CUTS):
        proxy.cut_after_write()
        await wait(CUT_EVERY_S)
    proxy.disarm()
    world.end_fault()
    world.signs["connections cut after the write"] = lambda: proxy.done["cut after"]
    world.signs["calls broken"] = lambda: world.grew(BROKEN)


async def cut_before_write(world: World) -> None:
    """Again and again: what is asked next is lost with the connection."""
    proxy = one(world).proxy
    await world.begin_fault()
    for _ in range(CUTS):
        proxy.cut_before_write()
        await wait(CUT_EVERY_S)
    proxy.disarm()
    world.end_fault()
    world.signs["connections cut before the write"] = lambda: proxy.done["cut before"]
    world.signs["calls broken"] = lambda: world.grew(BROKEN)


async def stall(world: World) -> None:
    """Half open: for two seconds no byte goes on, no connection ends."""
    proxy = one(world).proxy
    await world.begin_fault()
    proxy.stall()
    await wait(2.0)
    proxy.resume()
    world.end_fault()
    world.signs["calls past their deadline"] = lambda: world.grew(LATE)


async def delay(world: World) -> None:
    """Everything takes 150 ms each way, three times the deadline."""
    proxy = one(world).proxy
    await world.begin_fault()
    proxy.delay_s = 0.15
    await wait(2.0)
    proxy.delay_s = 0.0
    world.end_fault()
    world.signs["calls past their deadline"] = lambda: world.grew(LATE)


async def swallow(world: World) -> None:
    """The server hears and executes everything, and nobody hears it, for a second."""
    proxy = one(world).proxy
    await world.begin_fault()
    proxy.swallows_replies = True
    await wait(1.0)
    proxy.swallows_replies = False
    # Answers are matched by their order: a stream with a hole in it is of no more use.
    proxy.reset()
    world.end_fault()
    world.signs["replies lost"] = lambda: proxy.done["replies lost"]
    world.signs["calls past their deadline"] = lambda: world.grew(LATE)


def kept_ahead(_world: World, _plan: TestedPlan) -> Bounds:
    """``local``: the standby is for outages, also when all else is used up."""
    units = UNITS * PROCESSES
    return Bounds(stranded=units, leased=units, why=f"a standby of {UNITS} in each of {PROCESSES} processes")


def admitted_meanwhile(world: World) -> int:
    """Requests sent after the fault's first deadline that the backend got before its end."""
    began_s, ended_s = world.fault.began_s + 0.2, world.fault.ended_s
    sent = {asked.number for asked in world.load.asked if began_s < asked.sent_s < ended_s}
    return sum(served.number in sent and served.arrived_s < ended_s for served in world.backend.served)


def nothing_meanwhile(world: World) -> Iterator[str]:
    """``closed``: nothing is admitted while the store does not answer."""
    if admitted := admitted_meanwhile(world):
        yield f"{admitted} requests were admitted while the store did not answer"


def budgets(_world: World, _plan: TestedPlan) -> Bounds:
    """``open``: the budget of each process."""
    return Bounds(over=BUDGET * PROCESSES, why=f"{PROCESSES} processes with a budget of {BUDGET}")


def budgets_and_a_crash(world: World, plan: TestedPlan) -> Bounds:
    """A process that is started anew has a budget of its own; what the dead one had in hand is charged."""
    return Bounds(
        over=BUDGET * (PROCESSES + 1),
        stranded=world.exposed[plan.plan_id],
        why=f"{PROCESSES + 1} processes with a budget of {BUDGET}, one of them killed",
    )


def within_budget(world: World) -> Iterator[str]:
    """What was let through is what the metric says, and no more than the budgets."""
    for plan in world.plans:
        through = sum(
            asked.plan_id == plan.plan_id and not asked.decided and 0 < asked.status < 502
            for asked in world.load.asked
        )
        said = world.after[f"quotad_unaccounted_total{{plan={plan.plan_id}}}"]
        if through != said:
            yield f"{plan.name}: {through} admitted without the store, the metric says {said}"
        if through > BUDGET * PROCESSES:
            yield f"{plan.name}: {through} admitted without the store, budget {BUDGET * PROCESSES}"


def within_units(world: World) -> Iterator[str]:
    """``local``: each process spends at most what it held ahead."""
    admitted = admitted_meanwhile(world)
    most = UNITS * PROCESSES * len(world.plans)
    if admitted > most:
        yield f"{admitted} admitted while the store was stopped, {most} were held ahead"


OPEN = {"onStoreFailure": {"open": {"budget": BUDGET}}}
LOCAL = {"onStoreFailure": {"local": {"units": UNITS}}}

CASES = (
    Case(
        "stop-closed",
        "SIGSTOP of Redis for 3 s, closed",
        (all_answers(QUOTA), good_answers(QUOTA)),
        stop_server,
        also=nothing_meanwhile,
        quick=True,
    ),
    Case(
        "stop-closed-lease",
        "SIGSTOP of Redis for 3 s, closed, with leases",
        LEASED,
        stop_server,
        also=leases_used,
    ),
    Case(
        "stop-open",
        "SIGSTOP of Redis for 3 s near the quota's end, open",
        (all_answers(QUOTA, **OPEN), good_answers(QUOTA, **OPEN)),
        stop_server_near_the_end,
        store={"journal": "journal"},
        bounds=budgets,
        also=within_budget,
        after=0.9,
        quick=True,
    ),
    Case(
        "stop-open-kill",
        "SIGSTOP of Redis near the quota's end, open, kill -9 of a sidecar meanwhile",
        (all_answers(QUOTA, **OPEN), good_answers(QUOTA, **OPEN)),
        stop_server_and_kill,
        store={"journal": "journal"},
        bounds=budgets_and_a_crash,
        after=0.9,
        # The dead process's Holds end with its hold time.
        quiet_s=10.6,
    ),
    Case(
        "stop-local",
        "SIGSTOP of Redis for 3 s, local",
        (all_answers(QUOTA, **LOCAL), good_answers(QUOTA, **LOCAL)),
        stop_server_with_local_units,
        bounds=kept_ahead,
        standby=UNITS * PROCESSES,
        also=within_units,
    ),
    Case(
        "disk-full",
        "SIGSTOP of Redis for 3 s, open, no room for the journal",
        (all_answers(QUOTA, **OPEN), good_answers(QUOTA, **OPEN)),
        stop_server_and_fill_disk,
        store={"journal": "journal"},
        also=nothing_meanwhile,
    ),
    Case(
        "cut-after",
        "connections cut after the write",
        (all_answers(QUOTA), good_answers(QUOTA)),
        cut_after_write,
        quick=True,
    ),
    Case(
        "cut-after-lease",
        "connections cut after the write, with leases",
        LEASED,
        cut_after_write,
        also=leases_used,
    ),
    Case(
        "cut-before",
        "connections cut before the write",
        (all_answers(QUOTA), good_answers(QUOTA)),
        cut_before_write,
    ),
    Case("stall", "connections half open for 2 s", (all_answers(QUOTA), good_answers(QUOTA)), stall),
    Case(
        "late",
        "every answer three times past its deadline for 2 s",
        (all_answers(QUOTA), good_answers(QUOTA)),
        delay,
    ),
    Case(
        "swallow",
        "every answer lost for 1 s",
        (all_answers(QUOTA), good_answers(QUOTA)),
        swallow,
    ),
)
