"""What the runs of each case showed, as a table."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.model.cases import Case
from tests.model.run import Result

_FIGURES = {
    "requests": "requests",
    "admitted": "admitted",
    "calls": "calls",
    "lost": "lost",
    "late": "late",
    "repeated": "repeated",
    "crashes": "kills",
    "failovers": "failovers",
    "emptied": "emptied",
}
_FOUND = ("over-admitted", "over the rate", "forgotten", "stranded")

_HEAD = """# The protocol model

Real engines (`quotad/engine`) on the reference store, without sockets and real time, from seeds: 1 to 6
Sidecars; calls and replies that are lost, late, repeated and out of order; processes that stand still, are
killed, end and begin; an admin; primaries that fail over to replicas that are behind, while the old one
goes on. `tests/model` holds it, `make model` makes this table.

For each case the most that one run showed, and in brackets the most that the promise allowed in a run:
without brackets 0 was allowed. **Over-admitted**: requests beyond the limit in a window. **Over the rate**:
the most by which an interval of any length had more than `burst + rateRps * t`. **Forgotten**: admitted
requests that count and are in no counter at rest. **Stranded**: units charged at rest that nobody used.

What is allowed, computed for each run from what happened in it:
- `open`: what was admitted without the store, within its budget.
- `release`: what the Sidecars held that fell silent.
- Resets: what was charged then and given back later is forgiven and given back.
- A store that forgets: what a server granted that the one which decided did not know of, since its Sidecar
  had not called there yet, was dead, or had been silent for a hold time. With `minReplicas` that is 0.
- Stranded: what silent and dead Sidecars held, had ahead, or had not yet told; calls that ran after their
  Sidecar had gone. After a store that forgot, healing may count too much: no bound is stated.
"""


@dataclass(slots=True)
class Row:
    """One case."""

    case: Case
    figures: Counter[str]
    broken: list[str]
    most: dict[str, tuple[int, int]]
    """Of each promise the most that was found, and the most that was allowed in a run."""
    runs: int = field(default=0)

    def take(self, result: Result) -> None:
        """One run more."""
        self.runs += 1
        self.figures.update(result.figures)
        for name, found in result.found.items():
            most, allowed = self.most.get(name, (0, 0))
            self.most[name] = max(most, found), max(allowed, result.bound[name])


def table(rows: Sequence[Row]) -> str:
    """All of it, as Markdown."""
    names = ["case", "runs", *_FIGURES.values(), *_FOUND, "promises broken"]
    lines = [_HEAD, f"{sum(row.runs for row in rows)} runs.", ""]
    lines += ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]
    lines += [_line(row) for row in rows]
    broken = [f"- {line}" for row in rows for line in row.broken]
    return "\n".join([*lines, *(["", "Broken:", *broken] if broken else []), ""])


def _line(row: Row) -> str:
    figures = [f"{row.figures[name]}" for name in _FIGURES]
    found = [_shown(*row.most[name], heals=row.case.forgets) for name in _FOUND]
    return "| " + " | ".join([row.case.name, str(row.runs), *figures, *found, str(len(row.broken))]) + " |"


def _shown(most: int, allowed: int, *, heals: bool) -> str:
    if heals and allowed > 2**50:
        return f"{most}"
    return f"{most} ({allowed})" if allowed else f"{most}"
