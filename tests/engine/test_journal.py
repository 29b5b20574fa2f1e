"""What a journal keeps, through settles, damage and many owners. Crashes are in test_journal_crash."""

import logging
import tempfile
from pathlib import Path

import pytest

from quotad.engine.journal import Journal, Orphan, Syncer
from quotad.engine.journal_file import SLOT_BYTES, SLOTS_PER_BLOCK, VERSION, Record
from quotad.errors import JournalError
from tests.support.journals import DAY_US, NAMESPACE, PLAN, TAG, Make, files, found, note


def test_totals_are_pending_until_they_are_settled(journal: Make) -> None:
    """A total that grew after its replay stays; a settle of the present one frees the slot."""
    own = journal()
    assert note(own, 3)
    assert note(own, 5)
    assert own.pending() == [Record(TAG, PLAN, DAY_US, 5, b"about " + TAG.encode())]
    own.settled(TAG, DAY_US, 3)
    assert [record.total for record in own.pending()] == [5]
    own.settled(TAG, DAY_US, 5)
    assert own.pending() == []


def test_a_settle_acknowledged_twice_changes_nothing_more(journal: Make) -> None:
    """The second one names a slot that is gone, or another's by now."""
    own = journal()
    note(own, 5)
    own.settled(TAG, DAY_US, 5)
    note(own, 6)
    own.settled(TAG, DAY_US, 5)
    own.settled("another", DAY_US, 5)
    assert [record.total for record in own.pending()] == [6]


def test_a_total_never_shrinks(journal: Make) -> None:
    """An older number is noted already."""
    own = journal()
    assert note(own, 5)
    assert note(own, 4)
    assert [record.total for record in own.pending()] == [5]


def test_days_of_a_subject_are_apart(journal: Make) -> None:
    """A unit belongs to its day, also in the journal."""
    own = journal()
    note(own, 5)
    note(own, 1, day_end_us=DAY_US + 1)
    own.settled(TAG, DAY_US, 5)
    assert [(record.day_end_us, record.total) for record in own.pending()] == [(DAY_US + 1, 1)]


def test_slots_are_used_again(journal: Make, tmp_path: Path) -> None:
    """A year of outages takes the room of the Subjects that are pending at one time."""
    own = journal()
    for day in range(5 * SLOTS_PER_BLOCK):
        assert note(own, 1, day_end_us=DAY_US + day)
        own.settled(TAG, DAY_US + day, 1)
    (path,) = (tmp_path / "j").iterdir()
    assert path.stat().st_size == SLOT_BYTES * (1 + SLOTS_PER_BLOCK)


def test_one_subject_too_many_is_refused() -> None:
    """The 65,537th finds no slot; those that have one still count, and a free slot is taken."""
    with tempfile.TemporaryDirectory(prefix="quotad-") as folder:
        own = Journal(Path(folder), NAMESPACE, b"12345678")
        own.open()
        assert all(note(own, 1, str(number)) for number in range(65_536))
        assert (note(own, 1, "65536"), own.writable) == (False, False)
        assert note(own, 2, "0")
        own.settled("7", DAY_US, 1)
        assert note(own, 1, "65536")
        assert own.writable
        own.close()


def test_what_does_not_fit_a_slot_is_refused(journal: Make) -> None:
    """It is the one Subject's trouble, not the journal's."""
    own = journal()
    assert not note(own, 1, "t" * SLOT_BYTES)
    assert not own.record(TAG, PLAN, DAY_US, -1, b"")
    assert own.writable
    assert note(own, 1)


def test_an_empty_journal_leaves_nothing(journal: Make, tmp_path: Path) -> None:
    """Its file goes at the end; it is not there twice."""
    own = journal(b"abcdefgh")
    assert files(tmp_path / "j") == ["6162636465666768.journal"]
    with pytest.raises(JournalError, match="exists"):
        journal(b"abcdefgh")
    own.close()
    assert files(tmp_path / "j") == []


def test_what_is_pending_at_the_end_is_taken_over(journal: Make) -> None:
    """By the next process, with all that is needed for a replay."""
    first, second = journal(b"first..."), journal()
    note(first, 4)
    first.close()
    assert not note(first, 5)
    assert not note(first, 1, "new")
    (orphan,) = second.orphans()
    assert orphan.sidecar_id == b"first..."
    assert orphan.records == [Record(TAG, PLAN, DAY_US, 4, b"about " + TAG.encode())]
    orphan.close()


def test_the_living_are_not_taken_over(journal: Make) -> None:
    """Neither is oneself."""
    first, second = journal(), journal()
    note(first, 4)
    note(second, 4)
    assert found(first) == found(second) == {}


def test_a_replay_goes_on_where_it_stopped(journal: Make, tmp_path: Path) -> None:
    """What is done is done for the next one too; twice is once; the file goes with the last."""
    first, second, third = journal(b"first..."), journal(), journal()
    for tag in ("a", "b"):
        note(first, 4, tag)
    first.close()
    (orphan,) = second.orphans()
    (done,) = [record for record in orphan.records if record.tag == "a"]
    orphan.done(done)
    orphan.done(done)
    assert found(third) == {}
    orphan.close()
    assert found(third) == {b"first...".hex(): {"b": 4}}
    (orphan,) = third.orphans()
    orphan.done(orphan.records[0])
    orphan.done(done)
    assert orphan.records == []
    assert b"first...".hex() + ".journal" not in files(tmp_path / "j")


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    """The error names the folder and the reason."""
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(JournalError, match=f"{folder} cannot be used: "):
            Journal(folder, NAMESPACE, b"12345678").open()


def test_a_file_that_cannot_be_opened_is_left_alone(
    journal: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is named once; the others are taken over all the same."""
    own, dead = journal(), journal(b"first...")
    note(dead, 1)
    dead.close()
    (tmp_path / "j" / "00.journal").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "j" / "01.journal").mkdir()
    with caplog.at_level(logging.WARNING):
        assert found(own) == found(own) == {b"first...".hex(): {TAG: 1}}
    assert [text.split()[1] for text in caplog.messages] == ["00.journal:", "01.journal:"]


@pytest.mark.parametrize("damage", ["version", "magic", "crc", "short"])
def test_a_damaged_file_is_set_aside(
    journal: Make, tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is named, kept, and never read again; the start goes on."""
    own, dead = journal(b"own....."), journal(b"first...")
    note(dead, 1)
    dead.close()
    path = tmp_path / "j" / (b"first...".hex() + ".journal")
    data = bytearray(path.read_bytes())
    if damage == "version":
        data[8:10] = (VERSION + 1).to_bytes(2, "little")
    elif damage == "magic":
        data[0] ^= 1
    elif damage == "crc":
        data[100] ^= 1
    path.write_bytes(data[:100] if damage == "short" else data)
    with caplog.at_level(logging.WARNING):
        assert found(own) == found(own) == {}
    assert files(tmp_path / "j") == [f"{b'first...'.hex()}.journal.damaged", f"{b'own.....'.hex()}.journal"]
    assert len(caplog.records) == 1


def test_damage_to_one_slot_leaves_the_others(journal: Make, tmp_path: Path) -> None:
    """They are replayed; then the file is kept aside instead of removed."""
    own, dead = journal(b"own....."), journal(b"first...")
    for tag in ("a", "b", "c"):
        note(dead, 1, tag)
    dead.close()
    path = tmp_path / "j" / (b"first...".hex() + ".journal")
    data = bytearray(path.read_bytes())
    data[2 * SLOT_BYTES + 50] ^= 1
    path.write_bytes(data)
    (orphan,) = own.orphans()
    assert (orphan.damaged, len(orphan.records)) == (1, 2)
    for record in orphan.records:
        orphan.done(record)
    assert f"{path.name}.damaged" in files(tmp_path / "j")
    assert found(own) == {}


def test_of_two_slots_of_one_day_the_larger_total_counts(journal: Make, tmp_path: Path) -> None:
    """A power failure may bring back a slot that was free."""
    own, dead = journal(), journal(b"first...")
    note(dead, 3)
    path = tmp_path / "j" / (b"first...".hex() + ".journal")
    older = path.read_bytes()[SLOT_BYTES : 2 * SLOT_BYTES]
    note(dead, 8)
    dead.close()
    data = bytearray(path.read_bytes())
    data[2 * SLOT_BYTES : 3 * SLOT_BYTES] = older
    path.write_bytes(data)
    assert found(own) == {b"first...".hex(): {TAG: 8}}


def test_an_unfinished_file_of_a_dead_owner_goes(journal: Make, tmp_path: Path) -> None:
    """It holds nothing."""
    own = journal(b"own.....")
    (tmp_path / "j" / "00.0.new").touch()
    assert found(own) == {}
    assert files(tmp_path / "j") == [f"{b'own.....'.hex()}.journal"]


def test_no_promise_after_a_sync_that_failed(journal: Make) -> None:
    """What the kernel has dropped cannot be told from what it kept: nothing is taken any more."""
    own = journal()
    assert note(own, 1)
    assert own._syncer is not None
    own._syncer.failed = True
    assert not note(own, 2)
    assert not note(own, 1, "new")
    assert not own.writable
    assert [record.total for record in own.pending()] == [1]


def test_a_syncer_brings_everything_to_the_disk() -> None:
    """Whoever asks after a sync began is heard by the next one, the last at the end."""
    written = synced = 0

    def sync() -> None:
        nonlocal synced
        synced = written

    syncer = Syncer(sync)
    for _ in range(10_000):
        written += 1
        syncer.ask()
    syncer.stop()
    assert synced == written
    assert not syncer.failed


def test_a_syncer_says_that_it_failed() -> None:
    """And ends, rather than call again what lost writes."""

    def sync() -> None:
        raise OSError(5, "Input/output error")

    syncer = Syncer(sync)
    syncer.ask()
    syncer.stop()
    assert syncer.failed


def test_a_removed_folder_refuses_softly(journal: Make, tmp_path: Path) -> None:
    """Nothing raises where a request waits: neither the search for orphans nor the end."""
    own = journal()
    assert note(own, 1)
    own.settled(TAG, DAY_US, 1)
    for path in (tmp_path / "j").iterdir():
        path.unlink()
    (tmp_path / "j").rmdir()
    assert found(own) == {}
    own.close()


def test_an_orphan_is_usable_by_itself(journal: Make) -> None:
    """Its Records are those of the file, and letting go twice is no error."""
    own, dead = journal(), journal()
    note(dead, 2)
    dead.close()
    (orphan,) = own.orphans()
    assert isinstance(orphan, Orphan)
    orphan.close()
    orphan.close()
