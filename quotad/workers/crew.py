"""Keeps N workers alive, and gives all of them the same configuration or none."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine
from itertools import cycle
from typing import Any

from quotad import __version__, lifetime
from quotad.errors import QuotadError
from quotad.telemetry.figures import Figures
from quotad.workers.child import Answer, Child

START_S = 60.0
"""To connect to a store and read a large configuration on a busy machine."""
ORDER_S = 30.0
REPORT_EVERY_S = 1.0
"""What a worker counted after its last report is lost from the metrics when it is killed."""
REPORT_WITHIN_S = 0.25
"""How long a scrape waits for fresh reports."""
FIND_S = 1.0
SLUGGISH_S = 5.0
"""A worker that has owed a report for this long does not count as ready."""
STUCK_S = 30.0
"""After this it is killed and replaced."""
SHORT_LIFE_S = 1.0
"""A worker that ends this soon after it was ready has died at start."""
PAUSES_S = (0.1, 5.0)
"""Between a worker that died at start and the next: doubled each time, from and up to."""
DRAIN_MARGIN_S = 10.0

log = logging.getLogger("quotad")

Spawn = Callable[[int], Awaitable[Child]]


class Crew:
    """The workers. ``spawn`` runs one, given its number from 1 on."""

    def __init__(self, count: int, parcel: bytes, spawn: Spawn) -> None:
        self._parcel = parcel
        self._version = __version__
        """Workers must be of it; empty once others were let in by ``swap``."""
        self._spawn = spawn
        self._alive: set[Child] = set()
        """Also those that are only starting, or have retired and finish what is in flight."""
        self._children: dict[int, Child] = {}
        """Who has each place."""
        self._numbers = range(1, count + 1)
        self._past = Figures()
        self._draining = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._collecting: asyncio.Task[None] | None = None
        self.restarts = 0
        """Workers that were put in a dead one's place."""

    @property
    def ready(self) -> int:
        """How many listen, know what they may serve, and answer."""
        return sum(
            child.ready and child.loaded and child.silent_s < SLUGGISH_S for child in self._children.values()
        )

    def figures(self) -> Figures:
        """The sum over all workers, dead ones included."""
        total = Figures()
        total.add(self._past)
        for child in self._alive:
            total.add(child.figures)
        return total

    async def start(self) -> None:
        """Start all of them. Raises QuotadError when one cannot start; ``drain`` ends the others."""
        started = await asyncio.gather(*map(self._launch, self._numbers), return_exceptions=True)
        for child in started:
            if isinstance(child, Child):
                self._seat(child)
        self._collecting = asyncio.get_running_loop().create_task(self._collect())
        for failure in started:
            if isinstance(failure, BaseException):
                raise failure

    async def swap(self, parcel: bytes) -> None:
        """Put a new worker with this configuration in each one's place; the old ones drain, and end.

        Raises QuotadError when one cannot start: then no place has changed hands. New workers are
        whatever is installed now, if it can read ``parcel`` and its reports can be read.
        """
        starting = [self._begin(number, parcel, "") for number in self._numbers]
        started = await asyncio.gather(*starting, return_exceptions=True)
        children = [each for each in started if isinstance(each, Child)]
        try:
            for failure in started:
                if isinstance(failure, BaseException):
                    raise failure
            await asyncio.gather(*(child.report() for child in children))
            await asyncio.gather(*(child.listen((child.number - 1,), START_S) for child in children))
        except BaseException:
            for child in children:
                child.end(signal.SIGKILL)
            await asyncio.gather(*map(self._bury, children))
            raise
        self._parcel, self._version = parcel, ""
        for child in children:
            old = self._children.get(child.number)
            self._seat(child)
            if old is not None:
                old.retired = True
                self._run(self._retire(old))
        self._cover()

    async def refresh(self) -> None:
        """Hear from every worker, unless one takes too long: then its last report stands."""
        reports = [child.report() for child in self._children.values() if child.ready]
        if reports:
            await asyncio.wait(reports, timeout=REPORT_WITHIN_S)

    async def find(self, request_id: str) -> Answer | None:
        """What a worker remembers of a refused request; None: its id is of none that answers."""
        orders = [child.order("find", FIND_S, request_id=request_id) for child in self._listening()]
        for answer in await asyncio.gather(*orders, return_exceptions=True):
            if isinstance(answer, dict) and answer["found"] is not None:
                found: Answer = answer["found"]
                return found
        return None

    async def prepare(self, parcel: bytes) -> list[Child]:
        """Have every worker make a configuration ready. Raises QuotadError when one refuses: then none does.

        Answers who is prepared, for ``commit``.
        """
        children = self._listening()
        refusals = await asyncio.gather(*(_refusal(_prepare(child, parcel)) for child in children))
        for refusal in refusals:
            if refusal is not None:
                await asyncio.gather(*(_refusal(child.order("abort", ORDER_S)) for child in children))
                raise refusal
        return children

    async def commit(self, parcel: bytes, prepared: list[Child]) -> None:
        """Bring it into force: to be called right after ``prepare``."""
        self._parcel = parcel
        # Who began to listen meanwhile has the old one; who begins from here on asks for this one first.
        late = [child for child in self._listening() if child not in prepared]
        orders: list[Awaitable[object]] = [child.order("commit", ORDER_S) for child in prepared]
        orders += [_renew(child, parcel) for child in late]
        refusals = await asyncio.gather(*map(_refusal, orders))
        for child, refusal in zip([*prepared, *late], refusals, strict=True):
            child.parcel = parcel
            if refusal is not None:
                log.error("%s; it is replaced, so that nobody serves the old configuration", refusal)
                child.end(signal.SIGKILL)

    async def drain(self, grace_s: float) -> None:
        """Let all of them finish what is in flight, and end; also those that were only starting."""
        self._draining.set()
        for child in self._alive:
            child.end()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_end_within_s(grace_s))
            if late:
                log.error("%d workers did not end in time and are killed", len(late))
        # Nobody looks after those whose start was cancelled.
        for child in self._alive:
            child.end(signal.SIGKILL)
        while self._tasks:
            await asyncio.wait(self._tasks)
        await asyncio.gather(*map(self._bury, tuple(self._alive)))
        if self._collecting is not None:
            self._collecting.cancel()

    def _listening(self) -> list[Child]:
        return [child for child in self._alive if child.listens and not child.retired]

    def _run(self, doing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _begin(self, number: int, parcel: bytes, version: str) -> Child:
        """A worker that runs, but does not listen yet. Raises QuotadError, and leaves nothing behind."""
        child = await self._hire(number)
        try:
            if self._draining.is_set():
                raise QuotadError("draining")
            await child.start(parcel, START_S, version)
        except BaseException:
            child.end(signal.SIGKILL)
            await self._bury(child)
            raise
        return child

    async def _hire(self, number: int) -> Child:
        """A process, which is known from its first moment on."""
        spawning = asyncio.ensure_future(self._spawn(number))
        try:
            # Cancelled half way, the loop would forget a process that runs already, or not wait for its end.
            child = await asyncio.shield(spawning)
        except asyncio.CancelledError:
            self._run(self._dismiss(spawning))
            raise
        self._alive.add(child)
        return child

    async def _dismiss(self, spawning: "asyncio.Future[Child]") -> None:
        with contextlib.suppress(QuotadError):
            child = await spawning
            self._alive.add(child)
            child.end(signal.SIGKILL)
            await self._bury(child)

    async def _launch(self, number: int) -> Child:
        """A worker that listens at its own place. Raises QuotadError, and leaves nothing behind."""
        child = await self._begin(number, self._parcel, self._version)
        try:
            while child.parcel is not self._parcel:
                await _renew(child, self._parcel)
            child.listens = True
            await child.listen((number - 1,), START_S)
        except BaseException:
            child.end(signal.SIGKILL)
            await self._bury(child)
            raise
        return child

    def _seat(self, child: Child, pause_s: float = 0.0) -> None:
        """From now on it has its place, and somebody will after it."""
        self._children[child.number] = child
        child.listens = True
        child.is_ready()
        self._run(self._keep(child, pause_s))

    def _cover(self) -> None:
        """Have who is there accept callers at the places of who is not, and at no place too many."""
        seated = sorted(self._children.values(), key=lambda child: child.number)
        if not seated or self._draining.is_set():
            return
        slots = {child: [child.number - 1] for child in seated}
        empty = [number - 1 for number in self._numbers if number not in self._children]
        for slot, child in zip(empty, cycle(seated)):
            slots[child].append(slot)
        for child, wanted in slots.items():
            if child.slots != tuple(wanted):
                self._run(self._order_to_cover(child, wanted))

    async def _order_to_cover(self, child: Child, slots: list[int]) -> None:
        refusal = await _refusal(child.listen(slots, ORDER_S))
        if refusal is not None and child in self._alive:
            log.error("%s; it is replaced, since callers may wait where nobody listens", refusal)
            child.end(signal.SIGKILL)

    async def _retire(self, child: Child) -> None:
        refusal = await _refusal(child.order("retire", ORDER_S))
        if refusal is not None:
            child.end()

    async def _bury(self, child: Child) -> int:
        status = await child.ended()
        self._past.add(child.figures.past())
        self._alive.discard(child)
        if self._children.get(child.number) is child:
            del self._children[child.number]
        return status

    async def _keep(self, child: Child, pause_s: float = 0.0) -> None:
        """Until its end; then there is another of its number, unless it has retired or all drain.

        ``pause_s``: what was waited before this one was started.
        """
        status = await self._bury(child)
        if self._draining.is_set() or child.retired:
            return
        log.error("worker %d (process %d) %s; it is replaced", child.number, child.process.pid, _how(status))
        self._cover()
        pause_s = _next_pause_s(pause_s) if child.ready_for_s < SHORT_LIFE_S else 0.0
        while not await self._is_settled(child.number, pause_s):
            self.restarts += 1
            try:
                successor = await self._launch(child.number)
            except QuotadError as error:
                pause_s = _next_pause_s(pause_s)
                if not self._draining.is_set():
                    log.error("worker %d: %s; again in %.1f s", child.number, error, pause_s)  # noqa: TRY400 - no trace
                continue
            if successor.number in self._children:
                # A swap was quicker.
                successor.retired = True
                self._run(self._keep(successor))
                await self._retire(successor)
            else:
                self._seat(successor, pause_s)
                self._cover()
            return

    async def _is_settled(self, number: int, pause_s: float) -> bool:
        """Whether after this pause nobody is to be put in that place."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._draining.wait()
        return self._draining.is_set() or number in self._children

    async def _collect(self) -> None:
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            for child in self._alive:
                if child.ready:
                    child.report()
                if child.silent_s > STUCK_S:
                    log.error("worker %d has not answered for %.0f s and is killed", child.number, STUCK_S)
                    child.end(signal.SIGKILL)


def _end_within_s(grace_s: float) -> float:
    return grace_s + lifetime.SETTLE_WITHIN_S + DRAIN_MARGIN_S


async def _prepare(child: Child, parcel: bytes) -> None:
    await child.order("prepare", ORDER_S, parcel=parcel.decode("ascii"))


async def _renew(child: Child, parcel: bytes) -> None:
    await _prepare(child, parcel)
    await child.order("commit", ORDER_S)
    child.parcel = parcel


async def _refusal(doing: Awaitable[object]) -> QuotadError | None:
    try:
        await doing
    except QuotadError as error:
        return error
    return None


def _next_pause_s(pause_s: float) -> float:
    shortest_s, longest_s = PAUSES_S
    return min(max(shortest_s, 2 * pause_s), longest_s)


def _how(status: int) -> str:
    return f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
