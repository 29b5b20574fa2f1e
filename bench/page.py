"""The table of aims as a page with pictures, for bench/results/."""

from collections.abc import Iterator
from math import log10
from pathlib import Path
from statistics import median

from bench import bars, machine
from bench.bars import Bar
from bench.budget import Budget
from bench.cases import OTHER_CORE, PROXY_CORE
from bench.findings import BUILDS, remarks, summary, verdicts
from bench.report import DISTURBED, table
from bench.rows import curve
from bench.rows.everything import Everything
from bench.rows.ground import OURS, peer
from bench.rows.growth import Grown
from bench.simulation.charts import Chart, svg
from bench.tools import program_version, redis_version

NAME = "table"
INTRODUCTION = """\
Row by row the table of aims. [How it is measured and read](../README.md);
[where the time goes](../../docs/performance.md)."""


def text(everything: Everything, budget: Budget, command: str) -> str:
    """What ``make bench`` prints, and the page begins with."""
    found = everything.findings
    measured = {finding.build for finding in found}
    counts = ". ".join(summary(found, build) for build in BUILDS if build in measured)
    return "\n\n".join(
        (
            verdicts(found),
            f"{counts}. `compiled` is what the image carries; `pure` is the same source, not compiled.",
            remarks(found),
            *(f"COULD NOT BE MEASURED: {failure}" for failure in everything.failures),
            f"{machine.today()}, `{command}`, {everything.took_s / 60:.1f} minutes. {machine.description()}.",
            _noise(everything, budget),
        )
    )


def _noise(everything: Everything, budget: Budget) -> str:
    busy = everything.samples.disturbed()
    others = f"Other programs meanwhile: {busy:.2f} of a core (median of the runs of rows 1 to 7)."
    if busy > DISTURBED:
        others += " The machine was not quiet: measure again before quoting any of this."
    large, small = budget.traffic, budget.small
    return (
        f"Medians of {large.rounds} rounds of {large.measured_s} s (rows 1 to 7) and of {small.rounds} "
        "(8, 9, 10, 13), peers in turn; in parentheses\n"
        "the least and the most of the rounds, which is the noise. Ratios are taken within a round.\n"
        f"Proxy alone on core {PROXY_CORE}; backend, load tool and Redis together on core {OTHER_CORE}, so "
        f"requests/s end where that core ends.\n{others}"
    )


def markdown(everything: Everything, budget: Budget, command: str) -> str:
    """The whole page."""
    pictures = [f"![{title}]({NAME}-{name}.svg)" for name, title, _ in pictures_of(everything)]
    return (
        "\n\n".join(
            (
                "# What was aimed at, and what was measured",
                INTRODUCTION,
                text(everything, budget, command),
                *pictures,
                "## Rows 1 to 7, every peer",
                _peers(everything),
                "## Versions",
                _versions(everything),
            )
        )
        + "\n"
    )


def write(folder: Path, everything: Everything, budget: Budget, command: str) -> Path:
    """The page and its pictures; returns the page's path."""
    for name, _, picture in pictures_of(everything):
        (folder / f"{NAME}-{name}.svg").write_text(picture)
    page = folder / f"{NAME}.md"
    page.write_text(markdown(everything, budget, command))
    return page


def pictures_of(everything: Everything) -> Iterator[tuple[str, str, str]]:
    """Name, title and SVG of each."""
    yield (
        "cpu",
        "CPU per request by peer",
        bars.svg(
            "CPU per request, microseconds",
            "the proxy, and Redis behind it (lighter): 200 callers, 32 connections",
            list(_bars(everything)),
        ),
    )
    if everything.curves:
        yield "curve", "Throughput against latency", curve.picture(everything.curves)
    if everything.grown:
        yield "growth", "Cost growth", svg(_growth(everything))


def _bars(everything: Everything) -> Iterator[Bar]:
    samples = everything.samples
    for case, name in samples.by_entry:
        if case in {"pair", "leases"}:
            of = peer(name)
            words = f"{of.title}, leases" if case == "leases" and of.name in OURS.values() else of.title
            behind = median(samples.of((case, name), "store_us")) if of.counts != "nowhere" else 0.0
            yield Bar(words, median(samples.of((case, name), "cpu_us")), behind, of.name in OURS.values())


def _growth(everything: Everything) -> Chart:
    return Chart(
        "CPU per request as things grow, against the smallest size",
        "Flat: what there is much of costs nothing. The aim is at most 1.3 at the right end of each line.",
        "powers of ten (4: 10,000)",
        "times the CPU at the smallest",
        [(each.aim.what.removeprefix("CPU: "), _points(each)) for each in everything.grown],
    )


def _points(grown: Grown) -> list[tuple[float, float]]:
    least = grown.medians[0]
    return [(log10(size), cost / least) for size, cost in zip(grown.sizes, grown.medians, strict=True)]


def _peers(everything: Everything) -> str:
    samples = everything.samples
    columns = ("cpu_us", "store_us", "rps", "busy", "p50_us", "p99_us")
    rows = []
    for entry in samples.by_entry:
        cpu, store, rps, busy, p50, p99 = (median(samples.of(entry, column)) for column in columns)
        cells = (
            f"{cpu:.1f}",
            f"{store:.2f}",
            f"{rps:,.0f}",
            f"{busy:.0%}",
            f"{p50 / 1e3:.2f}",
            f"{p99 / 1e3:.2f}",
        )
        rows.append((entry[0], peer(entry[1]).title, *cells))
    return table(
        rows,
        (
            "case",
            "peer",
            "CPU us/request",
            "Redis us/request",
            "requests/s",
            "core in use",
            "p50 ms",
            "p99 ms",
        ),
    )


def _versions(everything: Everything) -> str:
    names = dict.fromkeys(name for _, name in everything.samples.by_entry)
    rows = [(peer(name).title, peer(name).version()) for name in names]
    rows += [("store", redis_version()), ("load", program_version("wrk", "-v", r"wrk (\S+)"))]
    return table(rows, ("what", "version"))
