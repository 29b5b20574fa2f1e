"""A case: what stands behind the Sidecars, what is done to it, and how far off the counts may then be."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from quotad import clock
from tests.chaos.backend import Backend, counting_backend
from tests.chaos.checker import Findings, check, missed
from tests.chaos.history import AtRest, Bounds, Fault, PlanHistory
from tests.chaos.load import Load
from tests.chaos.plans import TestedPlan, configuration, write, zone_at
from tests.chaos.sidecars import Sidecar
from tests.chaos.stores import Behind, standalone
from tests.chaos.world import World, environment, start_all

NOON = 12
CONNECTIONS = 4
"""Per plan and process."""

SPARED = 3
"""Admitted requests per script call, at the least, where units are taken ahead; 1.5 without."""

Hurt = Callable[[World], Awaitable[None]]


def exact(_world: World, _plan: TestedPlan) -> Bounds:
    """Nothing may be off."""
    return Bounds()


def sound(_world: World) -> Iterator[str]:
    """Nothing more to ask for."""
    return iter(())


def leases_used(world: World) -> Iterator[str]:
    """With leases most requests are decided without a script call of their own.

    Not those of a plan that is at its rate, whose tokens are asked for one by one.
    """
    quotas = {plan.plan_id for plan in world.quota_plans}
    calls = world.after["quotad_store_duration_seconds_count{script=reserve}"]
    calls -= sum(asked.plan_id not in quotas for asked in world.load.asked)
    admitted = sum(served.plan_id in quotas for served in world.backend.served)
    if admitted < SPARED * calls:
        yield f"{calls} script calls for {admitted} admitted: leases were hardly used"


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table, or one for each of its plans."""

    name: str
    what: str
    """What is done, in a few words."""
    plans: tuple[TestedPlan, ...]
    hurt: Hurt
    """Does it, and returns when the fault is over; sets ``world.fault`` and ``world.signs``."""
    behind: Callable[[], AbstractAsyncContextManager[Behind]] = standalone
    bounds: Callable[[World, TestedPlan], Bounds] = exact
    also: Callable[[World], Iterator[str]] = sound
    """What else must hold at the end; answers what is wrong."""
    store: dict[str, object] = field(default_factory=dict)
    sidecars: int = 3
    workers: int = 1
    standby: int = 0
    """Units of each plan that all processes together may keep taken."""
    environments: dict[int, Callable[[], dict[str, str]]] = field(default_factory=dict)
    """Process number to what its environment has besides."""
    hour: Callable[[], int] = lambda: NOON
    """Local time in the plans' zone, so that no day ends meanwhile unless it shall."""
    after: float = 0.3
    """The share of each quota that is used before it is hurt."""
    quiet_s: float = 1.6
    """Nothing admitted for so long: the quota is used up (a refusal is asked again after a second)."""
    quick: bool = False
    """Also part of the short form."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a case's run came to."""

    case: Case
    findings: list[Findings]
    fault: Fault
    problems: tuple[str, ...]
    """Of the whole run; those of a plan are in its Findings."""
    took_s: float

    @property
    def failed(self) -> bool:
        """Whether anything is wrong."""
        return bool(self.problems) or any(found.problems for found in self.findings)


async def run(case: Case) -> Ended:
    """Run it once. A run that cannot go on to its end has failed, and says why."""
    begun_s = clock.monotonic_s()
    fault = Fault()
    findings: list[Findings] = []
    problems: tuple[str, ...]
    try:
        async with _world(case, fault) as world:
            at_rest = await _live(case, world)
            findings = [_judge(case, world, plan, at_rest) for plan in case.plans]
            problems = (*missed(fault), *case.also(world))
    except Exception as error:  # noqa: BLE001 - one broken run must not take the other cases' results
        problems = (f"the run broke: {type(error).__name__}: {error}",)
    return Ended(case, findings, fault, problems, clock.monotonic_s() - begun_s)


async def _live(case: Case, world: World) -> dict[str, AtRest]:
    """Load, fault, load until nothing is admitted any more, rest."""
    world.load.start([plan.caller for plan in case.plans], CONNECTIONS)
    watching = asyncio.ensure_future(world.watch_itself())
    try:
        await world.until_used(case.after)
        await case.hurt(world)
        await world.until_quiet(case.quiet_s)
    finally:
        await world.load.stop()
        watching.cancel()
    at_rest = await world.at_rest()
    world.after = await world.metrics()
    world.fault.hits |= {sign: count() for sign, count in world.signs.items()}
    return at_rest


def _judge(case: Case, world: World, plan: TestedPlan, at_rest: dict[str, AtRest]) -> Findings:
    history = PlanHistory(
        plan.plan_id,
        plan.limits,
        [asked for asked in world.load.asked if asked.plan_id == plan.plan_id],
        [served for served in world.backend.served if served.plan_id == plan.plan_id],
        at_rest.get(plan.plan_id, AtRest(0, 0)),
        None if world.died else world.after[f"quotad_requests_total{{plan={plan.plan_id}}}"],
    )
    return check(history, case.bounds(world, plan), world.fault, exhausts=plan.limits.quota >= 0)


@asynccontextmanager
async def _world(case: Case, fault: Fault) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="quotad-chaos-")))
        backend = await stack.enter_async_context(counting_backend())
        behind = await stack.enter_async_context(case.behind())
        sidecars = [_sidecar(case, number, folder, behind, backend) for number in range(case.sidecars)]
        await start_all(sidecars, stack)
        load = Load(lambda process: sidecars[process].port, case.sidecars)
        yield World(folder, case.plans, behind, backend, sidecars, load, fault, standby=case.standby)


def _sidecar(case: Case, number: int, folder: Path, behind: Behind, backend: Backend) -> Sidecar:
    store: dict[str, object] = {"url": behind.url_for(number), "deadlineMs": 100, "holdMs": 10_000}
    # Each process has its own: a journal is not shared.
    own = dict(case.store)
    if "journal" in own:
        own["journal"] = str(folder / f"journal-{number}")
    zone = zone_at(case.hour(), int(clock.wall_s()) // 3600 % 24)
    said = configuration(case.plans, store | own, backend.port, zone, case.workers)
    more = case.environments.get(number, dict)()
    return Sidecar(number, write(folder / f"{number}.yaml", said), environment(**more))


async def wait(seconds: float) -> None:
    """Let a fault last."""
    await asyncio.sleep(seconds)
