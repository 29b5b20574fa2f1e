"""A run from its seed to its Result: what is drawn to happen, the end, and what is left at rest."""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.model.cases import Case
from tests.model.processes import Process
from tests.model.simulated_loop import SimulatedLoop
from tests.model.wires import Wire
from tests.model.world import World

_MEMORY = "/dev/shm"
_LATEST_S = 5.0
"""No message is older than this."""


@dataclass(frozen=True, slots=True)
class Result:
    """Of one run: of each promise what was found, and what it allows (0 unless it says otherwise)."""

    figures: Counter[str]
    found: dict[str, int]
    bound: dict[str, int]

    @property
    def broken(self) -> list[str]:
        """The promises that did not hold."""
        return [
            f"{name} {found} > {self.bound[name]}"
            for name, found in self.found.items()
            if found > self.bound[name]
        ]


def run(case: Case, seed: int) -> Result:
    """One run; the same for the same seed."""
    # In memory where there is such a folder: journals are brought to the disk.
    place = _MEMORY if Path(_MEMORY).is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="quotad-model-", dir=place))
    try:
        with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
            return runner.run(_run(case, seed, folder))
    finally:
        shutil.rmtree(folder)


async def _run(case: Case, seed: int, folder: Path) -> Result:
    errors: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(_error(context)))
    world = World(case, seed, folder)
    await _happen(world)
    await _rest(world)
    if errors:
        raise errors[0]
    return _judge(world)


def _error(context: dict[str, Any]) -> BaseException:
    error = context.get("exception")
    return error if isinstance(error, BaseException) else RuntimeError(context["message"])


def _do(what: Callable[[], object]) -> None:
    what()


async def _happen(world: World) -> None:
    dice, case = world.dice, world.case
    length_s = dice.uniform(4.0, 16.0)
    begun_s = world.loop.time()

    def perhaps(chance: float, what: Callable[[], object]) -> None:
        if dice.random() < chance:
            world.at(dice.uniform(0.1, length_s), lambda: _do(what))

    for _ in range(3):
        perhaps(case.pauses, lambda: _one(world, lambda process: process.pause(_span_s(world))))
        perhaps(case.crashes, lambda: _one(world, _kill))
        perhaps(case.leaves, lambda: _one(world, _end))
        perhaps(case.outages, lambda: _cut(world))
        for change in (world.change_limit, world.change_zone, world.top_up):
            perhaps(0.4 * case.changes, change)
        perhaps(case.resets, world.reset)
    for number in range(case.failovers):
        perhaps(0.8, lambda: world.lose_writes(dice.uniform(0.01, 0.05 * 10 ** dice.random())))
        del number
    perhaps(case.empties, world.empty)
    busy = 1.0
    while world.loop.time() < begun_s + length_s:
        if dice.random() < 0.02:
            busy = dice.choice((0.05, 0.3, 1.0))
        await world.sleep(dice.expovariate(25 * busy))
        _ask(world)


def _ask(world: World) -> None:
    if world.awake:
        process = world.dice.choice(world.awake)
        for _ in range(world.dice.choice((1, 1, 1, 2, 5))):
            process.ask(process.subjects[0], leaves=world.dice.random() < 0.03)


def _span_s(world: World) -> float:
    return world.dice.choice((0.1, 0.5, 1.0, world.hold_us / 1e6 * world.dice.uniform(0.5, 2.0)))


def _one(world: World, what: Callable[[Process], object]) -> None:
    if world.awake:
        what(world.dice.choice(world.awake))


def _kill(process: Process) -> None:
    process.kill()
    _begin(process.world)


def _begin(world: World) -> None:
    world.processes.append(Process(world, len(world.processes)))


def _end(process: Process) -> None:
    process.is_closing = True
    process.world.closing.append(asyncio.ensure_future(process.close()))
    _begin(process.world)


def _cut(world: World) -> None:
    """A Sidecar, or every one, cannot reach the store."""
    everyone = world.dice.random() < 0.5
    for_s = _span_s(world)
    for process in world.awake if everyone else world.awake[:1]:
        process.wire.is_cut = True
        world.at(for_s, lambda process=process: _mend(process))  # type: ignore[misc]


def _mend(process: Process) -> None:
    process.wire.is_cut = False
    process.wire.reconnected += 1


async def _rest(world: World) -> None:
    """Everything works again; all numbers arrive, all processes end, and what dead ones held is settled."""
    world.is_calm = True
    await world.sleep(_LATEST_S)
    for process in world.processes:
        process.wire.is_cut = False
        if process.is_paused:
            process.resume()
        if not process.is_gone and not process.is_closing:
            process.ask(process.subjects[0])
    await world.sleep(10.0)
    await asyncio.gather(*world.closing)
    for process in list(world.processes):
        if not process.is_gone:
            await process.close()
    await world.sleep(_LATEST_S + 2 * world.hold_us / 1e6)
    _begin(world)
    last = world.processes[-1]
    last.ask(last.subjects[0])
    await world.sleep(_LATEST_S)
    last.ask(last.subjects[0])
    await world.sleep(10.0)
    await last.close()


def _judge(world: World) -> Result:
    (subject,) = world.subjects
    ledger, case, plan = world.ledgers[subject.tag], world.case, subject.plan
    usage = world.primary.reference.usage(world.now_us(), subject)
    used = usage.total_charged + usage.total_open + ledger.forgiven_in_all
    missing = ledger.counted - used
    slack = sum(ledger.slack.values())
    unknown = sum(ledger.unknown.values()) if case.forgets else 0
    burst = world.figures["emptied"] * max(0, plan.burst)
    return Result(
        world.figures,
        {
            "over-admitted": max([0, *ledger.over_in_all.values()]),
            "over-granted": max([0, *ledger.over.values()]),
            "over the rate": max(0, ledger.over_rate(plan.rate_rps, plan.burst)) if plan.rate_rps > 0 else 0,
            "forgotten": max(0, missing),
            "stranded": max(0, -missing),
        },
        {
            "over-admitted": slack + unknown + world.figures["unaccounted"],
            "over-granted": slack + unknown,
            "over the rate": ledger.lost + burst if case.forgets else 0,
            "forgotten": slack + ledger.released + (_unheard(world) if case.forgets else 0),
            # A standby is stranded when its Entry ends in an outage longer than the hold time.
            "stranded": slack + ledger.stranded_at_most + case.policy.units * len(world.processes)
            if not case.forgets
            else 2**53,
        },
    )


def _unheard(world: World) -> int:
    """Of what the ledger knows of, what the last primary was never told."""
    return sum(
        grant.units
        for ledger in world.ledgers.values()
        for grants in ledger.grants.values()
        for grant in grants
        if not grant.is_void and grant not in world.primary.known
    ) + sum(
        units
        for server in world.servers
        for wire, units in server.replays
        if isinstance(wire, Wire) and wire.server is server
    )
