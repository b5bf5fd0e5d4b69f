"""Plots as inline SVG, coloured by the page's style sheet so that they follow light and dark."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

LEFT, RIGHT, TOP, BOTTOM = 46, 62, 14, 34
"""Margins in SVG units, which are pixels at the page's full width."""

TICKS = 4


@dataclass(frozen=True)
class Series:
    """A line. style: class of the style sheet; points: (x, y), x rising."""

    name: str
    style: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Bar:
    """A bar of a histogram. label: below it; says: shown when the pointer rests on it."""

    label: str
    count: int
    says: str


def line_plot(series: Sequence[Series], unit: str, width: int = 1060, height: int = 250) -> str:
    """Lines over the last hour; x: minutes ago, 60 to 0, which reads from left to right. A gap of minutes is a gap."""
    top, ticks = _scale(max((y for line in series for _, y in line.points), default=1.0))
    across, down = width - LEFT - RIGHT, height - TOP - BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        return LEFT + across * (1 - x / 60), TOP + down * (1 - y / top)

    parts = _grid(ticks, lambda y: place(0, y)[1], width)
    for minutes in range(60, -1, -10):
        x, _ = place(minutes, 0)
        name = {0: "now", 60: "60 min ago"}.get(minutes, str(minutes))
        parts.append(f'<text class="tick" x="{x:.1f}" y="{height - 12}" text-anchor="middle">{name}</text>')
    ends = _apart([place(*line.points[-1])[1] for line in series if line.points])
    for line, end in zip((line for line in series if line.points), ends, strict=True):
        for run in _runs(line.points):
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in run))
            parts.append(f'<polyline class="line {line.style}" points="{path}"/>')
        for ago, value in line.points:
            x, y = place(ago, value)
            says = f"{line.name}, {ago:.0f} min ago: {value:.0f} {unit}"
            parts.append(f'<circle class="dot {line.style}" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>')
            parts.append(
                f'<circle class="target" cx="{x:.1f}" cy="{y:.1f}" r="8"><title>{escape(says)}</title></circle>'
            )
        x = place(line.points[-1][0], 0)[0]
        parts.append(f'<text class="name" x="{x + 8:.1f}" y="{end + 4:.1f}">{escape(line.name)}</text>')
    return _svg(parts, width, height, " and ".join(line.name for line in series))


def histogram(bars: Sequence[Bar], title: str, width: int = 510, height: int = 220) -> str:
    """Bars side by side; each has its count above it and its label below."""
    top, ticks = _scale(max((bar.count for bar in bars), default=1), whole=True)
    right = 12
    across, down = (width - LEFT - right) / len(bars), height - TOP - BOTTOM
    parts = _grid(ticks, lambda y: TOP + down * (1 - y / top), width, right)
    for index, bar in enumerate(bars):
        x, tall = LEFT + across * index, down * bar.count / top
        middle, y = x + across / 2, TOP + down - tall
        if bar.count:
            parts.append(f'<path class="bar" d="{_rounded(x + 3, y, across - 6, tall)}"/>')
            parts.append(
                f'<text class="count" x="{middle:.1f}" y="{y - 4:.1f}" text-anchor="middle">{bar.count}</text>'
            )
        parts.append(
            f'<text class="tick" x="{middle:.1f}" y="{height - 14}" text-anchor="middle">{escape(bar.label)}</text>'
            f'<rect class="target" x="{x:.1f}" y="{TOP}" width="{across:.1f}" height="{down}">'
            f"<title>{escape(bar.says)}</title></rect>"
        )
    return _svg(parts, width, height, title)


def _svg(parts: Sequence[str], width: int, height: int, title: str) -> str:
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'


def _grid(ticks: Sequence[float], place: Callable[[float], float], width: int, right: int = RIGHT) -> list[str]:
    parts = []
    for tick in ticks:
        y = place(tick)
        parts.append(
            f'<line class="{"grid" if tick else "axis"}" x1="{LEFT}" x2="{width - right}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        parts.append(f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    return parts


def _scale(highest: float, whole: bool = False) -> tuple[float, list[float]]:
    """The axis's end, a little above the highest value, and round ticks from 0 to it."""
    rough = max(highest, 1e-9) * 1.08 / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    if whole:
        step = max(1.0, math.ceil(step))
    count = max(1, math.ceil(highest * 1.08 / step))
    return step * count, [step * index for index in range(count + 1)]


def _runs(points: Sequence[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """Points whose minutes follow one another."""
    runs: list[list[tuple[float, float]]] = []
    for point in points:
        if runs and abs(runs[-1][-1][0] - point[0]) <= 1:
            runs[-1].append(point)
        else:
            runs.append([point])
    return runs


def _apart(heights: list[float], least: float = 15.0) -> list[float]:
    """Heights of labels moved so that none covers another."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    for before, after in pairwise(order):
        heights[after] = max(heights[after], heights[before] + least)
    return heights


def _rounded(x: float, y: float, width: float, height: float) -> str:
    """A bar with round corners at its top only; it stands on the axis."""
    radius = min(4.0, height)
    return (
        f"M{x:.1f},{y + height:.1f}V{y + radius:.1f}q0,{-radius:.1f} {radius:.1f},{-radius:.1f}"
        f"h{width - 2 * radius:.1f}q{radius:.1f},0 {radius:.1f},{radius:.1f}V{y + height:.1f}Z"
    )
