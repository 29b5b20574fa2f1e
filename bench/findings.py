"""What was aimed at, what was found, and the table of both."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from bench.report import table

Build = Literal["compiled", "pure"]
BUILDS: tuple[Build, ...] = ("compiled", "pure")
"""What the image carries, and what runs where nothing was compiled."""
COLUMNS = ("row", "what", "aim", *(word for build in BUILDS for word in (build, "")))


@dataclass(frozen=True, slots=True)
class Aim:
    """One number that quotad is held to."""

    row: int
    """Of the table of aims, 1 to 13."""
    what: str
    limit: float
    unit: str = ""
    at_least: bool = False
    """True: the figure must not be below the limit; False: not above it."""
    first: float | None = None
    """The bound that quotad was first held to, where there was one. It still holds."""

    def holds(self, value: float, limit: float | None = None) -> bool:
        """Whether a figure, as it is shown, keeps the limit."""
        bound = self.limit if limit is None else limit
        return value >= bound if self.at_least else value <= bound

    @property
    def words(self) -> str:
        """As the table shows it."""
        return f"{'at least' if self.at_least else 'at most'} {self.limit:g}{self.unit}"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was measured for one aim with one build."""

    aim: Aim
    build: Build
    values: Sequence[float]
    """One of each round."""
    note: str = ""
    invalid: str = ""
    """Why the figure says nothing; empty: it counts."""

    @property
    def value(self) -> float:
        """The median over the rounds, rounded as it is shown: what is read is what is judged."""
        return float(shown(median(self.values)))

    @property
    def verdict(self) -> str:
        """In words."""
        if self.invalid:
            return "not valid"
        return "met" if self.aim.holds(self.value) else "NOT MET"

    @property
    def words(self) -> str:
        """The median, and the range of the rounds behind it."""
        text = f"{shown(self.value)}{self.aim.unit}"
        if len(self.values) > 1:
            text += f" ({shown(min(self.values))} - {shown(max(self.values))})"
        return text

    @property
    def remarks(self) -> str:
        """All that has to be said beside the figure."""
        said = [self.note] if self.note else []
        if self.invalid:
            said.append(self.invalid)
        if self.aim.first is not None:
            kept = "met" if self.aim.holds(self.value, self.aim.first) else "NOT MET"
            said.append(f"first bound {self.aim.first:g}: {kept}")
        return "; ".join(said)


def shown(value: float) -> str:
    """Two digits after the point for small figures, none for large ones."""
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"


def verdicts(findings: Sequence[Finding]) -> str:
    """The table: a line for each aim, in the order of the rows."""
    aims = sorted({finding.aim: None for finding in findings}, key=lambda aim: aim.row)
    return table((_line(aim, findings) for aim in aims), COLUMNS)


def _line(aim: Aim, findings: Sequence[Finding]) -> list[str]:
    cells = [str(aim.row), aim.what, aim.words]
    for build in BUILDS:
        found = [each for each in findings if each.aim == aim and each.build == build]
        cells += [found[0].words, found[0].verdict] if found else ["-", ""]
    return cells


def remarks(findings: Sequence[Finding]) -> str:
    """What has to be said beside the figures, as a list."""
    lines = (
        f"- {finding.aim.row}, {finding.aim.what}, {finding.build}: {finding.remarks}."
        for finding in sorted(findings, key=lambda finding: finding.aim.row)
        if finding.remarks
    )
    return "\n".join(lines)


def summary(findings: Sequence[Finding], build: Build) -> str:
    """How many aims one build meets."""
    of = [finding for finding in findings if finding.build == build]
    met = sum(finding.verdict == "met" for finding in of)
    return f"{build}: {met} of {len(of)} aims met"
