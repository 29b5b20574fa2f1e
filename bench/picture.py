"""The figures as an SVG: a bar per peer, the proxy's CPU and, lighter, that of Redis behind it."""

from html import escape

from bench.report import Result
from bench.rounds import figures

WIDTH, LABEL, ROW, BAR = 860, 250, 34, 20
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
    found = sorted(
        ((figures(result.of(peer)), peer) for peer in result.peers), key=lambda pair: pair[0].cpu_us
    )
    most = max(of.cpu_us + of.store_us for of, _ in found)
    scale = (WIDTH - LABEL - 120) / most
    parts = [
        _text(12, 24, "CPU per request, microseconds", "title"),
        _text(12, 43, f"the proxy, and Redis behind it (lighter): {result.case.title}", "small"),
    ]
    for number, (of, peer) in enumerate(found):
        top = HEAD + number * ROW
        kind = "ours" if peer.name == "quotad" else "proxy"
        proxy, behind = of.cpu_us * scale, of.store_us * scale if peer.counts != "nowhere" else 0
        parts.append(_text(12, top + 15, peer.title, "label"))
        parts.append(_bar(LABEL, top, proxy, kind))
        parts.append(_bar(LABEL + proxy, top, behind, "store"))
        value = f"{of.cpu_us:.1f}" + (f" + {of.store_us:.1f}" if behind else "")
        parts.append(_text(LABEL + proxy + behind + 8, top + 15, value, "label"))
    height = HEAD + len(found) * ROW + FOOT
    label = escape(f"CPU per request: {result.case.title}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{label}">\n<style>{STYLE}</style>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _text(x: float, y: float, words: str, kind: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}">{escape(words)}</text>'


def _bar(x: float, y: float, width: float, kind: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.0f}" width="{width:.1f}" height="{BAR}" class="{kind}"/>'
