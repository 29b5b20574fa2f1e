"""All control records as one admin process knows them: tables in memory, searched with SQL.

Holds no SecretKey, sealed or not. The records of plans and services are kept whole, those of Secrets as
columns: of these there may be 100,000. Not for several threads.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from quotad.controlplane.replica_tables import TABLES
from quotad.core.plans import Environment
from quotad.store.control import Head, Write

Record = Mapping[str, Any]

_CHUNK = 500
"""Values in one statement; SQLite takes 999 in its oldest form."""

_TABLES_OF = {
    "service": (("service", "id"), ("place", "service_id")),
    "plan": (("plan", "id"), ("reach", "plan_id")),
    "secret": (("secret", "id"), ("holder", "secret_id")),
    **{kind: ((kind, "id"),) for kind in ("credential", "doomed", "webhook")},
}
_REACH = ("serviceId", "environment", "shadow", "bound")
_COLUMNS = (
    "id, name, type, enabled, expires, previous_until, created, modified, tag,"
    " description, has_secondary, secondary_until"
)


@dataclass(frozen=True, slots=True)
class SecretRow:
    """What may be shown of a Secret to anybody who may read. Times are microseconds since the epoch."""

    secret_id: str
    secret_name: str
    type: Literal["auto", "manual"]
    enabled: bool
    expires_at: int | None
    previous_until: int | None
    created: int
    modified: int
    tag: str
    """Changes with the record: what an ETag is made of."""
    secret_desc: str = ""
    has_secondary: bool = False
    """Whether there is a second key beside the first."""
    secondary_until: int | None = None
    """Until when what it was before its last rotation is good, as ``previous_until`` of the first."""


@dataclass(frozen=True, slots=True)
class Reach:
    """A plan in an environment of a service, or for one Api there."""

    usage_plan_id: str
    service_id: str
    environment: Environment
    shadow: bool
    bound: int
    api_id: str = ""
    """Empty: the whole environment."""


@dataclass(frozen=True, slots=True)
class Page:
    """So many of a list from ``offset`` on."""

    limit: int = 20
    offset: int = 0


class Replica:
    """The records at one version of the control store, ``head``."""

    def __init__(self) -> None:
        self.head = Head(0, "")
        self._db = sqlite3.connect(":memory:", isolation_level=None)
        self._db.executescript(TABLES)

    # How it comes to be.

    def put(self, kind: str, records: Iterable[tuple[str, Record | None]]) -> None:
        """Take records over; None: there is none of this id any more."""
        self._take((kind, record_id, record) for record_id, record in records)

    def apply(self, head: Head, writes: Sequence[Write]) -> None:
        """One commit, whole."""
        self._take(writes)
        self.head = head

    def _take(self, writes: Iterable[tuple[str, str, Record | None]]) -> None:
        db = self._db
        db.execute("BEGIN")
        try:
            for kind, record_id, record in writes:
                self._forget(kind, record_id)
                if record is not None:
                    self._learn(kind, record_id, record)
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")

    def _forget(self, kind: str, record_id: str) -> None:
        for table, column in _TABLES_OF.get(kind, ()):
            self._db.execute(f"DELETE FROM {table} WHERE {column} = ?", (record_id,))  # noqa: S608 - words of this file

    def _learn(self, kind: str, record_id: str, record: Record) -> None:
        run, many = self._db.execute, self._db.executemany
        match kind:
            case "service":
                whole = (record_id, record["serviceName"], record["created"], dumps(record))
                run("INSERT INTO service VALUES (?, ?, ?, ?)", whole)
                places = record["environments"].items()
                rows = [(record_id, name, of["published"], of.get("defaultPlan")) for name, of in places]
                many("INSERT INTO place VALUES (?, ?, ?, ?)", rows)
            case "plan":
                whole = (record_id, record["usagePlanName"], record["created"], dumps(record))
                run("INSERT INTO plan VALUES (?, ?, ?, ?)", whole)
                reached = [
                    (record_id, *(each[name] for name in _REACH), each.get("apiId", ""))
                    for each in record["environments"]
                ]
                many("INSERT INTO reach VALUES (?, ?, ?, ?, ?, ?)", reached)
            case "secret":
                insert = "INSERT INTO secret VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                run(insert, _secret_columns(record_id, record))
                held = [(plan_id, record_id, bound) for plan_id, bound in record["plans"].items()]
                many("INSERT INTO holder VALUES (?, ?, ?)", held)
            case "credential" | "doomed" | "webhook":
                run(f"INSERT INTO {kind} VALUES (?, ?)", (record_id, dumps(record)))  # noqa: S608 - one of three words

    # Services.

    def service(self, service_id: str) -> Record | None:
        """Its record."""
        return self._record("SELECT record FROM service WHERE id = ?", service_id)

    def services(self, where: "Where", page: Page | None = None) -> tuple[int, list[Record]]:
        """How many there are, and a page of their records, the oldest first."""
        return self._records("service", where, page)

    def default_places(self, plan_id: str) -> list[tuple[str, Environment]]:
        """Environments whose default plan it is."""
        rows = self._db.execute(
            "SELECT service_id, environment FROM place WHERE default_plan = ? ORDER BY 1, 2", (plan_id,)
        )
        return [(service_id, environment) for service_id, environment in rows]

    def defaults(self) -> list[tuple[str, str, Environment]]:
        """Every default plan, and the service and environment whose it is."""
        rows = self._db.execute(
            "SELECT default_plan, service_id, environment FROM place WHERE default_plan IS NOT NULL"
        )
        return [(plan_id, service_id, environment) for plan_id, service_id, environment in rows]

    # Plans.

    def plan(self, plan_id: str) -> Record | None:
        """Its record."""
        return self._record("SELECT record FROM plan WHERE id = ?", plan_id)

    def plan_ids(self) -> list[str]:
        """All."""
        return [row[0] for row in self._db.execute("SELECT id FROM plan ORDER BY id")]

    def plans(self, where: "Where", page: Page | None = None) -> tuple[int, list[Record]]:
        """How many there are, and a page of their records, the oldest first."""
        return self._records("plan", where, page)

    def reaches(
        self,
        plan_id: str = "",
        service_id: str = "",
        environment: str = "",
        page: Page | None = None,
        api_id: str = "",
    ) -> tuple[int, list[Reach]]:
        """Where plans are bound: how many such places, and a page of them, the first bound first."""
        where = Where()
        asked = {"plan_id": plan_id, "service_id": service_id, "environment": environment, "api_id": api_id}
        for name, value in asked.items():
            if value:
                where.add(f"{name} = ?", value)
        columns = "plan_id, service_id, environment, shadow, bound, api_id"
        order = "bound, plan_id, service_id, environment, api_id"
        total, rows = self._page("reach", columns, where, order, page)
        return total, [Reach(row[0], row[1], row[2], bool(row[3]), row[4], row[5]) for row in rows]

    def level(self, service_id: str) -> tuple[bool, Reach] | None:
        """Whether the service's plans are bound to single Apis, and one of the bindings; None: none is."""
        _, found = self.reaches(service_id=service_id, page=Page(1))
        return (bool(found[0].api_id), found[0]) if found else None

    # Secrets.

    def secret(self, secret_id: str) -> SecretRow | None:
        """What is known of it."""
        row = self._db.execute(f"SELECT {_COLUMNS} FROM secret WHERE id = ?", (secret_id,)).fetchone()  # noqa: S608
        return None if row is None else _secret_row(row)

    def secrets(self, where: "Where", page: Page | None = None) -> tuple[int, list[SecretRow]]:
        """How many there are, and a page of them, the oldest first."""
        total, rows = self._page("secret", _COLUMNS, where, "created, id", page)
        return total, list(map(_secret_row, rows))

    def secret_ids(self, after: str, count: int) -> list[str]:
        """So many SecretIds that come after this one, in their order."""
        rows = self._db.execute("SELECT id FROM secret WHERE id > ? ORDER BY id LIMIT ?", (after, count))
        return [row[0] for row in rows]

    def holders(self, plan_id: str, page: Page | None = None) -> tuple[int, list[SecretRow]]:
        """The Secrets of a plan, the first bound first."""
        columns = ", ".join(f"secret.{name.strip()}" for name in _COLUMNS.split(","))
        tables = "holder JOIN secret ON secret.id = holder.secret_id"
        where = Where().add("holder.plan_id = ?", plan_id)
        total, rows = self._page(tables, columns, where, "holder.bound, holder.secret_id", page)
        return total, list(map(_secret_row, rows))

    def plans_of(self, secret_id: str) -> dict[str, int]:
        """The plans that a Secret is bound to, and since when."""
        rows = self._db.execute(
            "SELECT plan_id, bound FROM holder WHERE secret_id = ? ORDER BY bound, plan_id", (secret_id,)
        )
        return dict(rows.fetchall())

    def holder_ids(self, plan_id: str, limit: int, offset: int) -> list[str]:
        """So many SecretIds of a plan, in their order."""
        rows = self._db.execute(
            "SELECT secret_id FROM holder WHERE plan_id = ? ORDER BY secret_id LIMIT ? OFFSET ?",
            (plan_id, limit, offset),
        )
        return [row[0] for row in rows]

    def plan_at(
        self, secret_id: str, service_id: str, environment: str, *, shadow: bool, api_id: str = ""
    ) -> str | None:
        """The plan through which a Secret reaches an environment, or one Api there."""
        found = self._first(
            "SELECT reach.plan_id FROM holder JOIN reach ON reach.plan_id = holder.plan_id"
            " WHERE holder.secret_id = ? AND reach.service_id = ? AND reach.environment = ?"
            " AND reach.shadow = ? AND reach.api_id = ?",
            (secret_id, service_id, environment, shadow, api_id),
        )
        return None if found is None else str(found[0])

    def rival(self, secret_id: str, plan_id: str) -> tuple[str, str, str] | None:
        """Why a Secret may not have the plan too: (plan, service, environment) that it reaches already."""
        found: tuple[str, str, str] | None = self._first(
            "SELECT theirs.plan_id, theirs.service_id, theirs.environment FROM reach ours"
            " JOIN reach theirs ON theirs.service_id = ours.service_id"
            " AND theirs.environment = ours.environment AND theirs.api_id = ours.api_id"
            " AND theirs.shadow = ours.shadow"
            " AND theirs.plan_id <> ours.plan_id"
            " JOIN holder ON holder.plan_id = theirs.plan_id AND holder.secret_id = ?"
            " WHERE ours.plan_id = ? LIMIT 1",
            (secret_id, plan_id),
        )
        return found

    def shared_secret(self, plan_id: str, other_id: str) -> str | None:
        """A Secret that has both plans."""
        found = self._first(
            "SELECT a.secret_id FROM holder a JOIN holder b ON b.secret_id = a.secret_id"
            " WHERE a.plan_id = ? AND b.plan_id = ? LIMIT 1",
            (plan_id, other_id),
        )
        return None if found is None else str(found[0])

    def counts(self) -> dict[str, int]:
        """How many services, plans and Secrets there are."""
        return {kind: self._count(kind) for kind in ("service", "plan", "secret")}

    def holder_count(self, plan_id: str) -> int:
        """How many Secrets a plan has."""
        found = self._first("SELECT count(*) FROM holder WHERE plan_id = ?", (plan_id,))
        return 0 if found is None else int(found[0])

    # What admins sign in with, counters that are still to be deleted, who is told of quotas.

    def credential(self, credential_id: str) -> Record | None:
        """Its record."""
        return self._record("SELECT record FROM credential WHERE id = ?", credential_id)

    def credentials(self) -> list[Record]:
        """All of them by id."""
        return [json.loads(row[0]) for row in self._db.execute("SELECT record FROM credential ORDER BY id")]

    def doomed(self) -> list[Record]:
        """All of them."""
        return [json.loads(row[0]) for row in self._db.execute("SELECT record FROM doomed ORDER BY id")]

    def webhook(self, webhook_id: str) -> Record | None:
        """Its record."""
        return self._record("SELECT record FROM webhook WHERE id = ?", webhook_id)

    def webhooks(self) -> list[Record]:
        """All of them by id."""
        return [json.loads(row[0]) for row in self._db.execute("SELECT record FROM webhook ORDER BY id")]

    # How it is asked.

    def _record(self, statement: str, record_id: str) -> Record | None:
        row = self._db.execute(statement, (record_id,)).fetchone()
        return None if row is None else json.loads(row[0])

    def _records(self, table: str, where: "Where", page: Page | None) -> tuple[int, list[Record]]:
        total, rows = self._page(table, "record", where, "created, id", page)
        return total, [json.loads(row[0]) for row in rows]

    def _page(
        self, tables: str, columns: str, where: "Where", order: str, page: Page | None
    ) -> tuple[int, list[tuple[Any, ...]]]:
        """Words of the statement are this file's and ``Where``'s; values are bound."""
        clause = f" FROM {tables}{where}"
        statement, values = f"SELECT {columns}{clause} ORDER BY {order}", list(where.values)
        if page is None:
            rows = self._db.execute(statement, values).fetchall()
            return len(rows), rows
        (total,) = self._db.execute(f"SELECT count(*){clause}", values).fetchone()
        rows = self._db.execute(
            f"{statement} LIMIT ? OFFSET ?", [*values, page.limit, page.offset]
        ).fetchall()
        return total, rows

    def _first(self, statement: str, values: Sequence[Any]) -> Any:
        return self._db.execute(statement, values).fetchone()

    def _count(self, table: str) -> int:
        (number,) = self._db.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - a word of this file
        return int(number)


class Where:
    """Conditions that all must hold; values are never a part of the words."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self.values: list[Any] = []

    def __str__(self) -> str:
        return f" WHERE {' AND '.join(self._words)}" if self._words else ""

    def add(self, words: str, *values: Any) -> "Where":
        """One more."""
        self._words.append(f"({words})")
        self.values += values
        return self

    def among(self, column: str, values: Sequence[Any]) -> "Where":
        """The column has one of these values."""
        return self.add(f"{column} IN ({', '.join('?' * len(values))})", *values)

    def has(self, columns: Sequence[str], text: str) -> "Where":
        """One of the columns contains the text; case does not matter for ASCII."""
        pattern = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        return self.add(
            " OR ".join(f"{column} LIKE ? ESCAPE '\\'" for column in columns), *[pattern] * len(columns)
        )


def dumps(record: Record) -> str:
    """A record as text, always the same for the same record."""
    return json.dumps(record, separators=(",", ":"), sort_keys=True)


def tag_of(record: Record) -> str:
    """What tells a record from what it was before."""
    return sha256(dumps(record).encode()).hexdigest()[:16]


def chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    """Parts that one statement, or one call, takes."""
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


def _secret_columns(secret_id: str, record: Record) -> tuple[Any, ...]:
    return (
        secret_id,
        *(record[name] for name in ("secretName", "type", "enabled", "expiresAt", "previousUntil")),
        record["created"],
        record["modified"],
        tag_of(record),
        record.get("secretDesc", ""),
        record.get("secondaryKey") is not None,
        record.get("secondaryPreviousUntil"),
    )


def _secret_row(row: tuple[Any, ...]) -> SecretRow:
    # SQLite knows no booleans.
    return SecretRow(*row[:3], *map(bool, row[3:4]), *row[4:10], *map(bool, row[10:11]), *row[11:])
