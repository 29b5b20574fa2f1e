"""Many key pairs from a list (CSV): checked whole first, then made in batches that may be made again."""

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from quotad.catalog.vault import KEY_FIELD, SECONDARY_FIELD
from quotad.controlplane.desk import Asker, Desk, Draft, State
from quotad.controlplane.refusal import OperationError, Reason
from quotad.controlplane.replica import Record
from quotad.controlplane.secrets import import_secrets
from quotad.controlplane.values import SecretForm, parsed

COLUMNS = ("secretId", "secretKey", "secretName", "secretDesc", "secondaryKey", "expiresAt")
NEEDED = frozenset(COLUMNS[:2])
BATCH = 200
"""In one change."""
SHOWN = 20
"""Lines that are told to be wrong."""


@dataclass(frozen=True, slots=True)
class Row:
    """One key pair. The key never appears in ``repr``."""

    line: int
    """0: it is of no file."""
    values: dict[str, str] = field(repr=False)

    @property
    def secret_id(self) -> str:
        """Whose line it is."""
        return self.values["secretId"]


class ListError(Exception):
    """A list was refused whole; ``problems`` name lines and fields, never a key."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def read_list(lines: Iterable[str]) -> list[Row]:
    """The rows of a CSV file whose first line names its columns. Raises ListError."""
    reader = csv.reader(lines, strict=True)
    problems: list[str] = []
    rows: list[Row] = []
    try:
        columns = [name.strip() for name in next(reader, [])]
        _check_columns(columns)
        first: dict[str, int] = {}
        for cells in filter(None, reader):
            row = _row(columns, cells, reader.line_num, problems)
            if row is None:
                continue
            before = first.setdefault(row.secret_id, row.line)
            if before != row.line:
                problems.append(f"line {row.line}: secretId is that of line {before} too")
            rows.append(row)
    except (csv.Error, UnicodeDecodeError) as error:
        decoded = isinstance(error, csv.Error)
        at, reason = (reader.line_num, str(error)) if decoded else (reader.line_num + 1, "not UTF-8 text")
        problems.append(f"line {at}: {reason}")
    if problems:
        more = [f"and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        raise ListError([*problems[:SHOWN], *more])
    return rows


def _check_columns(columns: Sequence[str]) -> None:
    # A list without its first line begins with a key pair: nothing of it is shown.
    if not NEEDED.issubset(columns) or not set(columns).issubset(COLUMNS) or len(set(columns)) < len(columns):
        raise ListError([f"line 1: must name the columns: {', '.join(COLUMNS)}; the first two must be there"])


def _row(columns: Sequence[str], cells: Sequence[str], line: int, problems: list[str]) -> Row | None:
    if len(cells) != len(columns):
        problems.append(f"line {line}: has {len(cells)} cells, the first line has {len(columns)}")
        return None
    values = {name: cell.strip() for name, cell in zip(columns, cells, strict=True) if cell.strip()}
    values.setdefault("secretName", values.get("secretId", ""))
    try:
        for name in sorted(NEEDED - values.keys()):
            raise OperationError(Reason.MISSING, f"{name} is missing", name)
        parsed(SecretForm, values)
    except OperationError as error:
        problems.append(f"line {line}: {error.detail}")
        return None
    return Row(line, values)


@dataclass(slots=True)
class Imported:
    """What came of a list."""

    made: int = 0
    known: int = 0
    """There already, with the same key, name and expiry."""


class Importer:
    """Makes the Secrets of a list."""

    def __init__(self, desk: Desk, asker: Asker, most: int = 0, *, strict: bool = False) -> None:
        """``most``: Secrets that there may be; 0: any. ``strict``: one that is there already is an error."""
        self._desk = desk
        self._asker = asker
        self._most = most
        self._strict = strict

    async def run(self, rows: Sequence[Row], told: Callable[[int], object] = lambda _: None) -> Imported:
        """All of them, a batch after another; ``told`` hears how many rows each batch had.

        Raises OperationError and StoreError: the batches before stay, and are known when it is run again.
        """
        sum_of = Imported()
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            made = await self._desk.change(self._asker, "ImportApiKeys", self._decide(batch))
            sum_of.made += made
            sum_of.known += len(batch) - made
            told(len(batch))
        return sum_of

    def _decide(self, batch: Sequence[Row]) -> Any:
        async def decide(state: State) -> Draft[int]:
            found = await state.secrets([row.secret_id for row in batch])
            missing = [
                row
                for row, record in zip(batch, found, strict=True)
                if record is None or not self._is_same(state, row, record)
            ]
            if not missing:
                return Draft(0)
            drafted = await import_secrets([row.values for row in missing], self._most)(state)
            return Draft(len(missing), drafted.target, drafted.writes, after=drafted.after)

        return decide

    def _is_same(self, state: State, row: Row, record: Record) -> bool:
        """True; else raises OperationError."""
        form = parsed(SecretForm, row.values)
        same = (
            record["secretName"] == form.secret_name
            and record["expiresAt"] == (None if form.expires_at is None else round(form.expires_at * 1e6))
            and record.get("secretDesc", "") == form.secret_desc
            and all(
                record.get(name) and state.vault.open(row.secret_id, record[name], name) == key.encode()
                for name, key in row.values.items()
                if name in (KEY_FIELD, SECONDARY_FIELD)
            )
        )
        if self._strict or not same:
            what = "is there already" if same else "is there already, with another key, name, text or expiry"
            where = f"line {row.line}: " if row.line else ""
            raise OperationError(Reason.SECRET_EXISTS, f"{where}{row.secret_id} {what}", "secretId")
        return True
