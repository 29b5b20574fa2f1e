"""What was admitted while the store was away, on disk: semantics.md 5, "Journal".

Absolute totals per Subject, day and process start, so that a replay is a maximum and twice is once.
An admission counts once ``record`` has answered True: its total is then with the kernel, which ``kill -9``
does not reach; a thread brings it to the disk within about ``SYNC_EVERY_S``, so a power failure may
take what is younger.
"""

import contextlib
import errno
import logging
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from quotad.clock import MonotonicClock, monotonic_s
from quotad.engine.journal_file import (
    SLOT_BYTES,
    SUFFIX,
    UNFINISHED,
    DamagedError,
    Header,
    Record,
    Slot,
    SlotFile,
    adopt,
    create,
    tidy,
)
from quotad.errors import JournalError

MAX_SLOTS = 65_536
SYNC_EVERY_S = 0.075
RETRY_S = 1.0
"""A disk that had no space is asked again after this long."""
WARN_EVERY_S = 60.0

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

_UNUSABLE = "is closed, or could not be brought to the disk"

log = logging.getLogger(__name__)


class Syncer:
    """Brings writes to the disk from a thread of its own: the event loop never waits for a disk."""

    def __init__(self, sync: Callable[[], None]) -> None:
        self.failed = False
        """A write may be lost that was taken for safe: nothing more may be promised."""
        self._sync = sync
        self._asked = False
        self._ending = False
        self._wake = threading.Event()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="quotad-journal", daemon=True)
        self._thread.start()

    def ask(self) -> None:
        """Something was written."""
        if not self._asked:
            self._asked = True
            self._wake.set()

    def stop(self) -> None:
        """Bring the rest to the disk, and end."""
        self._ending = True
        self._end.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            # Before the sync: what is written from here on asks anew.
            self._asked = False
            try:
                self._sync()
            except OSError as error:
                self.failed = True
                log.error("the journal cannot be brought to the disk: %s", error.strerror)  # noqa: TRY400
                return
            if self._ending:
                return
            self._end.wait(SYNC_EVERY_S)


class Orphan:
    """A dead process's journal, taken over by this one and by no other while it lives."""

    def __init__(self, file: SlotFile) -> None:
        self.sidecar_id = file.header.sidecar_id
        self.damaged = 0
        """Slots of which nothing, or only an older total, could be read. Such a file is kept aside."""
        self._file = file
        self._slots: dict[tuple[str, int], Slot] = {}
        for slot in file.read():
            if slot is None or slot.torn:
                self.damaged += 1
            if slot is not None:
                self._keep(slot)

    @property
    def records(self) -> list[Record]:
        """What is still to be replayed."""
        return [slot.record for slot in self._slots.values()]

    def _keep(self, slot: Slot) -> None:
        key = slot.begun.tag, slot.begun.day_end_us
        known = self._slots.get(key)
        # A power failure may bring an older slot of the same day back.
        if known is None or known.total < slot.total:
            self._slots[key] = slot

    def done(self, record: Record) -> None:
        """The store has acknowledged it. The file goes with the last one; twice is once."""
        slot = self._slots.pop((record.tag, record.day_end_us), None)
        if slot is None:
            return
        try:
            self._file.free(slot)
            self.finish()
        except OSError as error:
            _warn(self._file.path, error.strerror)

    def finish(self) -> None:
        """Remove the file if nothing in it is to be replayed. Raises OSError."""
        if self._slots:
            return
        if self.damaged:
            aside = self._file.set_aside()
            _warn(self._file.path, f"{self.damaged} slots are damaged; it is kept as {aside.name}")
        else:
            self._file.remove()

    def close(self) -> None:
        """Leave the rest to another process."""
        self._file.close()


class Journal:
    """One process start's journal, and the way to those of the dead.

    Lives on the event loop's thread (``orphans`` may be walked on another). Not to be carried over a fork:
    the child would keep its parent's lock.
    """

    def __init__(
        self,
        directory: Path,
        namespace: str,
        sidecar_id: bytes,
        max_slots: int = MAX_SLOTS,
        monotonic: MonotonicClock = monotonic_s,
    ) -> None:
        """``sidecar_id`` names this process start and no other."""
        self._directory = directory
        self._header = Header(namespace, sidecar_id)
        self._max_slots = max_slots
        self._monotonic = monotonic
        self._file: SlotFile | None = None
        self._syncer: Syncer | None = None
        self._slots: dict[tuple[str, int], Slot] = {}
        self._free: list[int] = []
        self._room = 0
        self._opened = False
        self._retry_s = 0.0
        self._warn_s = -WARN_EVERY_S
        self._refused: set[str] = set()
        self.writable = False
        """Whether the latest Record was taken. ``record`` finds out by itself when it can be again."""

    def open(self) -> None:
        """Make the folder and the own file. A full disk is no error here: ``writable`` is then False.

        Raises JournalError when the folder cannot be used.
        """
        self._opened = True
        try:
            self._grow()
            self.writable = True
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            if isinstance(error, OSError) and error.errno in _FULL:
                self._refuse(f"cannot be written: {reason}")
            else:
                self._opened = False
                raise JournalError(f"the journal folder {self._directory} cannot be used: {reason}") from None

    def record(self, tag: str, plan_id: str, day_end_us: int, total: int, about: bytes) -> bool:
        """Note the absolute total that was admitted without the store for a Subject in a day.

        False when it cannot be noted: it must then not be admitted. Never raises. ``about`` is kept
        as given first; the numbers are below 2**63.
        """
        slot = self._slots.get((tag, day_end_us))
        if slot is None:
            return self._begin(Record(tag, plan_id, day_end_us, total, about))
        if total <= slot.total:
            return True
        if self._syncer is None or self._syncer.failed or self._file is None:
            return self._refuse(_UNUSABLE)
        try:
            self._file.advance(slot, total)
        except OSError as error:
            return self._refuse(f"cannot be written: {error.strerror}")
        self.writable = True
        self._syncer.ask()
        return True

    def settled(self, tag: str, day_end_us: int, total: int) -> None:
        """The store has acknowledged this total. Its slot is free, unless the total has grown since."""
        slot = self._slots.get((tag, day_end_us))
        if slot is None or slot.total > total or self._file is None or self._syncer is None:
            return
        try:
            self._file.free(slot)
        except OSError as error:
            # It stays, and may be settled again; replayed again it changes nothing.
            self._refuse(f"cannot be written: {error.strerror}")
            return
        del self._slots[tag, day_end_us]
        self._free.append(slot.offset)
        self._syncer.ask()

    def pending(self) -> list[Record]:
        """The own Records that the store has not acknowledged."""
        return [slot.record for slot in self._slots.values()]

    def orphans(self) -> Iterator[Orphan]:
        """Take over the journals of dead owners, one by one; each must be done or closed.

        What is damaged is set aside, what cannot be opened is left alone; both are logged once. Names
        that are no journals, living owners' and other namespaces' files are not touched.
        """
        own = f"{self._header.sidecar_id.hex()}{SUFFIX}"
        try:
            paths = sorted(self._directory.iterdir())
        except OSError as error:
            self._warn_once(self._directory, error.strerror)
            return
        for path in paths:
            if path.name.endswith(UNFINISHED):
                tidy(path)
            elif path.name.endswith(SUFFIX) and path.name != own:
                orphan = self._adopt(path)
                if orphan is not None:
                    yield orphan

    def close(self) -> None:
        """Bring the rest to the disk and let go of the own file; it goes when nothing is pending."""
        syncer, self._syncer = self._syncer, None
        file, self._file = self._file, None
        self._opened = self.writable = False
        if syncer is not None:
            syncer.stop()
        if file is None:
            return
        try:
            if self._slots:
                file.close()
            else:
                file.remove()
        except OSError as error:
            _warn(file.path, error.strerror)

    def _begin(self, record: Record) -> bool:
        if not self._opened or (self._syncer is not None and self._syncer.failed):
            return self._refuse(_UNUSABLE)
        if len(self._slots) >= self._max_slots:
            return self._refuse(f"is full: {self._max_slots} Subjects")
        try:
            if not self._free:
                if self._monotonic() < self._retry_s:
                    return False
                self._grow()
            slot = self._require().begin(self._free[-1], record)
        except OSError as error:
            return self._refuse(f"cannot be written: {error.strerror or error}")
        except (ValueError, struct.error):
            # This Subject's own: its names do not fit.
            return False
        self._free.pop()
        self._slots[record.tag, record.day_end_us] = slot
        self.writable = True
        if self._syncer is not None:
            self._syncer.ask()
        return True

    def _require(self) -> SlotFile:
        if self._file is None:
            raise OSError("the journal is not open")
        return self._file

    def _grow(self) -> None:
        """Take space for more slots; makes the file first if there is none. Raises OSError, ValueError."""
        # Whatever goes wrong, a full disk is not asked again for a while.
        self._retry_s = self._monotonic() + RETRY_S
        if self._file is None:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = create(self._directory, self._header)
            self._syncer = Syncer(self._file.sync)
        had, self._room = self._room, self._file.extend(self._room)
        self._free += [SLOT_BYTES * (1 + slot) for slot in reversed(range(had, self._room))]
        self._retry_s = 0.0

    def _refuse(self, why: str) -> bool:
        now_s = self._monotonic()
        if now_s - self._warn_s >= WARN_EVERY_S:
            self._warn_s = now_s
            log.error("the outage journal %s; what cannot be noted is not admitted without the store", why)
        self.writable = False
        return False

    def _adopt(self, path: Path) -> Orphan | None:
        try:
            file = adopt(path, self._header.namespace)
            if file is None:
                return None
            with contextlib.ExitStack() as on_error:
                on_error.callback(file.close)
                orphan = Orphan(file)
                orphan.finish()
                on_error.pop_all()
            return orphan if orphan.records else None
        except DamagedError as damage:
            _warn(path, str(damage))
        except OSError as error:
            self._warn_once(path, error.strerror)
        return None

    def _warn_once(self, path: Path, reason: str | None) -> None:
        if path.name not in self._refused:
            self._refused.add(path.name)
            _warn(path, reason)


def _warn(path: Path, reason: str | None) -> None:
    log.warning("journal %s: %s", path.name, reason)
