"""The format of a journal file, byte by byte, and who may hold one."""

import fcntl
import os
from pathlib import Path

import pytest

from quotad.engine.journal_file import (
    SLOT_BYTES,
    SLOTS_PER_BLOCK,
    UNFINISHED,
    VERSION,
    DamagedError,
    Header,
    Record,
    SlotFile,
    adopt,
    create,
    pack_half,
    pack_header,
    pack_slot,
    tidy,
    unpack_header,
    unpack_slot,
)

HEADER = Header("quotad", b"\x01\x02\x03\x04\x05\x06\x07\x08")
RECORD = Record("plan/service/release", "plan", 1_795_046_400_000_000, 7, b"terms")
HALVES_AT = SLOT_BYTES - 32


def slot_file(tmp_path: Path) -> SlotFile:
    """A new file with one block of slots."""
    file = create(tmp_path, HEADER)
    file.extend(0)
    return file


def totals(path: Path) -> tuple[list[int], int]:
    """The totals that can be read from a file of a dead owner, and how many slots cannot."""
    file = adopt(path, HEADER.namespace)
    assert file is not None
    slots = list(file.read())
    file.close()
    return [slot.total for slot in slots if slot is not None], slots.count(None)


def test_a_header_says_whose_file_it_is() -> None:
    """What was packed is read back; it takes one slot's place."""
    assert len(pack_header(HEADER)) == SLOT_BYTES
    assert unpack_header(pack_header(HEADER)) == HEADER


@pytest.mark.parametrize("length", [0, 1, 7, SLOT_BYTES - 1])
def test_a_header_cut_off_is_damage(length: int) -> None:
    """However little is there."""
    with pytest.raises(DamagedError):
        unpack_header(pack_header(HEADER)[:length])


def test_every_byte_of_the_header_is_held_to_its_checksum() -> None:
    """One changed bit anywhere, and the header is not believed."""
    whole = pack_header(HEADER)
    for place in range(SLOT_BYTES):
        broken = bytearray(whole)
        broken[place] ^= 0x40
        with pytest.raises(DamagedError):
            unpack_header(bytes(broken))


def test_a_format_version_of_another_time_is_named() -> None:
    """A file of a later quotad is not read as one of ours."""
    later = bytearray(pack_header(HEADER))
    later[8:10] = (VERSION + 1).to_bytes(2, "little")
    with pytest.raises(DamagedError, match=f"version {VERSION + 1} "):
        unpack_header(bytes(later))


def test_a_slot_is_read_back() -> None:
    """Tag, plan, day, total and what else was given."""
    data, _ = pack_slot(RECORD)
    slot = unpack_slot(data, 1024)
    assert slot is not None
    assert (slot.record, slot.offset, slot.torn) == (RECORD, 1024, False)


def test_zeros_are_a_free_slot() -> None:
    """Space that was taken and not used holds nothing, and no damage."""
    assert unpack_slot(bytes(SLOT_BYTES), 1024) is None


def test_what_does_not_fit_is_refused() -> None:
    """A slot has one size; nothing is cut off silently."""
    pack_slot(RECORD._replace(tag="t" * 250, plan_id="p" * 250, about=b"a" * 200))
    with pytest.raises(ValueError, match="more than"):
        pack_slot(RECORD._replace(about=b"a" * SLOT_BYTES))


def test_every_byte_of_a_slot_is_held_to_a_checksum() -> None:
    """One changed bit gives the last total, the one before it, or damage: never a total nobody wrote."""
    data, seed = pack_slot(RECORD)
    data = data[: HALVES_AT + 16] + pack_half(8, seed)
    seen = set()
    for place in range(SLOT_BYTES):
        broken = bytearray(data)
        broken[place] ^= 0x01
        try:
            slot = unpack_slot(bytes(broken), 0)
        except DamagedError:
            seen.add(0)
            continue
        assert slot is not None
        assert slot.total in (7, 8)
        assert slot.record._replace(total=7) == RECORD
        seen.add(slot.total)
        padding = (place - HALVES_AT) % 16 >= 12
        assert padding or slot.torn
    assert seen == {0, 7, 8}


def test_a_write_cut_at_any_byte_leaves_the_total_before_it(tmp_path: Path) -> None:
    """A half of which only the first bytes reached the disk is no total."""
    file = slot_file(tmp_path)
    slot = file.begin(SLOT_BYTES, RECORD)
    file.advance(slot, 8)
    before = file.path.read_bytes()
    file.advance(slot, 2**40)
    after = file.path.read_bytes()
    file.close()
    start = SLOT_BYTES + HALVES_AT
    for cut in range(17):
        file.path.write_bytes(before[:start] + after[start : start + cut] + before[start + cut :])
        assert totals(file.path) == ([2**40 if cut >= 12 else 8], 0)


def test_a_file_cut_off_anywhere_in_a_slot_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    """Whole slots are read, the one that was cut is damage, and nothing is made up."""
    file = slot_file(tmp_path)
    for place in (1, 2):
        file.begin(SLOT_BYTES * place, RECORD._replace(total=place))
    whole = file.path.read_bytes()
    file.close()
    for length in range(2 * SLOT_BYTES + 1, 3 * SLOT_BYTES):
        file.path.write_bytes(whole[:length])
        found, damaged = totals(file.path)
        assert (found, damaged) in (([1], 1), ([1, 2], 0))
        # Only the empty second half may be missing without harm, and the zeros that a first one ends with.
        assert damaged == (length < 3 * SLOT_BYTES - 16 - 4)


def test_a_half_of_an_earlier_use_is_no_total(tmp_path: Path) -> None:
    """When only the slot's beginning was written anew, an old total is not the new Subject's."""
    file = slot_file(tmp_path)
    slot = file.begin(SLOT_BYTES, RECORD)
    file.advance(slot, 1000)
    fresh, _ = pack_slot(RECORD._replace(tag="plan/other/release", total=1))
    old = file.path.read_bytes()
    file.close()
    file.path.write_bytes(old[:SLOT_BYTES] + fresh[:HALVES_AT] + old[SLOT_BYTES + HALVES_AT :])
    assert totals(file.path) == ([], 1)


def test_space_is_there_before_it_is_used(tmp_path: Path) -> None:
    """A block of slots takes its blocks of the disk when it is made."""
    file = slot_file(tmp_path)
    status = file.path.stat()
    assert status.st_size == SLOT_BYTES * (1 + SLOTS_PER_BLOCK)
    assert status.st_blocks * 512 >= status.st_size
    file.close()


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    """The file is its owner's alone: it names Secrets."""
    file = slot_file(tmp_path)
    assert file.path.stat().st_mode & 0o777 == 0o600
    file.close()


def test_a_living_owners_file_is_not_taken(tmp_path: Path) -> None:
    """Only once its lock is gone; and then by one."""
    file = slot_file(tmp_path)
    assert adopt(file.path, HEADER.namespace) is None
    file.close()
    first = adopt(file.path, HEADER.namespace)
    assert first is not None
    assert adopt(file.path, HEADER.namespace) is None
    first.remove()
    assert adopt(file.path, HEADER.namespace) is None


def test_another_namespaces_file_is_not_even_locked(tmp_path: Path) -> None:
    """Two stores may share a folder."""
    file = slot_file(tmp_path)
    file.close()
    assert adopt(file.path, "another") is None
    ours = adopt(file.path, HEADER.namespace)
    assert ours is not None
    assert ours.header == HEADER
    ours.close()


def test_a_file_that_cannot_be_meant_is_set_aside(tmp_path: Path) -> None:
    """It keeps its bytes under a name that nobody looks at."""
    path = tmp_path / "00.journal"
    path.write_bytes(b"something else")
    with pytest.raises(DamagedError, match="kept as"):
        adopt(path, HEADER.namespace)
    assert [each.name for each in tmp_path.iterdir()] == ["00.journal.damaged"]
    assert (tmp_path / "00.journal.damaged").read_bytes() == b"something else"


def test_an_id_in_use_is_refused(tmp_path: Path) -> None:
    """A file that is there is never written over, and no half-made one stays."""
    file = slot_file(tmp_path)
    with pytest.raises(FileExistsError):
        create(tmp_path, HEADER)
    assert list(tmp_path.iterdir()) == [file.path]
    file.close()


def test_an_unfinished_file_goes_once_its_owner_is_dead(tmp_path: Path) -> None:
    """Not while it is locked; then it is removed, by whoever comes first."""
    path = tmp_path / f"0102030405060708.0{UNFINISHED}"
    with path.open("wb") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        tidy(path)
        assert path.exists()
    tidy(path)
    assert not path.exists()
    tidy(path)


def test_a_file_is_made_although_another_is_tidying_up(tmp_path: Path) -> None:
    """Who is locked out of its unfinished file makes another one."""
    unfinished = tmp_path / f"{HEADER.sidecar_id.hex()}.0{UNFINISHED}"
    begun = os.open

    def open_and_lose(path: Path, flags: int, mode: int = 0o777) -> int:
        descriptor = begun(path, flags, mode)
        if path == unfinished:
            path.unlink()
        return descriptor

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", open_and_lose)
        file = create(tmp_path, HEADER)
    assert list(tmp_path.iterdir()) == [file.path]
    file.close()


def test_a_closed_file_is_not_written(tmp_path: Path) -> None:
    """Not even when its number belongs to another file by now."""
    file = slot_file(tmp_path)
    slot = file.begin(SLOT_BYTES, RECORD)
    file.close()
    file.close()
    with pytest.raises(OSError, match="descriptor"):
        file.advance(slot, 8)
    assert (slot.total, slot.half) == (7, 1)
