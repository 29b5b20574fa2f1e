"""Who changed what: a file of JSON lines that is only ever appended to.

Each change has a line with ``event: asked`` before it is made and one with ``done`` or ``failed`` after it,
with the same ``id``. No secret is in it.
"""

import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

TAIL_BYTES = 16 * 1024 * 1024
"""So much of the end is read again after a restart."""

Record = dict[str, Any]


class AuditLog:
    """One file, opened for each line: it may be moved away at any time. Methods block."""

    def __init__(self, path: Path, wall_s: Callable[[], float]) -> None:
        self._path = path
        self._wall_s = wall_s

    def append(self, event: str, members: Mapping[str, Any]) -> None:
        """Write one line, and have it on the disk. Raises OSError when that is not possible."""
        time = datetime.fromtimestamp(self._wall_s(), UTC).isoformat(timespec="milliseconds")
        record = {"time": time.replace("+00:00", "Z"), "event": event, **members}
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if self._is_torn(descriptor):
                line = b"\n" + line
            if os.write(descriptor, line) != len(line):
                raise OSError("only a part of the line could be written")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def tail(self) -> list[Record]:
        """The latest records, oldest first; what is no record is left out. Raises OSError."""
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - TAIL_BYTES))
                lines = file.read().split(b"\n")
        except FileNotFoundError:
            return []
        return [record for line in lines if (record := _record(line)) is not None]

    @staticmethod
    def _is_torn(descriptor: int) -> bool:
        """Whether the last line has no end: its writer was stopped, or had no room."""
        size = os.fstat(descriptor).st_size
        return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"


def _record(line: bytes) -> Record | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
