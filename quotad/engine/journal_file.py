"""One journal file on disk: a header, then slots of one size. Knows the format; decides nothing.

    header  magic 8, version u16, slot size u16, lengths of id and namespace u8, both, zeros, crc32
    slot    magic 4, crc32 of the rest up to the halves, day end i64, lengths of tag, plan id and about u16,
            these three, zeros; then two halves: total u64, crc32 (begun with the slot's own), zeros

A total is written to the halves in turn, so that a write cut by a power failure leaves the total before it;
a half of an earlier use of the slot does not fit the slot's crc. A slot that begins with zeros is free.
Everything is little-endian. No slot crosses a page.

Its owner holds ``flock`` on the file for life, so a file that can be locked has a dead owner.
"""

import contextlib
import errno
import fcntl
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

VERSION = 1
SLOT_BYTES = 1024
SLOTS_PER_BLOCK = 64
"""Space is taken in blocks, before a slot in it is used: 64 KiB each."""

SUFFIX = ".journal"
UNFINISHED = ".new"
"""A file whose owner has not locked it and written its header yet: holds nothing."""
ASIDE = ".damaged"

_MAGIC = b"quotadJ\n"
_SLOT_MAGIC = b"slot"
_HEADER = struct.Struct("<8sHHBB")
_SLOT = struct.Struct("<4sI")
_SLOT_BODY = struct.Struct("<qHHH")
_TOTAL = struct.Struct("<Q")
_HALF = struct.Struct("<QI4x")
_CRC = struct.Struct("<I")
_HALVES_AT = SLOT_BYTES - 2 * _HALF.size
_TEXT_BYTES = _HALVES_AT - _SLOT.size - _SLOT_BODY.size
_CREATIONS = 8
_FREE = bytes(_SLOT.size)
_EMPTY_HALF = bytes(_HALF.size)


class Record(NamedTuple):
    """What one process admitted without the store for one Subject in one day."""

    tag: str
    plan_id: str
    day_end_us: int
    """Names the day: its end in the store's microseconds."""
    total: int
    """Absolute: everything of that day since the process started."""
    about: bytes
    """What a replay needs besides; opaque here."""


class Slot:
    """A Record's place in the file."""

    __slots__ = ("begun", "half", "offset", "seed", "torn", "total")

    def __init__(self, offset: int, begun: Record, seed: int, half: int, total: int) -> None:
        self.offset = offset
        self.begun = begun
        """As it was when the slot was made."""
        self.seed = seed
        self.half = half
        """Which half takes the next total."""
        self.total = total
        self.torn = False
        """Read back with one half that is not whole."""

    @property
    def record(self) -> Record:
        """With its present total."""
        return self.begun._replace(total=self.total)


class Header(NamedTuple):
    """Whose file it is."""

    namespace: str
    sidecar_id: bytes


class DamagedError(Exception):
    """Bytes that nobody can have meant. Stays within the journal."""


def pack_header(header: Header) -> bytes:
    """The first SLOT_BYTES of a file. Raises ValueError when a part is too long."""
    namespace = header.namespace.encode()
    if len(header.sidecar_id) > 255 or len(namespace) > 255:
        raise ValueError("a journal's sidecar id and namespace have at most 255 bytes")
    head = _HEADER.pack(_MAGIC, VERSION, SLOT_BYTES, len(header.sidecar_id), len(namespace))
    body = (head + header.sidecar_id + namespace).ljust(SLOT_BYTES - _CRC.size, b"\0")
    return body + _CRC.pack(crc32(body))


def unpack_header(data: bytes) -> Header:
    """The reverse. Raises DamagedError; its text says what is wrong."""
    if len(data) < SLOT_BYTES:
        raise DamagedError("its header is cut off")
    magic, version, slot_bytes, id_length, namespace_length = _HEADER.unpack_from(data)
    if magic != _MAGIC:
        raise DamagedError("it is no journal")
    if version != VERSION or slot_bytes != SLOT_BYTES:
        raise DamagedError(f"its format version {version} is not known here")
    (crc,) = _CRC.unpack_from(data, SLOT_BYTES - _CRC.size)
    if crc != crc32(data[: SLOT_BYTES - _CRC.size]):
        raise DamagedError("its header is damaged")
    end = _HEADER.size + id_length
    namespace = data[end : end + namespace_length].decode("utf-8", "replace")
    return Header(namespace, data[_HEADER.size : end])


def pack_slot(record: Record) -> tuple[bytes, int]:
    """A slot's bytes with the first total in half 0, and its seed. Raises ValueError when it is too long."""
    tag, plan_id = record.tag.encode(), record.plan_id.encode()
    if len(tag) + len(plan_id) + len(record.about) > _TEXT_BYTES:
        raise ValueError(f"tag, plan id and about have more than {_TEXT_BYTES} bytes")
    body = _SLOT_BODY.pack(record.day_end_us, len(tag), len(plan_id), len(record.about))
    body = (body + tag + plan_id + record.about).ljust(_HALVES_AT - _SLOT.size, b"\0")
    seed = crc32(body)
    return _SLOT.pack(_SLOT_MAGIC, seed) + body + pack_half(record.total, seed) + _EMPTY_HALF, seed


def pack_half(total: int, seed: int) -> bytes:
    """One half's bytes."""
    return _HALF.pack(total, crc32(_TOTAL.pack(total), seed))


def unpack_slot(data: bytes, offset: int) -> Slot | None:
    """The slot whose SLOT_BYTES these are; None when it is free. Raises DamagedError."""
    if data.startswith(_FREE):
        return None
    magic, seed = _SLOT.unpack_from(data)
    if magic != _SLOT_MAGIC or seed != crc32(data[_SLOT.size : _HALVES_AT]):
        raise DamagedError("a slot is damaged")
    day_end_us, tag_length, plan_length, about_length = _SLOT_BODY.unpack_from(data, _SLOT.size)
    tag_at = _SLOT.size + _SLOT_BODY.size
    plan_at = tag_at + tag_length
    about_at = plan_at + plan_length
    total, newest = max(_half(data, 0, seed), _half(data, 1, seed))
    if total < 0:
        raise DamagedError("a slot has no total")
    tag, plan_id = data[tag_at:plan_at].decode(), data[plan_at:about_at].decode()
    record = Record(tag, plan_id, day_end_us, total, data[about_at : about_at + about_length])
    slot = Slot(offset, record, seed, 1 - newest, total)
    other_at = _HALVES_AT + slot.half * _HALF.size
    slot.torn = _half(data, slot.half, seed)[0] < 0 and any(data[other_at : other_at + _HALF.size])
    return slot


def _half(data: bytes, half: int, seed: int) -> tuple[int, int]:
    """(total, half); the total is -1 when the half is not whole."""
    total, crc = _HALF.unpack_from(data, _HALVES_AT + half * _HALF.size)
    return (total if crc == crc32(_TOTAL.pack(total), seed) else -1), half


class SlotFile:
    """An open file that is locked by this process. Its methods raise OSError."""

    def __init__(self, descriptor: int, path: Path, header: Header) -> None:
        self.path = path
        self.header = header
        self._descriptor = descriptor

    def extend(self, slots: int) -> int:
        """Take space for one more block of slots after the first ``slots``; how many it has then."""
        start, length = SLOT_BYTES * (1 + slots), SLOT_BYTES * SLOTS_PER_BLOCK
        try:
            _allocate(self._descriptor, start, length)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise
            self._write(start, bytes(length))
        return slots + SLOTS_PER_BLOCK

    def begin(self, offset: int, record: Record) -> Slot:
        """Make a slot there. Raises ValueError when the Record is too long for one."""
        data, seed = pack_slot(record)
        self._write(offset, data)
        return Slot(offset, record, seed, 1, record.total)

    def advance(self, slot: Slot, total: int) -> None:
        """The slot's total has grown. Raises OSError, and then the slot is as it was."""
        half = slot.half
        self._write(slot.offset + _HALVES_AT + half * _HALF.size, pack_half(total, slot.seed))
        slot.total = total
        slot.half = 1 - half

    def free(self, slot: Slot) -> None:
        """The slot holds nothing any more."""
        self._write(slot.offset, _FREE)

    def read(self) -> Iterator[Slot | None]:
        """Every slot in use; None for one that is damaged."""
        offset = SLOT_BYTES
        while block := os.pread(self._descriptor, SLOT_BYTES * SLOTS_PER_BLOCK, offset):
            for start in range(0, len(block), SLOT_BYTES):
                # Where a file was cut off, zeros stand for the rest: they do not fit the slot's crc.
                data = block[start : start + SLOT_BYTES].ljust(SLOT_BYTES, b"\0")
                try:
                    slot = unpack_slot(data, offset + start)
                except (DamagedError, UnicodeDecodeError):
                    yield None
                else:
                    if slot is not None:
                        yield slot
            offset += len(block)

    def sync(self) -> None:
        """Return when everything written is on the disk."""
        _datasync(self._descriptor)

    def remove(self) -> None:
        """Delete the file, and let go of it."""
        try:
            self.path.unlink()
        finally:
            self.close()

    def set_aside(self) -> Path:
        """Give the file a name that no process looks at, and let go of it; the new path."""
        try:
            return self.path.rename(self.path.with_name(self.path.name + ASIDE))
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the file: its lock ends, and another process may take it over."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _write(self, offset: int, data: bytes) -> None:
        if os.pwrite(self._descriptor, data, offset) != len(data):
            raise OSError(f"{self.path.name}: a write was cut short")


def create(directory: Path, header: Header) -> SlotFile:
    """A new file of this owner, locked. Raises OSError (FileExistsError: the id is in use), ValueError."""
    path = directory / f"{header.sidecar_id.hex()}{SUFFIX}"
    for attempt in range(_CREATIONS):
        # Under another name first: whoever finds the final one finds it locked and with its header.
        unfinished = path.with_suffix(f".{attempt}{UNFINISHED}")
        with contextlib.suppress(FileNotFoundError):
            return _create(path, unfinished, header)
        # A process that tidies up took it between its making and its locking.
    raise OSError(f"{path.name}: others keep removing it")


def _create(path: Path, unfinished: Path, header: Header) -> SlotFile:
    head = pack_header(header)
    descriptor = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    file = SlotFile(descriptor, path, header)
    try:
        if not _lock(descriptor):
            raise FileNotFoundError(unfinished)
        file._write(0, head)  # noqa: SLF001 - the other half of the class
        file.sync()
        if path.exists():
            raise FileExistsError(f"{path.name} exists")
        unfinished.rename(path)
        sync_directory(path.parent)
    except BaseException:
        file.close()
        unfinished.unlink(missing_ok=True)
        raise
    return file


def adopt(path: Path, namespace: str) -> SlotFile | None:
    """The file of a dead owner, now locked by this process; None when it is none of ours to take.

    Raises OSError, and DamagedError after it set the file aside.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    file = SlotFile(descriptor, path, Header(namespace, b""))
    try:
        damage = ""
        try:
            file.header = unpack_header(os.pread(descriptor, SLOT_BYTES, 0))
        except DamagedError as found:
            damage = str(found)
        # What another namespace owns is not even locked: its own processes may be about to.
        if file.header.namespace != namespace or not _lock(descriptor) or not _is_at(descriptor, path):
            file.close()
            return None
    except BaseException:
        file.close()
        raise
    if damage:
        raise DamagedError(f"{damage}; it is kept as {file.set_aside().name}")
    return file


def tidy(path: Path) -> None:
    """Remove an unfinished file if its owner died over it."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        try:
            if _lock(descriptor) and _is_at(descriptor, path):
                path.unlink()
        finally:
            os.close(descriptor)


def sync_directory(directory: Path) -> None:
    """Return when the names in it are on the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether the path still names the open file: who was locked out may hold what is removed by now."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _allocate(descriptor: int, start: int, length: int) -> None:
    if sys.platform != "linux":
        raise OSError(errno.EOPNOTSUPP, "there is no posix_fallocate")
    os.posix_fallocate(descriptor, start, length)


# Space and size are settled beforehand, so only data must reach the disk. macOS has fsync alone.
_datasync = os.fdatasync if sys.platform == "linux" else os.fsync
