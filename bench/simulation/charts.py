"""Lines over time as SVG, readable on light and on dark ground."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, log10

WIDTH, HEIGHT = 860, 330
LEFT, RIGHT, TOP, BOTTOM = 74, 16, 74, 44
STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #59636e; }
  .title { font-size: 15px; font-weight: 600; fill: #1f2328; }
  .grid { stroke: #d1d9e0; } .line { fill: none; stroke-width: 2; }
  .s0 { stroke: #c2571a; } .s1 { stroke: #2f6f9f; } .s2 { stroke: #4b8b3b; } .s3 { stroke: #8a5aa8; }
  .s4 { stroke: #8c8c8c; } .s5 { stroke: #b59a1b; }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1; } .title { fill: #e6edf3; } .grid { stroke: #3d444d; }
    .s0 { stroke: #e8833f; } .s1 { stroke: #6fb1e0; } .s2 { stroke: #85c774; } .s3 { stroke: #c39be0; }
  }
"""
_TICKS = 4
_LEGEND_ROW = 3

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn. Both axes begin at 0."""

    title: str
    words: str
    """What it shows, for those who cannot see it."""
    x: str
    y: str
    series: Sequence[tuple[str, Points]]


def svg(chart: Chart) -> str:
    """The picture."""
    right = max(x for _, points in chart.series for x, _ in points)
    top = nice(max(y for _, points in chart.series for _, y in points))
    parts = [_text(12, 24, chart.title, "title"), *_grid(chart, right, top)]
    for number, (name, points) in enumerate(chart.series):
        kind = f"s{number % 6}"
        x, y = 16 + (number % _LEGEND_ROW) * 275, 40 + number // _LEGEND_ROW * 17
        parts.append(f'<path class="line {kind}" d="M{x} {y}h18"/>')
        parts.append(_text(x + 24, y + 4, name))
        parts.append(f'<path class="line {kind}" d="{_path(points, right, top)}"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">\n'
        f"<title>{escape(chart.title)}</title>\n<desc>{escape(chart.words)}</desc>\n"
        f"<style>{STYLE}</style>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def nice(value: float) -> float:
    """The smallest of 1, 2, 2.4, 3, 4, 5, 6, 8 or 10 times a power of ten that is not below ``value``."""
    if value <= 0:
        return 1.0
    power = 10 ** ceil(log10(value) - 1)
    steps = (1, 2, 2.4, 3, 4, 5, 6, 8, 10)
    return float(next(step * power for step in steps if step * power >= value * 0.999999))


def _grid(chart: Chart, right: float, top: float) -> list[str]:
    parts = []
    for tick in range(_TICKS + 1):
        level = top * tick / _TICKS
        y = _y(level, top)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(_text(LEFT - 8, y + 4, f"{level:,.4g}" if top < 10 else f"{level:,.0f}", "", "end"))
        x = right * tick / _TICKS
        parts.append(_text(_x(x, right), HEIGHT - BOTTOM + 18, f"{x:,.4g}", "", "middle"))
    parts.append(_text(WIDTH - RIGHT, HEIGHT - 8, chart.x, "", "end"))
    parts.append(_text(12, HEIGHT - 8, chart.y))
    return parts


def _x(x: float, right: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * x / right


def _y(y: float, top: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y / top


def _path(points: Points, right: float, top: float) -> str:
    return "M" + "L".join(f"{_x(x, right):.1f} {_y(y, top):.1f}" for x, y in points)


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'
