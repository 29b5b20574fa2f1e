"""One run of the protocol: every Sidecar, server and admin of it, from one seed."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from quotad.core.ledger import Entry
from quotad.core.plans import Subject, UsagePlan
from quotad.core.quota import Reset, TopUp, Window
from quotad.core.reference import Reference
from quotad.engine.terms import TermsBook
from tests.model.cases import LEASES, Case
from tests.model.ledger import Ledger
from tests.model.processes import Process
from tests.model.servers import Server

MIDNIGHT_US = 1_750_032_000_000_000
"""2025-06-16 00:00 UTC, in the middle of a month."""

ZONES = ("UTC", "Asia/Kolkata", "Pacific/Auckland", "America/New_York")


class World:
    """Everything in one run, and what draws what happens."""

    def __init__(self, case: Case, seed: int, folder: Path) -> None:
        self.case = case
        self.folder = folder
        self.dice = dice = random.Random(f"{case.name} {seed}")
        self.loop = asyncio.get_running_loop()
        self.figures: Counter[str] = Counter()
        self.is_calm = False
        self.hold_us = dice.choice((2_000_000, 5_000_000))
        self.oldest_s = 0.6 * self.hold_us / 1e6
        """No call is run later than this after it was sent: less than it takes an idle Entry to leave."""
        self.kind = dice.choice(("day", "day", "month", "total"))
        before_midnight_s = dice.uniform(1, 12) if case.changes else 40_000
        self._begin_us = MIDNIGHT_US - round(before_midnight_s * 1e6)
        self.subjects = [Subject(self._plan(), "service-model", "release")]
        self.ledgers = {subject.tag: Ledger() for subject in self.subjects}
        self.primary = Server(self, Reference(), set(), set())
        self.servers = [self.primary]
        self._terms = TermsBook(self.hold_us)
        self.processes = [Process(self, number) for number in range(dice.randint(1, 6))]
        self.closing: list[asyncio.Task[None]] = []
        self._adjustments = 0

    def _plan(self) -> UsagePlan:
        dice, case = self.dice, self.case
        limit = dice.randint(3, 60) if dice.random() < 0.7 else 2_000
        rates = {"rate_rps": dice.randint(3, 30), "burst": dice.randint(3, 30)} if dice.random() < 0.5 else {}
        names = {"day": "day_quota_request", "month": "month_quota_request", "total": "max_request_num"}
        return UsagePlan(
            "usagePlan-model",
            "model",
            quota_condition=frozenset({"2xx"}) if dice.random() < 0.5 else frozenset(),
            on_crash="release" if case.release else "charge",
            lease=dice.choice(LEASES) if case.leases else None,
            on_store_failure=case.policy,
            **{names[self.kind]: limit},  # type: ignore[arg-type]
            **rates,  # type: ignore[arg-type]
        )

    # Time.

    def now_us(self) -> int:
        """The servers' clock."""
        return self._begin_us + round(self.loop.time() * 1e6)

    def at(self, delay_s: float, callback: Callable[[], None]) -> None:
        """Something happens, whoever stands still."""
        self.loop.call_later(delay_s, callback)

    async def sleep(self, for_s: float) -> None:
        """Let time pass."""
        await asyncio.sleep(for_s)

    @property
    def awake(self) -> list[Process]:
        """Processes that take requests."""
        return [
            process
            for process in self.processes
            if not (process.is_gone or process.is_paused or process.is_closing)
        ]

    # What the servers tell.

    def is_silent(self, sidecar_id: bytes) -> bool:
        """Whether a Sidecar has heard no answer for a hold time."""
        (process,) = [each for each in self.processes if each.sidecar_id == sidecar_id]
        return self.loop.time() >= process.wire.heard_s + self.hold_us / 1e6

    def reclaimed(self, subject: Subject, sidecar_id: bytes, entry: Entry) -> None:
        """A server ended the Entry of a Sidecar that was silent for too long."""
        (process,) = [each for each in self.processes if each.sidecar_id == sidecar_id]
        self.figures["reclaimed"] += 1
        ledger, held = self.ledgers[subject.tag], entry.current.open + entry.previous.open
        ledger.stranded_at_most += process.at_risk(subject, entry)
        if self.case.release:
            ledger.released += held
            for window in ledger.allowed:
                ledger.slack[window] += held

    # What happens to the servers.

    def lose_writes(self, lag_s: float) -> None:
        """A replica stops hearing from the primary now, and takes its place after ``lag_s``."""
        old, new = self.primary, self.primary.fork()
        old.replicates = False

        def promote() -> None:
            self.figures["failovers"] += 1
            self.primary = new
            self.servers.append(new)
            until_s = self.dice.uniform(0.0, 1.5)
            if not self.case.forks:
                old.is_up = False
            for process in self.processes:
                process.later(self.dice.uniform(0.0, until_s), process.wire.move)
            self.at(until_s, lambda: setattr(old, "is_up", False))

        self.at(lag_s, promote)

    def empty(self) -> None:
        """The store forgets everything; it may have been started anew."""
        self.figures["emptied"] += 1
        self.primary.forget()
        if self.dice.random() < 0.5:
            for process in self.awake:
                process.wire.reconnected += 1

    # What an admin does.

    def change_plan(self, **changes: object) -> None:
        """A new version of the plan; each process reads it at its own time."""
        self.figures["changes"] += 1
        (subject,) = self.subjects
        plan = replace(subject.plan, version=subject.plan.version + 1, **changes)  # type: ignore[arg-type]
        self.subjects = [changed] = [replace(subject, plan=plan)]
        for process in self.processes:
            process.later(self.dice.uniform(0.0, 2.0), lambda process=process: _read(process, changed))  # type: ignore[misc]

    def change_limit(self) -> None:
        """Up or down."""
        names = {"day": "day_quota_request", "month": "month_quota_request", "total": "max_request_num"}
        self.change_plan(**{names[self.kind]: self.dice.randint(2, 80)})

    def change_zone(self) -> None:
        """Days end elsewhere from now on; a day that is open does not."""
        self.change_plan(timezone=self.dice.choice(ZONES))

    def top_up(self) -> None:
        """More for a while."""
        window = {"day": Window.DAY, "month": Window.MONTH, "total": Window.TOTAL}[self.kind]
        until_us = self.now_us() + self.dice.randint(1, 8_000_000)
        self._adjustments += 1
        self._adjust(TopUp(self._adjustments, window, self.dice.randint(1, 20), until_us))

    def reset(self) -> None:
        """Use is 0 again."""
        (subject,) = self.subjects
        ledger, before = self.ledgers[subject.tag], self.primary.reference.usage(self.now_us(), subject)
        self._adjustments += 1
        self._adjust(Reset(self._adjustments, frozenset(Window)))
        after = self.primary.reference.usage(self.now_us(), subject)
        units = {
            "day": before.day_charged - after.day_charged,
            "month": before.month_charged - after.month_charged,
            "total": before.total_charged - after.total_charged,
        }
        window = after.day_end_us if self.kind == "day" else 0
        ledger.forgive(window, units[self.kind], units["total"])

    def _adjust(self, change: TopUp | Reset) -> None:
        self.figures["changes"] += 1
        (subject,) = self.subjects
        terms = self._terms.terms(subject.plan, self.now_us())
        self.primary.reference.adjust(self.now_us(), self.hold_us, subject, terms, change)


def _read(process: Process, subject: Subject) -> None:
    if subject.plan.version > process.subjects[0].plan.version:
        process.subjects = [subject]
