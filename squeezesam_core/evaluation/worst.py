"""The worst cases of an evaluation as pictures: the photo, the mask blue, the true outline green, and the clicks."""

from dataclasses import dataclass
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core import masks
from squeezesam_core.evaluation.case import Case, Outcome
from squeezesam_core.prompts import Prompt

TILE = (480, 360)
"""The most (width, height) of a picture, in pixels."""
SMALL, SURROUNDINGS = 0.2, 5
"""An object whose box has less than this share of the photo's width and height is shown in so many times its box."""
MASK, TRUTH, IGNORED = (64, 96, 255), (64, 255, 64), (255, 208, 64)
"""RGB of the mask's tint, the true outline and the outline of what counts neither way."""
POSITIVE, NEGATIVE, BOX = (32, 200, 32), (230, 40, 40), (255, 255, 255)


@dataclass(frozen=True)
class Picture:
    """pixels: (h, w, 3) uint8 RGB, at most TILE."""

    outcome: Outcome
    pixels: NDArray[np.uint8]


class Worst:
    """Keeps the cases with the lowest last IoU; no full-size photo is held."""

    def __init__(self, count: int = 24) -> None:
        self._count = count
        self._kept: list[Picture] = []

    def add(self, case: Case) -> None:
        """Keep the case if it is among the worst so far."""
        if len(self._kept) == self._count and case.outcome.last >= self._kept[-1].outcome.last:
            return
        self._kept.append(Picture(case.outcome, draw(case)))
        self._kept.sort(key=lambda kept: (kept.outcome.last, kept.outcome.photo, kept.outcome.number))
        del self._kept[self._count :]

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """Worst first."""
        return tuple(self._kept)


def draw(case: Case) -> NDArray[np.uint8]:
    """The case at most TILE large: (h, w, 3) uint8 RGB; a small object with its surroundings only."""
    left, top, width, height = window(case)
    part = np.s_[top : top + height, left : left + width]
    scale = min(TILE[0] / width, TILE[1] / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    shrinks = size[0] <= width
    picture = cv2.resize(case.image[part], size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    mask = _resized(case.mask[part], size)
    picture[mask] = picture[mask] // 2 + np.array(MASK, np.uint8) // 2
    for area, colour in ((case.truth.ignore, IGNORED), (case.truth.object, TRUTH)):
        outlines, _ = cv2.findContours(
            _resized(area[part], size).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE
        )
        cv2.drawContours(picture, outlines, -1, colour, 1 if colour == IGNORED else 2)
    _draw_prompt(picture, case.shown, (left, top), (size[0] / width, size[1] / height))
    return picture


def window(case: Case) -> tuple[int, int, int, int]:
    """What of the photo is shown, as x, y, width, height in pixels: all of it, or, about an object that would be too
    small to be seen, several times its box and every click."""
    height, width = case.mask.shape
    x, y, w, h = masks.bounding_box(case.truth.object)
    if not w or max(w / width, h / height) >= SMALL:
        return 0, 0, width, height
    side = SURROUNDINGS * max(w, h)
    xs = [x + (w - side) / 2, x + (w + side) / 2, *(point.x for point in case.shown.points)]
    ys = [y + (h - side) / 2, y + (h + side) / 2, *(point.y for point in case.shown.points)]
    left, top = max(0, int(min(xs))), max(0, int(min(ys)))
    return left, top, min(width, ceil(max(xs))) - left, min(height, ceil(max(ys))) - top


def _draw_prompt(
    picture: NDArray[np.uint8], shown: Prompt, origin: tuple[int, int], scale: tuple[float, float]
) -> None:
    """Clicks as numbered discs, green for the object and red for the background, and the box, into `picture`."""

    def place(x: float, y: float) -> tuple[int, int]:
        return int((x - origin[0]) * scale[0]), int((y - origin[1]) * scale[1])

    if shown.box is not None:
        box = shown.box
        cv2.rectangle(picture, place(box.x0, box.y0), place(box.x1, box.y1), BOX, 1, cv2.LINE_AA)
    for number, point in enumerate(shown.points, start=1):
        centre = place(point.x, point.y)
        cv2.circle(picture, centre, 9, (255, 255, 255), cv2.FILLED, cv2.LINE_AA)
        cv2.circle(picture, centre, 8, POSITIVE if point.positive else NEGATIVE, cv2.FILLED, cv2.LINE_AA)
        (width, height), _ = cv2.getTextSize(str(number), cv2.FONT_HERSHEY_SIMPLEX, 0.38, 1)
        corner = (centre[0] - width // 2, centre[1] + height // 2)
        cv2.putText(picture, str(number), corner, cv2.FONT_HERSHEY_SIMPLEX, 0.38, (255, 255, 255), 1, cv2.LINE_AA)


def _resized(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    return np.asarray(cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0)
