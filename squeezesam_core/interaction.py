"""The rules that say what a prompt edits, and what a prediction starts from: a saliency map, or the mask on screen."""

from collections.abc import Sequence
from math import ceil, hypot, inf, sqrt
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core.fusion import DISC_RADIUS
from squeezesam_core.geometry import Size, Window
from squeezesam_core.prompts import MAX_POINTS, Box, Point, Prompt
from squeezesam_core.runs import Runs
from squeezesam_core.saliency import section_clicks
from squeezesam_core.shapes import Shape

Pixel = TypeVar("Pixel", np.bool_, np.float32)

SALIENT = 0.5
"""A map's value from which on a pixel counts as salient."""
BOX_SHARE = 0.2
"""A box falls on the salient area if this share of its pixels is salient."""
STAND_IN_SIDE = 256
"""The longer side at which a mask is looked at for the clicks that stand for it."""
STAND_IN_DISTANCE, STAND_IN_DISTANCE_OF_SEVERAL = 0.3, 0.5
"""Those clicks keep this far from a lone background click and from several: a share of the square root of the mask's
area (docs/model.md)."""

NEAR, NEAR_UNDER_WAY = 0.5, 1.0
"""A click edits a mask up to this far outside it: a share of the square root of the mask's area. Farther for an object
that is being corrected: its next click is more likely meant for it (measured in docs/labeling.md)."""
SAME_BOX, SAME_BOX_UNDER_WAY = 0.2, 0.05
"""A box edits the mask whose own bounding box has at least this IoU with it (likewise)."""

OBEYED = 0.08
"""Radius of what a click that the network does not follow changes: a share of the square root of the mask's area."""


def edited(drawn: Point | Box, shapes: Sequence[Shape], under_way: int = 0) -> int | None:
    """Which of the masks on screen a click or a box edits; None if it asks for a new object (issue 6, item 1).

    under_way: so many of the masks, the first ones, are being corrected. A click edits the mask that it is in (of
    several, one that is being corrected, else the smallest), or the nearest within reach (NEAR); a background click
    always edits one. A box edits the mask that fits it best, from SAME_BOX on.
    """
    indices = range(len(shapes))
    if isinstance(drawn, Box):
        overlaps = [_box_iou(drawn, shape) for shape in shapes]
        fitting = [i for i in indices if overlaps[i] >= (SAME_BOX_UNDER_WAY if i < under_way else SAME_BOX)]
        return max(fitting, key=overlaps.__getitem__, default=None)
    reach = [
        (NEAR_UNDER_WAY if i < under_way else NEAR) * sqrt(shapes[i].area) if drawn.positive else inf for i in indices
    ]
    away: list[float] = []
    nearest = inf
    for shape, its_reach in zip(shapes, reach, strict=True):  # of many on the photo, few are looked at closely
        away.append(shape.distance(drawn.x, drawn.y, min(its_reach, nearest)))
        nearest = min(nearest, away[-1])
    within = [i for i in indices if away[i] < inf]
    return min(within, key=lambda i: (away[i], i >= under_way, shapes[i].area), default=None)


def first_previous(saliency: NDArray[np.float32] | None, prompt: Prompt, image: Size) -> NDArray[np.float32] | None:
    """The saliency map as the previous mask of a first click or box that falls on it, else None (issue 4, item 3).

    saliency: (h, w) float32 in 0..1 of the whole photo; image: (width, height) of the photo in pixels. Every click must
    fall on the salient area, positive ones at least; a box must hold enough of it.
    """
    if saliency is None:
        return None
    height, width = saliency.shape
    scale = np.array([width / image[0], height / image[1]])
    for point in prompt.positive:
        x, y = (np.array([point.x, point.y]) * scale).astype(int)
        if saliency[min(y, height - 1), min(x, width - 1)] < SALIENT:
            return None
    if prompt.box is not None:
        x0, y0 = np.floor(np.array([prompt.box.x0, prompt.box.y0]) * scale).astype(int)
        x1, y1 = np.ceil(np.array([prompt.box.x1, prompt.box.y1]) * scale).astype(int)
        inside = saliency[max(y0, 0) : y1, max(x0, 0) : x1]
        if inside.size == 0 or (inside >= SALIENT).mean() < BOX_SHARE:
            return None
    return saliency if prompt.positive or prompt.box is not None else None


def correction(prompt: Prompt, mask: NDArray[np.bool_], image: Size | None = None) -> Prompt:
    """The clicks that correct a mask on screen, after up to five that stand for that mask.

    A lone click means a new object to the network, which then keeps little of the previous mask. So the mask speaks by
    clicks as well: those of its largest part (saliency.section_clicks), without the ones near a background click.
    mask: (h, w) bool of the whole photo, given to the network as the previous mask too; image: (width, height) of the
    photo, None if the mask has its size. A prompt without clicks, and an empty mask, change nothing.
    """
    width, height = image or mask.shape[::-1]
    scale = min(1.0, STAND_IN_SIDE / max(mask.shape))
    size = (max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale)))
    small = cv2.resize(mask.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA) > 127
    if not prompt.points or not small.any():
        return prompt
    _, parts, statistics, _ = cv2.connectedComponentsWithStats(small.astype(np.uint8), connectivity=8)
    largest = parts == 1 + int(np.argmax(statistics[1:, cv2.CC_STAT_AREA]))
    stand_ins = [Point((x + 0.5) * width / size[0], (y + 0.5) * height / size[1]) for x, y in section_clicks(largest)]
    background = [point for point in prompt.points if not point.positive]
    share = STAND_IN_DISTANCE if len(background) < 2 else STAND_IN_DISTANCE_OF_SEVERAL
    distance = share * sqrt(np.count_nonzero(mask) / mask.size * width * height)
    kept = [p for p in stand_ins if all(hypot(p.x - b.x, p.y - b.y) > distance for b in background)]
    room = max(0, MAX_POINTS - len(prompt.points))
    return Prompt((*kept[:room], *prompt.points), prompt.box)


def inside_box(mask: NDArray[Pixel], box: Box | None) -> NDArray[Pixel]:
    """What of a mask on screen a new box leaves: the part inside it; all of it without a box.

    mask: (H, W) bool, or float32 in 0..1; box in pixels of it. A box says where the whole object is, so what lies
    outside is no part of it.
    """
    if box is None:
        return mask
    rows = slice(max(0, int(box.y0)), max(0, ceil(box.y1)))
    columns = slice(max(0, int(box.x0)), max(0, ceil(box.x1)))
    kept = np.zeros_like(mask)
    kept[rows, columns] = mask[rows, columns]
    return kept


def obeying(shown: NDArray[Pixel], points: Sequence[Point], image: Size) -> NDArray[Pixel]:
    """A mask in which every click has effect: where the network kept its own mind, the place clicked on is drawn in or
    cut out, as large as the network sees clicks but no larger than a share of the mask (OBEYED).

    shown: (h, w) bool, or float32 in 0..1, of the whole photo, which is image (width, height) pixels. Later clicks win.
    """
    height, width = shown.shape
    scale_x, scale_y = width / image[0], height / image[1]
    pixels = [(min(int(p.x * scale_x), width - 1), min(int(p.y * scale_y), height - 1)) for p in points]
    if all((shown[y, x] >= 0.5) == point.positive for (x, y), point in zip(pixels, points, strict=True)):
        return shown
    radius = _obeyed_radius((width, height), np.count_nonzero(shown >= 0.5))
    drawn = shown.astype(np.uint8 if shown.dtype == np.bool_ else np.float32)
    for (x, y), point in zip(pixels, points, strict=True):
        if (drawn[y, x] >= 0.5) != point.positive:
            cv2.circle(drawn, (x, y), radius, float(point.positive), cv2.FILLED)
    return drawn.astype(shown.dtype)


def obeying_runs(shown: Runs, points: Sequence[Point]) -> Runs:
    """As `obeying`, of a mask at the photo's size, without an array of that size."""
    radius = _obeyed_radius(shown.size, shown.area)
    for point in points:
        x, y = min(int(point.x), shown.size[0] - 1), min(int(point.y), shown.size[1] - 1)
        if shown.holds(x, y) != point.positive:
            right, bottom = min(x + radius + 1, shown.size[0]), min(y + radius + 1, shown.size[1])
            window = Window(max(x - radius, 0), max(y - radius, 0), right, bottom)
            disc = np.zeros(window.size[::-1], np.uint8)
            cv2.circle(disc, (x - window.x0, y - window.y0), radius, 1, cv2.FILLED)
            drawn = Runs.within(disc > 0, window, shown.size)
            shown = shown.union(drawn) if point.positive else shown.without(drawn)
    return shown


def _obeyed_radius(size: Size, area: int) -> int:
    """Pixels of the disc at a click that the network did not follow, in a mask of `size` (width, height) and area."""
    return max(1, round(min(DISC_RADIUS * sqrt(size[0] * size[1]), OBEYED * sqrt(area))))


def _box_iou(box: Box, shape: Shape) -> float:
    x, y, width, height = shape.box
    across = max(0.0, min(box.x1, x + width) - max(box.x0, x))
    down = max(0.0, min(box.y1, y + height) - max(box.y0, y))
    both = across * down
    return both / ((box.x1 - box.x0) * (box.y1 - box.y0) + width * height - both)
