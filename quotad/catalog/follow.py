"""Keeps a ``LiveTable`` as the control records are: read whole once, then commit by commit.

Every commit names the one before it, so what was missed is noticed: a log that was cut, a server that
came back older than it was, records that were put in the place of others. Then all is read again, beside
what is in force, and takes its place at once. Whatever happens to the store, what is known stays.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from quotad import garbage
from quotad.catalog.draft import Draft, LostTrackError, Reader, Reading
from quotad.catalog.live import LiveTable
from quotad.clock import MonotonicClock
from quotad.errors import StoreError
from quotad.store.control import Head

WAIT_MS: Final = 1_000
"""How long one question for the next commit waits."""
CHECK_S: Final = 1.0
"""How often the head is compared, which alone tells of commits that were lost."""
PAUSES_S: Final = (0.05, 1.0)
"""After a failure, doubled each time, from and up to."""
_CANCELLED_S: Final = 0.1
_NAMED = 3
"""Unreadable records that one line of the log names."""

NO_RECORDS = Head(0, "")

log = logging.getLogger("quotad")


class Follower:
    """Reads and follows in a task of its own, from ``start`` to ``close``."""

    def __init__(
        self, control: Reader, table: LiveTable, reading: Reading, monotonic_s: MonotonicClock
    ) -> None:
        self._control = control
        self._table = table
        self._reading = reading
        self._monotonic_s = monotonic_s
        self._head = NO_RECORDS
        self._followed: set[str] = set()
        self._stale = True
        self._trouble = ""
        self._agreed_s = self._checked_s = monotonic_s()
        self._task: asyncio.Task[None] | None = None
        self.on_change: Callable[[bool], object] = bool
        """Called after each change of the table; True: not of Secrets alone."""
        self.loaded = asyncio.Event()
        """Set once the records were read."""
        self.failures = dict.fromkeys(("store", "gap", "fork", "empty", "record", "internal"), 0)
        """How often following failed, by why: the store gave no answer; the log was cut; a commit was
        lost; all records are gone; a record could not be read; an error of ours."""

    @property
    def version(self) -> int:
        """Of the state in force; 0: there are no records, or none were read yet."""
        return self._head.version

    def age_s(self) -> float:
        """Seconds since the table was last known to be as the records are."""
        return self._monotonic_s() - self._agreed_s

    def start(self) -> None:
        """Begin. ``loaded`` tells when the table can be used."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """End."""
        while self._task is not None and not self._task.done():
            self._task.cancel()
            # Before Python 3.12 a wait_for whose answer comes in the same turn swallows the cancel.
            await asyncio.wait((self._task,), timeout=_CANCELLED_S)

    def serve(self, reading: Reading) -> None:
        """From now on read for other routes; what that takes is read within a second or so."""
        if reading.references - self._reading.references:
            self._stale = True
        self._reading = reading

    async def _run(self) -> None:
        pause_s = PAUSES_S[0]
        while True:
            try:
                await (self._load() if self._stale else self._step())
            except StoreError as error:
                self._fail("store", str(error))
            except LostTrackError as lost:
                self._stale = True
                self._fail(lost.kind, str(lost))
            except Exception:
                self._stale = True
                if self._fail("internal", "an error inside quotad"):
                    log.exception("the control records are read again")
            else:
                pause_s = PAUSES_S[0]
                continue
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSES_S[1])

    async def _load(self) -> None:
        """Read everything anew, and put it in the place of what there is."""
        with garbage.left_alone():
            await self._read_all()

    async def _read_all(self) -> None:
        reading = self._reading
        head = await self._control.head()
        if head == NO_RECORDS and self._head != NO_RECORDS:
            raise LostTrackError("empty", "there are none any more; what was known stays in force")
        table = LiveTable()
        draft = Draft(table, reading, (), self._table.secrets)
        for kind in ("service", "plan"):
            async for page in self._control.records(kind):
                for record_id, record in page:
                    draft.put(kind, record_id, record)
        await draft.fetch(self._control, draft.missing())
        head = await self._settle(draft, await self._catch_up(draft, head))
        table.apply(draft.changes)
        self._table.adopt(table)
        self._stale = self._reading is not reading
        self._take_over(draft, head, places_too=True)
        self.loaded.set()

    async def _step(self) -> None:
        """Wait for the next commits, and take them over; now and then see that none was lost."""
        commits = await self._control.since(self._head.version, WAIT_MS)
        if not commits and self._monotonic_s() - self._checked_s >= CHECK_S / 2:
            head = await self._control.head()
            self._checked_s = self._monotonic_s()
            if head == self._head:
                self._agree()
                return
            if head == NO_RECORDS:
                raise LostTrackError("empty", "there are none any more; what was known stays in force")
            if head.version <= self._head.version:
                raise LostTrackError("fork", f"they went back from version {self._head.version}")
            commits = await self._control.since(self._head.version)
            if not commits:
                raise LostTrackError("gap", f"the log does not lead on from version {self._head.version}")
        if commits and self._head == NO_RECORDS:
            await self._load()
        elif commits:
            draft = Draft(self._table, self._reading, self._followed, self._table.secrets)
            head = await self._settle(draft, draft.follow(self._head, commits))
            self._table.apply(draft.changes)
            self._take_over(draft, head, bool(draft.changes.plans or draft.changes.services))

    async def _settle(self, draft: Draft, head: Head) -> Head:
        """Read what the draft lacks, and what was committed meanwhile, until it is one state."""
        while missing := draft.missing():
            await draft.fetch(self._control, missing)
            head = await self._catch_up(draft, head)
        return head

    async def _catch_up(self, draft: Draft, head: Head) -> Head:
        """Add all commits up to now to what was read since ``head``."""
        target = await self._control.head()
        if target.version < head.version:
            raise LostTrackError("fork", f"they went back from version {head.version}")
        while head.version < target.version:
            commits = await self._control.since(head.version)
            if not commits:
                raise LostTrackError("gap", f"the log does not lead on from version {head.version}")
            head = draft.follow(head, commits)
        if head.version == target.version and head.uid != target.uid:
            raise LostTrackError("fork", f"version {head.version} was made twice: a commit was lost")
        return head

    def _take_over(self, draft: Draft, head: Head, places_too: bool) -> None:
        self._head = head
        self._followed = draft.wanted
        if draft.unreadable:
            self.failures["record"] += len(draft.unreadable)
            named = "; ".join(map(str, draft.unreadable[:_NAMED]))
            log.error("%d control records cannot be read, and are left out: %s", len(draft.unreadable), named)
        self._agree()
        self.on_change(places_too)

    def _agree(self) -> None:
        self._agreed_s = self._checked_s = self._monotonic_s()
        if self._trouble or not self.loaded.is_set():
            self._trouble = ""
            log.info("control records: version %d", self._head.version)

    def _fail(self, kind: str, message: str) -> bool:
        """Count it; say so in the log unless that was the last thing said. Answers whether it was said."""
        self.failures[kind] += 1
        if self._trouble == kind:
            return False
        self._trouble = kind
        log.warning("control records: %s", message)
        return True
