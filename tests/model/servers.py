"""Servers of the model: the reference as each has it, and which grants it knows of."""

import copy
from typing import TYPE_CHECKING

from quotad.core.account import Account
from quotad.core.ledger import Entry
from quotad.core.quota import LEAVE, Answer, AnswerStatus, Call
from quotad.core.reference import Reference
from quotad.errors import StoreError
from tests.model.ledger import Grant, window_of

if TYPE_CHECKING:
    from tests.model.world import World


class Server:
    """One primary, or what once was one."""

    def __init__(self, world: "World", reference: Reference, known: set[Grant], void: set[Grant]) -> None:
        self.world = world
        self.reference = reference
        self.known = known
        """Grants that its counters hold: made here, taken over, or told by their Sidecars."""
        self.void = void
        """Grants that it will never be told of: their Sidecar was silent for a hold time."""
        self.is_up = True
        self.replicates = True
        self.replays: list[tuple[object, int]] = []
        """Who told it of what was admitted without it, and how much, when no replica listened any more."""
        self._left: dict[bytes, int] = {}
        """The number of the call by which a Sidecar let its Entry go last."""

    def fork(self) -> "Server":
        """What a replica has of it now."""
        return Server(self.world, copy.deepcopy(self.reference), set(self.known), set(self.void))

    def forget(self) -> None:
        """``FLUSHALL``."""
        self.reference = Reference()
        self.known, self.void = set(), set()

    def execute(
        self, sidecar_id: bytes, call: Call, settle_only: bool, sent_s: float
    ) -> tuple[Answer | StoreError, Grant | None]:
        """Run one Call, and tell the ledger what really happened."""
        if not self.is_up:
            return StoreError("readonly", "it is no primary", executed=False), None
        world, ledger = self.world, self.world.ledgers[call.subject.tag]
        before = self._entries(call.subject.tag)
        if world.is_silent(sidecar_id):
            self._forget(call.subject.tag, sidecar_id)
        serve = self.reference.settle if settle_only else self.reference.reserve
        answer = serve(world.now_us(), sidecar_id, world.hold_us, call)
        gone = before.keys() - self._entries(call.subject.tag).keys()
        for other in gone:
            if other != sidecar_id or call.cost != LEAVE:
                world.reclaimed(call.subject, other, before[other])
                self._forget(call.subject.tag, other)
        if call.cost == LEAVE and not answer.generation:
            self._left[sidecar_id] = call.number
        elif call.memory is not None and call.number < self._left.get(sidecar_id, 0):
            # Run after the Entry that it speaks of was let go: it is charged anew, to nobody.
            ledger.stranded_at_most += call.memory.granted + call.memory.previous_granted
        if answer.status == AnswerStatus.DECIDED and answer.generation:
            self._learn(call, sidecar_id, sent_s)
        window, limit = window_of(world.kind, answer)
        if answer.status == AnswerStatus.DECIDED:
            ledger.decided(window, limit)
        if not answer.granted:
            return self._told(answer), None
        grant = Grant(sidecar_id, answer.generation, window, answer.granted)
        self.known.add(grant)
        ledger.granted(grant, self.known)
        if not self.replicates:
            ledger.lost += grant.units
        return self._told(answer), grant

    def _told(self, answer: Answer) -> Answer | StoreError:
        if self.replicates or not self.world.case.waits:
            return answer
        return StoreError("unreplicated", "no replica had it in time", executed=None)

    def _learn(self, call: Call, sidecar_id: bytes, sent_s: float) -> None:
        """Its Sidecar has restored its Entry: what it had heard of when it sent the call."""
        for grant in self._grants(call.subject.tag, sidecar_id):
            is_told = grant.heard_s is not None and grant.heard_s <= sent_s
            if is_told and grant.generation == call.generation and grant not in self.void:
                self.known.add(grant)

    def _forget(self, tag: str, sidecar_id: bytes) -> None:
        self.void |= set(self._grants(tag, sidecar_id)) - self.known

    def _grants(self, tag: str, sidecar_id: bytes) -> list[Grant]:
        if not self.world.case.forgets:
            return []
        of_all = self.world.ledgers[tag].grants.values()
        return [grant for grants in of_all for grant in grants if grant.sidecar_id == sidecar_id]

    def _entries(self, tag: str) -> dict[bytes, Entry]:
        account: Account | None = self.reference.accounts.get(tag)
        return {} if account is None else dict(account.entries)
