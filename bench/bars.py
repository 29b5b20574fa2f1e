"""Bars as SVG: a figure of each of several, and a second one, lighter, behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, LABEL, VALUE, ROW, HEIGHT = 860, 250, 140, 34, 20
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


@dataclass(frozen=True, slots=True)
class Bar:
    """One row."""

    words: str
    value: float
    behind: float
    ours: bool


def svg(title: str, words: str, bars: Sequence[Bar]) -> str:
    """A picture that reads on light and on dark ground; the shortest bar comes first."""
    longest = _longest([bar.value + bar.behind for bar in bars])
    parts = [_text(12, 24, title, "title"), _text(12, 43, words, "small")]
    for number, bar in enumerate(sorted(bars, key=lambda bar: bar.value)):
        parts += _row(HEAD + number * ROW, bar, longest)
    height = HEAD + len(bars) * ROW + FOOT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}: {escape(words)}">\n<style>{STYLE}</style>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _longest(totals: list[float]) -> float:
    """What the full width stands for. A bar over twice the next would flatten all others: it is cut."""
    *others, most = sorted(totals)
    return others[-1] * 1.2 if others and most > 2 * others[-1] else most


def _row(top: int, bar: Bar, longest: float) -> list[str]:
    scale = (WIDTH - LABEL - VALUE) / longest
    front = min(bar.value, longest) * scale
    behind = min(bar.behind, max(0.0, longest - bar.value)) * scale
    value = f"{bar.value:.1f}" + (f" + {bar.behind:.1f}" if bar.behind else "")
    cut = " (cut)" if bar.value + bar.behind > longest else ""
    return [
        _text(12, top + 15, bar.words, "label"),
        _rect(LABEL, top, front, "ours" if bar.ours else "proxy"),
        _rect(LABEL + front, top, behind, "store"),
        _text(LABEL + front + behind + 8, top + 15, value + cut, "label"),
    ]


def _text(x: float, y: float, words: str, kind: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}">{escape(words)}</text>'


def _rect(x: float, y: float, width: float, kind: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.0f}" width="{width:.1f}" height="{HEIGHT}" class="{kind}"/>'
