"""The journal of processes that are killed, that race, and that run out of disk."""

import fcntl
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from quotad.engine.journal_file import SLOT_BYTES, SLOTS_PER_BLOCK
from tests.support.journaling import running
from tests.support.journals import TAG, Make, files, found, note

BLOCK_BYTES = SLOT_BYTES * SLOTS_PER_BLOCK


@pytest.mark.parametrize("seed", range(12))
def test_kill_9_loses_nothing_that_was_taken(journal: Make, tmp_path: Path, seed: int) -> None:
    """A process killed in the midst of writing: every total it was told is there, or one more step."""
    told: dict[str, int] = {}
    settled: dict[str, int] = {}
    with running("write", tmp_path / "j", seed) as process:
        assert process.stdout is not None
        for _ in range(50 + 397 * seed):
            _take_line(process.stdout.readline(), told, settled)
        process.kill()
        for line in process.stdout.read().splitlines(keepends=True):
            _take_line(line, told, settled)
    (orphan,) = journal().orphans()
    assert not orphan.damaged
    kept = {record.tag: record.total for record in orphan.records}
    assert all(record.about == record.tag.encode() for record in orphan.records)
    off = 0
    for tag, total in told.items():
        if settled.get(tag) == total:
            # Its settle was told beforehand, so the slot may be gone already.
            assert kept.get(tag, total) in (total, total + 1)
        else:
            assert kept[tag] in (total, total + 1)
        off += kept.get(tag, total) != total
    assert off <= 1
    orphan.close()


def _take_line(line: str, told: dict[str, int], settled: dict[str, int]) -> None:
    if line.endswith("\n"):
        tag, number = line.split()
        if number.startswith("-"):
            settled[tag] = -int(number)
        else:
            told[tag] = int(number)


def test_an_orphan_is_taken_over_once_by_racing_processes(journal: Make, tmp_path: Path) -> None:
    """Of many dead owners' files each goes to exactly one of the processes that start together."""
    ids = [bytes([number] * 8) for number in range(40)]
    for each in ids:
        dead = journal(each)
        note(dead, 1)
        dead.close()
    gate = tmp_path / "gate"
    with gate.open("w") as handle, ExitStack() as stack:
        fcntl.flock(handle, fcntl.LOCK_EX)
        takers = [stack.enter_context(running("take", tmp_path / "j", gate)) for _ in range(3)]
        assert [_line(taker) for taker in takers] == ["here\n"] * 3
        fcntl.flock(handle, fcntl.LOCK_UN)
        taken = [owner for taker in takers for owner in _line(taker).split()]
        assert sorted(taken) == sorted(each.hex() for each in ids)
        for taker in takers:
            taker.communicate()
            assert taker.returncode == 0
    assert files(tmp_path / "j") == []


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_what_a_killed_taker_held_goes_to_the_next(journal: Make, tmp_path: Path) -> None:
    """Taking over is not an end: who dies over a replay leaves it to others."""
    dead = journal(b"first...")
    note(dead, 9)
    dead.close()
    gate = tmp_path / "gate"
    gate.touch()
    own = journal()
    with running("take", tmp_path / "j", gate) as taker:
        assert [_line(taker), _line(taker)] == ["here\n", b"first...".hex() + "\n"]
        assert found(own) == {}
        taker.kill()
        taker.wait()
        assert found(own) == {b"first...".hex(): {TAG: 9}}


def test_a_full_disk_shows_when_a_slot_is_made(tmp_path: Path) -> None:
    """Never in the midst of writing: known Subjects still count, and room that comes back is used."""
    for blocks in (1, 2):
        with running("limit", tmp_path / str(blocks), SLOT_BYTES + blocks * BLOCK_BYTES) as process:
            said = process.communicate()[0].splitlines()
        slots = blocks * SLOTS_PER_BLOCK
        # Asked again only a while later; then there is room.
        assert said == [f"{slots} False True True", "False", f"True True {slots + 1}"]


@pytest.mark.parametrize("size", [0, SLOT_BYTES])
def test_a_disk_without_any_room_is_no_error_at_start(tmp_path: Path, size: int) -> None:
    """Nothing is taken, as if the policy were closed, until there is room."""
    with running("limit", tmp_path, size) as process:
        said = process.communicate()[0].splitlines()
    assert said == ["0 False False False", "False", "True True 1"]
