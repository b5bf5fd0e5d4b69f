"""The two charts of a report, as SVG: IoU over clicks, and how the IoU is distributed. Colours are the page's."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from squeezesam_core.evaluation.case import Outcome

WIDTH, HEIGHT = 520, 280
LEFT, RIGHT, TOP, BOTTOM = 40, 16, 16, 40
BINS = 20


@dataclass(frozen=True)
class Series:
    """One model's outcomes under its name."""

    name: str
    outcomes: Sequence[Outcome]


def click_counts(series: Sequence[Series]) -> list[int]:
    """The click counts that there are figures for, ascending."""
    return sorted({count for one in series for outcome in one.outcomes for count in outcome.ious})


def curve(series: Sequence[Series]) -> str:
    """Mean IoU after each click, with the band that holds the middle half of the objects."""
    counts = click_counts(series)
    parts = [_axes([(_x(i, len(counts)), str(count)) for i, count in enumerate(counts)], "clicks", "IoU %")]
    for place, one in enumerate(series):
        values = np.array([[outcome.after(count) for count in counts] for outcome in one.outcomes])
        low, high = np.percentile(values, [25, 75], axis=0)
        mean = values.mean(axis=0)
        xs = [_x(i, len(counts)) for i in range(len(counts))]
        upper = [f"{x:.1f},{_y(value):.1f}" for x, value in zip(xs, high, strict=True)]
        lower = [f"{x:.1f},{_y(value):.1f}" for x, value in zip(xs, low, strict=True)]
        line = " ".join(f"{x:.1f},{_y(value):.1f}" for x, value in zip(xs, mean, strict=True))
        parts.append(f'<polygon class="band s{place}" points="{" ".join(upper + lower[::-1])}"/>')
        parts.append(f'<polyline class="line s{place}" points="{line}"/>')
        for index, (x, count) in enumerate(zip(xs, counts, strict=True)):
            told = f"{escape(one.name)}: {100 * mean[index]:.1f} % after {count} (middle half {100 * low[index]:.0f}"
            told += f" to {100 * high[index]:.0f} %)"
            y = _y(mean[index])
            parts.append(f'<circle class="s{place}" cx="{x:.1f}" cy="{y:.1f}" r="4"><title>{told}</title></circle>')
            if place == 0 and (len(counts) <= 6 or index in (0, len(counts) - 1)):
                parts.append(f'<text class="value" x="{x:.1f}" y="{y - 9:.1f}">{100 * mean[index]:.1f}</text>')
    return _svg("Mean IoU after each click", parts)


def histogram(series: Sequence[Series]) -> str:
    """How many objects have which IoU by their last mask, in steps of 5 points."""
    histograms = [
        np.histogram([outcome.last for outcome in one.outcomes], bins=BINS, range=(0, 1))[0] for one in series
    ]
    highest = max(int(counts.max()) for counts in histograms)
    span = (WIDTH - LEFT - RIGHT) / BINS
    ticks = [(LEFT + span * BINS * share / 100, str(share)) for share in range(0, 101, 20)]
    parts = [_axes(ticks, "IoU % of the last mask", "objects", highest)]
    for place, (one, counts) in enumerate(zip(series, histograms, strict=True)):
        width = (span - 2) / len(series)
        for number, count in enumerate(counts.tolist()):
            x, y = LEFT + span * number + 1 + width * place, _y(count / highest)
            told = f"{escape(one.name)}: {count} of {len(one.outcomes)} between {5 * number} and {5 * number + 5} %"
            parts.append(
                f'<rect class="bar s{place}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
                f'height="{_y(0) - y:.1f}"><title>{told}</title></rect>'
            )
    return _svg("Objects by the IoU of their last mask", parts)


def _axes(ticks: Sequence[tuple[float, str]], below: str, beside: str, highest: int = 100) -> str:
    parts = []
    for quarter in range(5):
        y, value = _y(quarter / 4), highest * quarter / 4
        label = f"{value:g}" if value == int(value) else ""
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick end" x="{LEFT - 6}" y="{y + 4:.1f}">{label}</text>')
    parts += [f'<text class="tick" x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}">{label}</text>' for x, label in ticks]
    parts.append(f'<text class="tick" x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 6}">{below}</text>')
    parts.append(f'<text class="tick start" x="{LEFT - 34}" y="{TOP - 4}">{beside}</text>')
    return "".join(parts)


def _svg(title: str, parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">{"".join(parts)}</svg>'


def _x(index: int, count: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * (index + 0.5) / count


def _y(share: float) -> float:
    return TOP + 6 + (HEIGHT - TOP - BOTTOM - 6) * (1 - share)
