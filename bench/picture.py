"""The figures as an SVG: a bar per peer, the proxy's CPU and, lighter, that of Redis behind it."""

from html import escape
from operator import itemgetter

from bench.aims import OURS
from bench.peers.peer import Peer
from bench.report import Result
from bench.rounds import figures

WIDTH, LABEL, VALUE, ROW, BAR = 860, 250, 140, 34, 20
HEAD, FOOT = 58, 14
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .title { font-size: 15px; font-weight: 600; }
  .small { font-size: 12px; fill: #59636e; }
  .proxy { fill: #5b7a99; } .store { fill: #b9c7d6; } .ours { fill: #c2571a; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .small { fill: #9198a1; }
    .proxy { fill: #6f93b8; } .store { fill: #3d4f63; } .ours { fill: #e8833f; }
  }
"""


def svg(result: Result) -> str:
    """A picture that reads on light and on dark ground."""
    found = [(figures(result.of(peer)), peer) for peer in result.peers]
    bars = sorted(
        ((of.cpu_us, of.store_us if peer.counts != "nowhere" else 0.0, peer) for of, peer in found),
        key=itemgetter(0),
    )
    longest = _longest([proxy + behind for proxy, behind, _ in bars])
    parts = [
        _text(12, 24, "CPU per request, microseconds", "title"),
        _text(12, 43, f"the proxy, and Redis behind it (lighter): {result.case.title}", "small"),
    ]
    for number, (proxy, behind, peer) in enumerate(bars):
        parts += _row(HEAD + number * ROW, (proxy, behind), peer, longest)
    height = HEAD + len(bars) * ROW + FOOT
    label = escape(f"CPU per request: {result.case.title}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{label}">\n<style>{STYLE}</style>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _longest(totals: list[float]) -> float:
    """What the full width stands for. A bar over twice the next would flatten all others: it is cut."""
    *others, most = sorted(totals)
    return others[-1] * 1.2 if others and most > 2 * others[-1] else most


def _row(top: int, costs: tuple[float, float], peer: Peer, longest: float) -> list[str]:
    proxy_us, behind_us = costs
    scale = (WIDTH - LABEL - VALUE) / longest
    proxy = min(proxy_us, longest) * scale
    behind = min(behind_us, max(0.0, longest - proxy_us)) * scale
    value = f"{proxy_us:.1f}" + (f" + {behind_us:.1f}" if behind_us else "")
    cut = " (cut)" if proxy_us + behind_us > longest else ""
    return [
        _text(12, top + 15, peer.title, "label"),
        _bar(LABEL, top, proxy, "ours" if peer.name in OURS else "proxy"),
        _bar(LABEL + proxy, top, behind, "store"),
        _text(LABEL + proxy + behind + 8, top + 15, value + cut, "label"),
    ]


def _text(x: float, y: float, words: str, kind: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}">{escape(words)}</text>'


def _bar(x: float, y: float, width: float, kind: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.0f}" width="{width:.1f}" height="{BAR}" class="{kind}"/>'
