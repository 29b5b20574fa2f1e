"""A storm from its first change to the moment in which every sidecar is as the store."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from quotad.clock import monotonic_s, wall_s
from quotad.controlplane.refusal import OperationError
from tests.storms.callers import Line, PairWatcher, Passer, SwapWatcher, Traffic, opened
from tests.storms.records import Due, Place, Records, broken, due, read_records
from tests.storms.world import (
    APIS,
    ASKED,
    PAIR,
    PAIRED,
    PLANS,
    SECRETS,
    SERVICES,
    SWAPPED,
    SWAPPER,
    SWAPPING,
    VAULT,
    WRITERS,
    World,
    running_world,
)
from tests.storms.writers import Mover, Swapper, Writer, keys_of
from tests.support.servers import StoreServer
from tests.support.stored import read_state
from tests.support.waiting import until, until_true

_PASSERS = 2
"""Callers at random, of each sidecar."""
_ROUNDS = 4
"""Requests of each caller between two looks at the store."""

Going = Callable[[Traffic, int], Awaitable[bool]]
"""Told how often a writer has tried: whether it is to try again."""
Step = Callable[[], Awaitable[str]]


@dataclass
class Storm:
    """What happened."""

    made: Counter[str] = field(default_factory=Counter)
    """Changes by what they were."""
    refused: Counter[str] = field(default_factory=Counter)
    """Changes that were not made, by why."""
    statuses: Counter[int] = field(default_factory=Counter)
    """Of all callers' answers."""
    moves_met: int = 0
    """Plans of the pair that some caller met."""
    swaps_met: int = 0
    """Plans that the swapping Secret had somewhere: four if it was met both ways."""
    looks: int = 0
    """How often the store was looked at on the way."""
    agreed_s: float = 0.0
    """How long after the last change every sidecar had shown to be as the store."""
    differed_s: float = 0.0
    """How long after it one last answered otherwise."""
    wrong: list[str] = field(default_factory=list)
    """What no caller may see, what may not stand in the store, and units that were counted elsewhere."""


async def storm(folder: Path, server: StoreServer, sidecars: int, going: Going) -> Storm:
    """Let it happen. Raises TimeoutError when the sidecars never agree."""
    async with running_world(folder, server, sidecars) as world:
        found, traffic = Storm(), Traffic()
        steps = await _prepare(world)
        pair = PairWatcher(traffic, PAIRED, PAIR, _key)
        swap = SwapWatcher(traffic, SWAPPED, SWAPPER, _key(SWAPPER))
        passers = [Passer(traffic, ASKED, SECRETS, keys_of, random.Random(at)) for at in range(_PASSERS)]
        async with traffic.flowing(world.ports, [pair, swap, *passers]):
            async with asyncio.TaskGroup() as group:
                looking = group.create_task(_look(world, traffic, found))
                await asyncio.gather(*(_write(step, traffic, going, found) for step in steps))
                looking.cancel()
            ended_s = monotonic_s()
            records = await asyncio.to_thread(read_records, server)
            found.wrong += broken(records)
            # Of records that break a rule nobody can say what they mean.
            agreeing = () if found.wrong else world.ports
            differed = await asyncio.gather(*(_agree(port, records) for port in agreeing))
            found.agreed_s, found.differed_s = (
                monotonic_s() - ended_s,
                max([0.0, *(each - ended_s for each in differed)]),
            )
        found.moves_met, found.swaps_met, found.statuses = len(pair.seen), len(swap.seen), traffic.statuses
        found.wrong += traffic.wrong
        # What a throttle refused goes back to its plan with the next word to the store.
        with contextlib.suppress(TimeoutError):
            await until(lambda: not any(_miscounted(world)))
        found.wrong += _miscounted(world)
        return found


async def _prepare(world: World) -> list[Step]:
    """What the writers do again and again, once the sidecars serve pair and swapper."""
    mover = Mover(world.desks[0], PAIRED, PAIR)
    swapper = Swapper(world.desks[1], SWAPPED, SWAPPING, SWAPPER)
    writers = [
        Writer(world.desks[number], SERVICES, APIS, PLANS, SECRETS, random.Random(number))
        for number in range(2, WRITERS)
    ]
    await writers[0].make_all()
    await mover.begin()
    await swapper.step()
    for port in world.ports:
        async with opened(port) as line:
            for place, secret_id in ((PAIRED, PAIR[0]), (SWAPPED[0], SWAPPER)):
                await until_true(partial(_is_served, line, place, secret_id))
    return [mover.step, swapper.step, *(writer.step for writer in writers)]


async def _is_served(line: Line, place: Place, secret_id: str) -> bool:
    return (await line.ask(place, secret_id, _key(secret_id))).status == 200


async def _write(step: Step, traffic: Traffic, going: Going, found: Storm) -> None:
    tried = 0
    while await going(traffic, tried):
        tried += 1
        try:
            found.made[await step()] += 1
        except OperationError as error:
            found.refused[error.reason.value] += 1


async def _look(world: World, traffic: Traffic, found: Storm) -> None:
    """Whenever callers have asked a while: whether the rules hold at that moment."""
    while True:
        await traffic.more(_ROUNDS)
        records = await asyncio.to_thread(read_records, world.server, at_rest=False)
        found.wrong += broken(records, at_rest=False)
        found.looks += 1


async def _agree(port: int, records: Records) -> float:
    """Return once this sidecar answers as the records say, whoever asks; when it last did otherwise."""
    now_s = wall_s()
    asked = [(PAIRED, each, _key(each)) for each in PAIR]
    asked += [(place, SWAPPER, _key(SWAPPER)) for place in SWAPPED]
    asked += [(place, each, key) for place in ASKED for each in SECRETS for key in keys_of(each)]
    dues = [due(records, secret_id, key, place, VAULT, now_s) for place, secret_id, key in asked]
    differed: list[float] = [0.0]
    async with opened(port) as line:
        for request, wanted in zip(asked, dues, strict=True):
            await until_true(partial(_is_due, line, request, wanted, differed))
    return differed[-1]


async def _is_due(line: Line, request: tuple[Place, str, str], wanted: Due, differed: list[float]) -> bool:
    answer = await line.ask(*request)
    if answer.status in wanted.statuses and answer[1:] == (wanted.plan_id, wanted.limit):
        return True
    differed.append(monotonic_s())
    return False


def _miscounted(world: World) -> Iterator[str]:
    """Each call is charged once, to the plan under which the backend was called.

    No Api, and no throttle, is charged for more than what it was called.
    """
    called: Counter[str] = Counter()
    for seen in world.backend.seen:
        plan_id, path = seen.values(b"x-quotad-plan-id")[0].decode(), seen.line.split()[1].decode()
        place, _, api_id = path.removeprefix("/").partition("/api-")
        for whose in (plan_id, ".throttle"):
            called[f"{whose}/{place}"] += 1
            called[f"{whose}/{place}/.api.api-{api_id}"] += 1
    charged: Counter[str] = Counter()
    with world.server.client() as client:
        for key in client.scan_iter("quotad:{*/*}:s"):
            whose, place, own = _place_of(key.decode())
            if own == ".shadow":
                continue
            units = read_state(client.hgetall(key))["total.charged"]
            throttle = whose.startswith(".throttle.")
            names = [f"{'.throttle' if throttle else whose}/{place}"]
            names += [f"{names[0]}/{own}"] if own else []
            for name in names[-1:] if throttle else names:
                charged[name] += units
    for name in sorted(called.keys() | charged.keys()):
        whole = "/.api." not in name and not name.startswith(".throttle/")
        if called[name] < charged[name] or (whole and called[name] != charged[name]):
            yield f"{name} was called {called[name]} times, and charged {charged[name]}"


def _place_of(key: str) -> tuple[str, str, str]:
    """A plan, service and environment, and what stands behind: an Api, a shadow's word, or nothing."""
    parts = key.partition("{")[2].partition("}")[0].split("/")
    behind = parts[3] if parts[3:] and parts[3].startswith(".") else ""
    return parts[0], "/".join(parts[1:3]), behind


def _key(secret_id: str) -> str:
    return keys_of(secret_id)[0]
