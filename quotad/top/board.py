"""What two snapshots say of the time between them: one row for each Subject, and sums."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeVar

from quotad.top.snapshot import Key, Snapshot, Use

Sort = Literal["rate", "denied", "used", "name"]
SORTS: tuple[Sort, ...] = ("rate", "denied", "used", "name")

_K = TypeVar("_K")
_NO_USE = Use(0, -1)


class Row(NamedTuple):
    """One Subject."""

    key: Key
    per_s: float
    """Requests a second, admitted or not; of a Secret's own quota: units used a second."""
    denied_per_s: float
    in_use: int
    limit: int

    @property
    def share(self) -> float:
        """Of the limit; below 0: there is none."""
        if self.limit > 0:
            return self.in_use / self.limit
        return 1.0 if self.limit == 0 else -1.0


class Board(NamedTuple):
    """All that is shown at a time."""

    rows: list[Row]
    per_s: float
    denied: dict[str, float]
    """A second, by reason, the most frequent first."""
    store_s: tuple[float, float] | None
    """Within how many seconds half of the store's answers came, and 99 %; None: there were none."""
    unaccounted: float
    sidecars: int


def board(before: Snapshot, now: Snapshot, window: str) -> Board:
    """What happened since ``before``; ``window``: whose use is shown."""
    elapsed_s = max(now.at_s - before.at_s, 1e-9)

    def per_s(old: Mapping[_K, float], found: Mapping[_K, float]) -> dict[_K, float]:
        return {key: _grown(old.get(key, 0.0), value) / elapsed_s for key, value in found.items()}

    requests, denied = per_s(before.requests, now.requests), per_s(before.denied, now.denied)
    refused: dict[Key, float] = {}
    reasons: dict[str, float] = {}
    for (subject, reason), value in denied.items():
        refused[subject] = refused.get(subject, 0.0) + value
        reasons[reason] = reasons.get(reason, 0.0) + value
    keys = {key for key in (*requests, *now.use) if key.plan}
    keys -= {key._replace(secret="") for key in keys if key.secret}
    rows = []
    for key in keys:
        use = now.use.get(key, {}).get(window, _NO_USE)
        rate = _used_per_s(before, now, key) / elapsed_s if key.secret else requests.get(key, 0.0)
        rows.append(Row(key, rate, refused.get(key, 0.0), use.in_use, use.limit))
    return Board(
        rows,
        sum(requests.values()),
        dict(sorted(reasons.items(), key=lambda item: -item[1])),
        _latency(before.store_calls, now.store_calls),
        now.unaccounted,
        now.sidecars,
    )


def arranged(rows: list[Row], sort: Sort, *, backwards: bool = False, words: str = "") -> list[Row]:
    """Those whose ids have all of the words, in order: the largest first, names from A on."""
    wanted = words.lower().split()
    found = [row for row in rows if all(word in " ".join(row.key).lower() for word in wanted)]
    by_name = sorted(found, key=lambda row: row.key)
    if sort == "name":
        return by_name[::-1] if backwards else by_name
    values = {"rate": "per_s", "denied": "denied_per_s", "used": "share"}
    return sorted(by_name, key=lambda row: getattr(row, values[sort]), reverse=not backwards)


def _grown(old: float, new: float) -> float:
    """By how much a counter grew; one of a process that began again began at 0."""
    return new - old if new >= old else new


def _used_per_s(before: Snapshot, now: Snapshot, key: Key) -> float:
    old, new = before.use.get(key, {}).get("total"), now.use[key]["total"]
    return max(0, new.in_use - old.in_use) if old is not None else 0.0


def _latency(before: Mapping[Any, float], now: Mapping[Any, float]) -> tuple[float, float] | None:
    grown = sorted((bound, _grown(before.get(bound, 0.0), count)) for bound, count in now.items())
    total = grown[-1][1] if grown else 0.0
    if total <= 0:
        return None
    half, most = (next(bound for bound, count in grown if count >= total * part) for part in (0.5, 0.99))
    return half, most
