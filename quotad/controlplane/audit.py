"""Who changed what: a file of JSON lines that is only ever appended to.

Each change has a line with ``event: asked`` before it is made and one with ``done`` or ``failed`` after it,
with the same ``id``. No secret is in it.
"""

import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

TAIL_BYTES = 16 * 1024 * 1024
"""So much of the end is read again after a restart."""

_STEP_BYTES = 64 * 1024

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

    def page(self, before: str, count: int) -> list[tuple[str, Record]]:
        """Up to ``count`` records, each with its id, the newest first; ``before``: an id, or empty.

        An id says where in the file the record's line begins. Raises OSError.
        """
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                end = min(size, int(before.partition("-")[0])) if before else size
                return _newest(file, end, count)
        except FileNotFoundError:
            return []

    @staticmethod
    def _is_torn(descriptor: int) -> bool:
        """Whether the last line has no end: its writer was stopped, or had no room."""
        size = os.fstat(descriptor).st_size
        return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"


def _newest(file: BinaryIO, end: int, count: int) -> list[tuple[str, Record]]:
    """Of what stands before ``end``. Reads more and more of it, until there are enough."""
    reach = _STEP_BYTES
    while True:
        start = max(0, end - reach)
        file.seek(start)
        found: list[tuple[str, Record]] = []
        at = start
        for line in file.read(end - start).split(b"\n"):
            record = _record(line)
            # The first line of a part may lack its begin.
            if record is not None and (at > start or not start):
                found.append((f"{at}-0", record))
            at += len(line) + 1
        if len(found) >= count or not start or reach >= TAIL_BYTES:
            return found[::-1][:count]
        reach *= 4


def _record(line: bytes) -> Record | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
