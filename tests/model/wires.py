"""The network between one Sidecar and the servers: it loses, delays, repeats and reorders."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from quotad.core.plans import Subject
from quotad.core.quota import Answer, Call, Replay, Reset, Terms, TopUp, Usage
from quotad.core.reference import WindowsUnfitError
from quotad.errors import StoreError
from quotad.store.interface import Batch
from tests.model.ledger import Grant

if TYPE_CHECKING:
    from tests.model.processes import Process

DEADLINE_S = 0.05
_FATES = ("call lost", "reply lost", "call late", "reply late", "repeated")


class Shipment:
    """One Batch under way."""

    def __init__(self, wire: "Wire", batch: Batch, settle_only: bool) -> None:
        self.wire = wire
        self.batch = batch
        self.settle_only = settle_only
        self.calls: Sequence[Call] = batch.calls
        self.server = wire.server
        self.sent_s = wire.world.loop.time()
        self.is_done = False
        self.is_late = False
        self._answers: list[Answer | StoreError] | None = None
        self._grants: list[Grant | None] = []

    def arrive(self) -> None:
        """The server runs it; only what it answered first is ever heard."""
        process = self.wire.process
        execute, sidecar_id = self.server.execute, process.sidecar_id
        results = [execute(sidecar_id, call, self.settle_only, self.sent_s) for call in self.calls]
        for call, (_, grant) in zip(self.calls, results, strict=True):
            if grant is not None and (self.is_done or process.is_gone):
                grant.is_void = True
            if process.is_gone:
                restored = 0 if call.memory is None else call.memory.granted
                granted = 0 if grant is None else grant.units
                self.wire.world.ledgers[call.subject.tag].stranded_at_most += granted + restored
        if self._answers is None:
            self._answers = [answer for answer, _ in results]
            self._grants = [grant for _, grant in results]

    def reply(self) -> None:
        """The answer reaches the Sidecar, if it still waits for it."""
        if self.is_done or self._answers is None:
            return
        self._end()
        for grant in self._grants:
            if grant is not None:
                grant.heard_s = self.wire.world.loop.time()
                # What came too late is given back: nobody is admitted by it.
                grant.is_void = self.is_late
        for answer in self._answers:
            if isinstance(answer, Answer):
                self.wire.hear(answer.now_us)
        self.batch.done(self._answers)

    def late(self) -> None:
        """The deadline has passed."""
        if not self.is_done:
            self.is_late = True
            self.wire.world.figures["late"] += len(self.calls)
            self.batch.late()

    def fail(self, kind: str, executed: bool | None = None) -> None:
        """The connection broke."""
        if self.is_done:
            return
        self._end()
        for grant in self._grants:
            if grant is not None:
                grant.is_void = True
        self.batch.done([StoreError(kind, "it broke", executed=executed)] * len(self.calls))

    def _end(self) -> None:
        self.is_done = True
        self.wire.open.discard(self)


class Wire:
    """``store.interface.Store`` of one process."""

    def __init__(self, process: "Process") -> None:
        self.process = process
        self.world = process.world
        self.server = process.world.primary
        self.open: set[Shipment] = set()
        self.is_cut = False
        self.reconnected = 0
        self.heard_s = 0.0
        """When it last heard an answer."""
        self._heard: tuple[int, float] | None = None

    # The way there and back.

    def submit(self, batch: Batch, settle_only: bool = False) -> None:
        """Send it into the network; what becomes of it is drawn."""
        world, dice = self.world, self.world.dice
        shipment = Shipment(self, batch, settle_only)
        self.open.add(shipment)
        world.figures["calls"] += len(batch.calls)
        if self.is_cut and self.refuses:
            self.process.later(0.001, lambda: shipment.fail("disconnected", executed=False))
            return
        there_s, back_s = dice.uniform(0.0001, 0.004), dice.uniform(0.0001, 0.004)
        self.process.later(DEADLINE_S, shipment.late)
        if self.is_cut:
            self._lose(shipment, "lost")
        elif world.is_calm or dice.random() >= world.case.spoiled:
            self._carry(shipment, there_s, back_s)
        else:
            self._spoil(shipment, there_s, back_s)

    def _spoil(self, shipment: Shipment, there_s: float, back_s: float) -> None:
        dice = self.world.dice
        fate = dice.choice(_FATES)
        if fate == "repeated":
            self.world.figures["repeated"] += len(shipment.calls)
            self._carry(shipment, there_s, back_s)
            self.world.at(dice.uniform(0.0, self.world.oldest_s), shipment.arrive)
        elif fate == "reply late":
            self._carry(shipment, there_s, dice.uniform(0.03, 3.0))
        elif fate == "call late":
            self._carry(shipment, dice.uniform(0.03, self.world.oldest_s), back_s)
        else:
            if fate == "reply lost":
                self.world.at(there_s, shipment.arrive)
            self._lose(shipment, "lost")
        if dice.random() < 0.3:
            self.process.later(dice.uniform(0.0, 1.5), lambda: self._break(shipment))

    def _carry(self, shipment: Shipment, there_s: float, back_s: float) -> None:
        def arrive() -> None:
            shipment.arrive()
            self.process.later(back_s, shipment.reply)

        self.world.at(there_s, arrive)

    def _lose(self, shipment: Shipment, figure: str) -> None:
        self.world.figures[figure] += len(shipment.calls)
        self.process.later(self.world.dice.uniform(0.01, 1.5), lambda: self._break(shipment))

    def _break(self, shipment: Shipment) -> None:
        if not shipment.is_done:
            shipment.fail("broken")
            self.reconnected += self.world.dice.random() < 0.3

    # What happens to the connection.

    @property
    def refuses(self) -> bool:
        """Of an outage: whether it is known at once that nothing can be sent."""
        return self.process.number % 2 == 0

    def move(self) -> None:
        """To the present primary."""
        if self.server is not self.world.primary:
            self.server = self.world.primary
            self.reconnected += 1
        for shipment in sorted(self.open, key=lambda each: each.sent_s):
            shipment.fail("failover")

    def hear(self, now_us: int) -> None:
        """The store's time."""
        self._heard = now_us, self.process.monotonic_s()
        self.heard_s = self.world.loop.time()

    # ``Store``.

    def now_us(self) -> int | None:
        """See ``Store.now_us``."""
        if self._heard is None:
            return None
        return self._heard[0] + round((self.process.monotonic_s() - self._heard[1]) * 1e6)

    @property
    def reconnects(self) -> int:
        """See ``Store.reconnects``."""
        return self.reconnected

    async def replay(self, subject: Subject, terms: Terms, record: Replay, owner: bytes = b"") -> Usage:
        """See ``Store.replay``; lost like any other, before or after it was run."""
        world, spoils = self.world, not self.world.is_calm and self.world.dice.random() < 0.3
        await world.sleep(0.002)
        if self.is_cut or (spoils and world.dice.random() < 0.5) or not self.server.is_up:
            raise StoreError("disconnected", "it is away", executed=False)
        try:
            usage = self.server.reference.replay(
                world.now_us(), owner or self.process.sidecar_id, world.hold_us, subject, terms, record
            )
        except WindowsUnfitError:
            raise StoreError("script", "the windows do not fit", executed=False) from None
        if not self.server.replicates:
            self.server.replays.append((self, record.total))
        if spoils or (world.case.waits and not self.server.replicates):
            raise StoreError("broken", "its reply was lost", executed=None)
        await world.sleep(0.002)
        return usage

    async def usage(self, subjects: Sequence[Subject]) -> list[Usage]:
        """Nobody asks for it here."""
        raise NotImplementedError

    async def adjust(self, subject: Subject, terms: Terms, change: TopUp | Reset) -> Usage:
        """Nobody asks for it here: an admin is no Sidecar."""
        raise NotImplementedError

    async def start(self) -> None:
        """There is nothing to connect to."""

    async def close(self) -> None:
        """There is nothing to disconnect from."""
