"""The figures of one case as an SVG: a bar per peer, the proxy's CPU and, lighter, that of Redis."""

from bench import bars
from bench.aims import OURS
from bench.bars import Bar
from bench.report import Result
from bench.rounds import figures


def svg(result: Result) -> str:
    """A picture that reads on light and on dark ground."""
    found = [(figures(result.of(peer)), peer) for peer in result.peers]
    return bars.svg(
        "CPU per request, microseconds",
        f"the proxy, and Redis behind it (lighter): {result.case.title}",
        [
            Bar(peer.title, of.cpu_us, of.store_us if peer.counts != "nowhere" else 0.0, peer.name in OURS)
            for of, peer in found
        ],
    )
