"""All numbers of one process at one moment, which may be sent to another process and added up.

They are absolute, since the start of their process: what got lost on the way is in what comes next.
"""

from collections.abc import Mapping
from typing import Any

from quotad.core.histogram import Histogram
from quotad.telemetry.families import FAMILIES

Labels = tuple[str, ...]


class Figures:
    """Numbers by metric name, then by label values; names and labels as in ``families``."""

    __slots__ = ("histograms", "numbers")

    def __init__(self) -> None:
        self.numbers: dict[str, dict[Labels, float]] = {}
        """Counters, levels and peaks."""
        self.histograms: dict[str, dict[Labels, Histogram]] = {}

    def put(self, name: str, value: float, labels: Labels = ()) -> None:
        """Say one number."""
        self.numbers.setdefault(name, {})[labels] = value

    def put_each(self, name: str, counts: Mapping[str, float]) -> None:
        """Say the numbers of a metric that has one label."""
        self.numbers[name] = {(value,): count for value, count in counts.items()}

    def put_histogram(self, name: str, histogram: Histogram, labels: Labels = ()) -> None:
        """Say one histogram. It is not copied."""
        self.histograms.setdefault(name, {})[labels] = histogram

    def add(self, other: "Figures") -> None:
        """Make these the numbers of one more process; ``other`` stays as it is."""
        for name, series in other.numbers.items():
            mine = self.numbers.setdefault(name, {})
            if FAMILIES[name].kind == "peak":
                mine.update({labels: max(value, mine.get(labels, value)) for labels, value in series.items()})
            else:
                mine.update({labels: value + mine.get(labels, 0) for labels, value in series.items()})
        for name, histograms in other.histograms.items():
            own = self.histograms.setdefault(name, {})
            own.update({labels: _sum(own.get(labels), each) for labels, each in histograms.items()})

    def renew(self, other: "Figures") -> None:
        """Take what the same process says later; a metric that it does not name stays."""
        for name, series in other.numbers.items():
            if FAMILIES[name].piecemeal:
                self.numbers.setdefault(name, {}).update(series)
            else:
                self.numbers[name] = series
        for name, histograms in other.histograms.items():
            self.histograms.setdefault(name, {}).update(histograms)

    def past(self) -> "Figures":
        """What stays of them when their process has ended: counters and histograms."""
        kept = Figures()
        kept.histograms = self.histograms
        kept.numbers = {
            name: series for name, series in self.numbers.items() if FAMILIES[name].kind == "counter"
        }
        return kept

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "numbers": {name: list(series.items()) for name, series in self.numbers.items()},
            "histograms": {
                name: [[labels, each.counts, each.sum_s] for labels, each in series.items()]
                for name, series in self.histograms.items()
            },
        }

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any]) -> "Figures":
        """What ``plain`` said."""
        figures = cls()
        for name, series in plain["numbers"].items():
            figures.numbers[name] = {tuple(labels): value for labels, value in series}
        for name, series in plain["histograms"].items():
            figures.histograms[name] = {
                tuple(labels): Histogram.of(counts, sum_s) for labels, counts, sum_s in series
            }
        return figures


def _sum(one: Histogram | None, other: Histogram) -> Histogram:
    """A new histogram, so that neither process's own changes."""
    counts = other.counts if one is None else map(int.__add__, one.counts, other.counts)
    return Histogram.of(counts, other.sum_s + (0.0 if one is None else one.sum_s))
