"""Figures as tables: for the terminal and, as Markdown, for bench/results/."""

from collections.abc import Iterable
from dataclasses import dataclass

from bench import machine
from bench.aims import ratios
from bench.cases import OTHER_CORE, PROXY_CORE, Case, Effort
from bench.peers.peer import Peer
from bench.rounds import Sample, figures

DISTURBED = 0.1
"""Cores' worth of foreign work above which the table warns."""

COLUMNS = (
    "peer",
    "CPU us/request",
    "least - most",
    "Redis CPU us/request",
    "requests/s",
    "p50 ms",
    "p99 ms",
    "core in use",
)


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that a report is made of."""

    case: Case
    effort: Effort
    peers: list[Peer]
    samples: list[Sample]
    command: str
    store_version: str

    def of(self, peer: Peer) -> list[Sample]:
        """The samples of one peer, in the order of the rounds."""
        return [sample for sample in self.samples if sample.peer == peer.name]


def table(rows: Iterable[Iterable[str]], columns: Iterable[str]) -> str:
    """A Markdown table, aligned so that it also reads well in a terminal."""
    lines = [list(columns), *(list(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    lines.insert(1, ["-" * width for width in widths])
    cells = ((cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def figures_table(result: Result) -> str:
    """The peers, cheapest first."""
    found = sorted(
        ((figures(result.of(peer)), peer) for peer in result.peers), key=lambda pair: pair[0].cpu_us
    )
    rows = (
        (
            peer.title,
            f"{of.cpu_us:.1f}",
            f"{of.cpu_least_us:.1f} - {of.cpu_most_us:.1f}",
            f"{of.store_us:.1f}" if peer.counts != "nowhere" else "-",
            f"{of.rps:,.0f}",
            f"{of.p50_us / 1000:.2f}",
            f"{of.p99_us / 1000:.2f}",
            f"{of.busy:.0%}",
        )
        for of, peer in found
    )
    return table(rows, COLUMNS)


def aims_table(result: Result) -> str:
    """CPU per request against each rival's; empty when quotad was not measured."""
    titles = {peer.name: peer.title for peer in result.peers}
    has_aims = result.case.name == "pair"
    rows = [
        (
            titles[one.ours],
            titles[one.rival],
            f"{one.value:.2f}",
            f"{one.aim:.2f}" if one.aim else "-",
            one.verdict,
        )
        for one in ratios(result.samples, has_aims)
    ]
    return table(rows, ("CPU per request of", "/ that of", "ratio", "at most", "aim")) if rows else ""


def peers_table(result: Result) -> str:
    """What each peer does, so that nobody reads a ratio for more than it is."""
    return table(
        ((peer.title, peer.version(), peer.job) for peer in result.peers), ("peer", "version", "does")
    )


def rounds_table(result: Result) -> str:
    """CPU microseconds per request in every round."""
    rows = ((peer.title, *(f"{sample.cpu_us:.1f}" for sample in result.of(peer))) for peer in result.peers)
    return table(rows, ("CPU us/request", *(f"round {n + 1}" for n in range(result.effort.rounds))))


def disturbance(result: Result) -> str:
    """How much other programs worked meanwhile, with a warning when it was much."""
    worst = max(sample.disturbed for sample in result.samples)
    of = figures(result.samples).disturbed
    text = f"Other programs meanwhile: {of:.2f} of a core (median over all runs, at most {worst:.2f})."
    if of <= DISTURBED:
        return text
    return f"{text} The machine was not quiet: measure again before quoting any of this."


def markdown(result: Result, picture: str) -> str:
    """The page that is written into bench/results/."""
    title = result.case.title
    parts = [
        f"# {title[0].upper()}{title[1:]}",
        f"![CPU per request]({picture})",
        figures_table(result),
        aims_table(result),
        f"{machine.today()}, `{result.command}`. {machine.description()}. {result.store_version}.",
        _method(result),
        "## Who was measured",
        peers_table(result),
        "## Every round",
        rounds_table(result),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _method(result: Result) -> str:
    effort = result.effort
    return (
        f"Medians of {effort.rounds} rounds of {effort.measured_s} s, peers in turn; proxy alone on core\n"
        f"{PROXY_CORE}, backend, load tool and Redis together on core {OTHER_CORE}. CPU is user and system\n"
        "time of the proxy's processes over the requests counted; ratios are taken within a round, then\n"
        "the median. Latencies are of a closed loop: they say how a proxy queues at its limit.\n"
        f"[How to read this](../README.md). {disturbance(result)}"
    )
