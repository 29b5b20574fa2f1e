"""Outcomes as lines and tables."""

import platform
from collections.abc import Sequence

from bench import machine
from bench.report import table
from bench.simulation.outcome import Outcome
from bench.simulation.variants import VARIANTS

Tried = Sequence[tuple[tuple[str, ...], Outcome]]
"""Variants that were in place, and what came of it."""


def line(of: Outcome) -> str:
    """One case in a few words, for the terminal while others still run."""
    return (
        f"{of.name}: {of.admitted:,} of {of.requests:,} admitted, over {of.over_admitted}, "
        f"{of.calls_per_request():.4f} script calls per request"
    )


def tables(outcomes: Sequence[Outcome]) -> str:
    """All of them."""
    return "\n\n".join((counts(outcomes), costs(outcomes), losses(outcomes)))


def counts(outcomes: Sequence[Outcome]) -> str:
    """What was asked and admitted, and whether any limit was passed."""
    rows = (
        (
            of.name,
            of.title,
            f"{of.requests:,}",
            f"{of.limit:,}" if of.limit >= 0 else "rate",
            f"{of.admitted:,}",
            str(of.over_admitted),
            f"{of.unsold:,}" if of.limit >= 0 else f"{1 - (of.rate_used or 0):.2%}",
            f"{of.fairness:.3f}",
            _refused(of),
        )
        for of in outcomes
    )
    names = ("case", "what", "requests", "limit", "admitted", "over", "unsold", "fairness", "refused")
    return table(rows, names)


def costs(outcomes: Sequence[Outcome]) -> str:
    """What the store was asked, and how long callers waited."""
    rows = (
        (
            of.name,
            f"{of.calls_per_request():.3f}",
            _phase(of, 0.0, 0.5),
            _phase(of, 0.5, 0.9),
            _phase(of, 0.9, 1.1),
            f"{of.decisions / max(1, of.calls):.2f}",
            f"{of.peak_calls_per_s:,.0f}",
            f"{of.busy:.0%}",
            f"{of.at_once:.0%}",
            f"{of.p99_ms:.2f}",
            f"{of.waiting_p99_ms:.2f}",
        )
        for of in outcomes
    )
    names = (
        "case",
        "calls/request",
        "to 50 %",
        "50-90 %",
        "from 90 % on",
        "Subjects/call",
        "peak calls/s",
        "store busy",
        "at once",
        "p99 ms",
        "p99 of who waited",
    )
    return table(rows, names)


def losses(outcomes: Sequence[Outcome]) -> str:
    """What was held ahead, and what killed processes took with them."""
    rows = [
        (
            of.name,
            f"{of.most_ahead:,}",
            f"{of.samples[-1].ahead:,}",
            f"{of.stranded:,}",
            "; ".join(f"{kill.units:,} of {kill.bound:,} at {kill.used:.0%}" for kill in of.kills) or "-",
            str(of.unanswered),
            "yes" if of.drained else "NO",
        )
        for of in outcomes
    ]
    names = (
        "case",
        "most held ahead",
        "at the end",
        "stranded",
        "killed with, of the bound, with so much used",
        "cut off",
        "all given back",
    )
    return table(rows, names)


def _phase(of: Outcome, least: float, most: float) -> str:
    """Calls per request while these shares of the quota were admitted; a dash where that never was."""
    reached = of.admitted / of.limit if of.limit > 0 else 0.0
    return f"{of.calls_per_request(least, most):.3f}" if reached > max(least, 0.5) else "-"


def _refused(of: Outcome) -> str:
    return ", ".join(f"{reason} {count:,}" for reason, count in of.refused.items())


def tried(outcomes: Sequence[Outcome], with_variants: Tried) -> str:
    """Cases as they are, and below each what came of it with variants in place."""
    rows = []
    for plain in outcomes:
        those = [(names, of) for names, of in with_variants if of.name == plain.name]
        for names, of in [((), plain), *those] if those else []:
            rows.append(
                (
                    of.name,
                    " + ".join(names) or "as it is",
                    f"{of.calls_per_request():.3f}",
                    _phase(of, 0.9, 1.1),
                    f"{of.peak_calls_per_s:,.0f}",
                    f"{of.unsold:,}" if of.limit >= 0 else f"{1 - (of.rate_used or 0):.2%}",
                    f"{of.fairness:.3f}",
                    str(of.over_admitted),
                )
            )
    names = ("case", "with", "calls/request", "from 90 % on", "peak calls/s", "unsold", "fairness", "over")
    return table(rows, names)


def meanings() -> str:
    """What each variant does."""
    return table(((name, words) for name, (words, _) in VARIANTS.items()), ("variant", "what it does"))


def markdown(outcomes: Sequence[Outcome], with_variants: Tried, pictures: Sequence[str], seed: int) -> str:
    """The page for bench/results/."""
    sidecars = {of.sidecars for of in outcomes}
    parts = [
        f"# {max(sidecars)} sidecars on one store, simulated",
        *(f"![{name}]({name}.svg)" for name in pictures),
        tables(outcomes),
        _origin(seed),
    ]
    if with_variants:
        parts += ["## What else the sizing could do", tried(outcomes, with_variants), meanings()]
    return "\n\n".join(parts) + "\n"


def _origin(seed: int) -> str:
    return (
        f"{machine.today()}, `python -m bench.simulation --variants`, seed {seed}, "
        f"Python {platform.python_version()}.\n"
        "What is simulated, what the columns mean, and what follows: [docs/scale.md](../../docs/scale.md)."
    )
