"""The pictures that are made of the outcomes."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from bench.simulation.charts import Chart, Points, svg
from bench.simulation.outcome import Outcome


def pictures(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, str]]:
    """File name (without ``.svg``) and picture of each."""
    known = {of.name: of for of in outcomes}
    for name, chart in (
        ("scale-calls", _calls(known)),
        ("scale-ahead", _ahead(known)),
        ("scale-fairness", _fairness(known)),
    ):
        yield name, svg(chart)


def _calls(known: dict[str, Outcome]) -> Chart:
    shown = ("hot", "hot-strict", "ample", "plans", "plans-strict", "rate-idle")
    return Chart(
        "Script calls per second",
        "Over time, of one store: with leases and without. The quotas of hot and plans last for 5 s.",
        "simulated seconds",
        "script calls per second",
        [(name, _rate([(at.at_s, at.calls) for at in known[name].samples])) for name in shown],
    )


def _ahead(known: dict[str, Outcome]) -> Chart:
    shown = ("hot", "hot-5s", "plans", "crash", "local", "rate-idle")
    return Chart(
        "Units held ahead by living sidecars, share of the quota (rate-idle: of the burst)",
        "Over time: how much of the quota was in sidecars' hands and not used yet.",
        "simulated seconds",
        "held ahead / limit",
        [(name, _held(known[name])) for name in shown],
    )


def _fairness(known: dict[str, Outcome]) -> Chart:
    shown = ("hot", "hot-strict", "plans", "rate", "rate-strict", "local")
    return Chart(
        "Admitted / asked, sidecar by sidecar, in order",
        "A flat line means that every sidecar's callers got the same share of what they asked.",
        "sidecars, the least served first (%)",
        "admitted / asked",
        [(name, _ranked(known[name])) for name in shown],
    )


def _rate(points: Points) -> Points:
    """Sums as rates between them."""
    return [
        ((x + after) / 2, (y2 - y) / (after - x)) for (x, y), (after, y2) in pairwise([(0.0, 0.0), *points])
    ]


def _held(of: Outcome) -> Points:
    whole = of.limit if of.limit >= 0 else of.burst
    return [(at.at_s, at.ahead / whole) for at in of.samples]


def _ranked(of: Outcome) -> Points:
    last = max(1, len(of.shares) - 1)
    return [(100 * rank / last, share) for rank, share in enumerate(of.shares)]
