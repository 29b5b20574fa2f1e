"""Runs as tables: for the terminal and, as Markdown, for bench/results/chaos.md."""

from collections.abc import Iterator, Sequence

from bench import machine
from bench.report import table
from tests.chaos.case import Ended
from tests.chaos.checker import Findings

COLUMNS = (
    "case",
    "plan",
    "requests",
    "failed",
    "admitted",
    "counted",
    "limit",
    "over-admitted",
    "lost",
    "stranded",
    "recovered after",
    "hit",
    "verdict",
)


def rows(ended: Ended) -> Iterator[tuple[str, ...]]:
    """One row for each plan of a case."""
    hits = ", ".join(f"{count:,} {sign}" for sign, count in ended.fault.hits.items())
    if not ended.findings:
        yield (ended.case.what, *("-" * (len(COLUMNS) - 2)), "FAILED")
    for found in ended.findings:
        bad = bool(found.problems or ended.problems)
        yield (
            ended.case.what,
            found.plan_id.removeprefix("usagePlan-"),
            f"{found.requests:,}",
            f"{found.failed:,}",
            f"{found.admitted:,}",
            f"{found.counted:,}",
            f"{found.quota:,}" if found.quota >= 0 else "rate",
            _beside(found.over, found.bounds.over),
            _beside(found.lost, found.bounds.lost) if found.quota >= 0 else f"{found.lost:,}",
            _beside(found.stranded, found.bounds.stranded),
            _recovered(found),
            hits,
            "FAILED" if bad else "held",
        )


def figures(runs: Sequence[Ended]) -> str:
    """All runs as one Markdown table."""
    return table((row for ended in runs for row in rows(ended)), COLUMNS)


def complaints(ended: Ended) -> Iterator[str]:
    """Everything that is wrong with a run, one line each."""
    for problem in ended.problems:
        yield f"{ended.case.name}: {problem}"
    for found in ended.findings:
        for problem in found.problems:
            yield f"{ended.case.name}: {found.plan_id.removeprefix('usagePlan-')}: {problem}"


def progress(ended: Ended) -> str:
    """A run in one line."""
    plans = "; ".join(map(_short, ended.findings))
    return f"{'FAILED' if ended.failed else 'held':6} {ended.case.name:18} {ended.took_s:5.1f} s  {plans}"


def markdown(runs: Sequence[Ended], command: str, store_versions: str) -> str:
    """The page for bench/results/."""
    problems = [f"- {problem}" for ended in runs for problem in complaints(ended)]
    notes = [f"- {ended.case.what}: {ended.fault.note}" for ended in runs if ended.fault.note]
    notes += [
        f"- {ended.case.what}: {_STILL.format(ended.fault.stood_still_s)}" for ended in runs if _stood(ended)
    ]
    bounds = [f"- {why}" for why in _bounds(runs)]
    held = sum(not ended.failed for ended in runs)
    parts = [
        "# Chaos: what faults cost",
        f"{held} of {len(runs)} cases held.",
        figures(runs),
        f"{machine.today()}, `{command}`. {machine.description()}. {store_versions}.",
        _HOW,
    ]
    for title, lines in (("Bounds", bounds), ("Notes", notes), ("What failed", problems)):
        if lines:
            parts += [f"## {title}", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


_HOW = """\
Real processes and servers on loopback, nothing replaced. `plan` is `all` (every admitted request counts),
`2xx` (`quotaCondition: 2xx`; 3 of 10 answers are 500; every request takes a Hold) or `rate` (a token bucket).

- *failed*: requests that got a 5xx of quotad's own, or no answer
- *admitted*: what the backend got; *counted*: those of them whose answer uses quota
- *over-admitted*: counted beyond the quota, or admitted beyond `burst + rateRps * t` in any interval
- *lost*: counted, but not in the store's use at rest; *stranded*: in that use, but never counted
- `n / m`: n, where at most m are promised; a single 0: none, where none is promised
- *recovered after*: from the end of the fault to the first decided answer to a request sent after it
- *hit*: what shows that the fault happened; a run without it fails

Load goes on until every quota is used up and refused: a quota that is refused early fails too.
`tests/chaos/checker.py` decides."""


STILL_S = 0.2
_STILL = "the runner itself stood still for {:.2f} s: times are no better than that"


def _stood(ended: Ended) -> bool:
    return ended.fault.stood_still_s > STILL_S


def _bounds(runs: Sequence[Ended]) -> list[str]:
    found = {
        f"{ended.case.what}: {one.bounds.why}" for ended in runs for one in ended.findings if one.bounds.why
    }
    return sorted(found)


def _short(found: Findings) -> str:
    quota = found.quota if found.quota >= 0 else "rate"
    return (
        f"{found.plan_id.removeprefix('usagePlan-')} {found.counted}/{quota}"
        f" over {found.over} lost {found.lost} stranded {found.stranded} failed {found.failed}"
        f" recovered {_seconds(found.recover_s)}"
    )


def _beside(found: int, bound: int) -> str:
    return f"{found:,} / {bound:,}" if found or bound else "0"


def _recovered(found: Findings) -> str:
    bound = found.bounds.recover_s
    return _seconds(found.recover_s) + (f" / {bound:.2f} s" if bound is not None else "")


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.2f} s"
