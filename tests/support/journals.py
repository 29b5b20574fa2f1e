"""Journals of many Sidecars on one folder, and what is in them."""

from pathlib import Path
from typing import Protocol

from quotad.engine.journal import Journal

NAMESPACE = "test"
DAY_US = 1_795_046_400_000_000
PLAN = "usagePlan-aaaaaaaa"
TAG = f"{PLAN}/service-aaaaaaaa/release"


class Make(Protocol):
    """What the fixture ``journal`` gives."""

    def __call__(self, sidecar_id: bytes = b"") -> Journal:
        """An open Journal of its own Sidecar, closed after the test."""


def note(journal: Journal, total: int, tag: str = TAG, day_end_us: int = DAY_US) -> bool:
    """Note a total of a Subject."""
    return journal.record(tag, PLAN, day_end_us, total, b"about " + tag.encode())


def found(journal: Journal) -> dict[str, dict[str, int]]:
    """Whose journals can be taken over, and the totals in them; they are let go of again."""
    seen: dict[str, dict[str, int]] = {}
    for orphan in journal.orphans():
        seen[orphan.sidecar_id.hex()] = {record.tag: record.total for record in orphan.records}
        orphan.close()
    return seen


def files(folder: Path) -> list[str]:
    """Names in a folder, in order."""
    return sorted(path.name for path in folder.iterdir())
