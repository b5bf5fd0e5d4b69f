"""The worst cases of an evaluation as pictures: the photo, the mask blue, the true outline green, and the clicks."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core.evaluation.case import Case, Outcome
from squeezesam_core.prompts import Prompt

TILE = (480, 360)
"""The most (width, height) of a picture, in pixels."""
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
    """The case at most TILE large: (h, w, 3) uint8 RGB."""
    height, width = case.mask.shape
    scale = min(TILE[0] / width, TILE[1] / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    shrinks = size[0] <= width
    picture = cv2.resize(case.image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    mask = _resized(case.mask, size)
    picture[mask] = picture[mask] // 2 + np.array(MASK, np.uint8) // 2
    for area, colour in ((case.truth.ignore, IGNORED), (case.truth.object, TRUTH)):
        outlines, _ = cv2.findContours(_resized(area, size).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, outlines, -1, colour, 1 if colour == IGNORED else 2)
    _draw_prompt(picture, case.shown, (size[0] / width, size[1] / height))
    return picture


def _draw_prompt(picture: NDArray[np.uint8], shown: Prompt, scale: tuple[float, float]) -> None:
    """Clicks as numbered discs, green for the object and red for the background, and the box, into `picture`."""
    if shown.box is not None:
        corners = [
            (round(x * scale[0]), round(y * scale[1]))
            for x, y in ((shown.box.x0, shown.box.y0), (shown.box.x1, shown.box.y1))
        ]
        cv2.rectangle(picture, *corners, BOX, 1, cv2.LINE_AA)
    for number, point in enumerate(shown.points, start=1):
        centre = (int(point.x * scale[0]), int(point.y * scale[1]))
        cv2.circle(picture, centre, 9, (255, 255, 255), cv2.FILLED, cv2.LINE_AA)
        cv2.circle(picture, centre, 8, POSITIVE if point.positive else NEGATIVE, cv2.FILLED, cv2.LINE_AA)
        (width, height), _ = cv2.getTextSize(str(number), cv2.FONT_HERSHEY_SIMPLEX, 0.38, 1)
        corner = (centre[0] - width // 2, centre[1] + height // 2)
        cv2.putText(picture, str(number), corner, cv2.FONT_HERSHEY_SIMPLEX, 0.38, (255, 255, 255), 1, cv2.LINE_AA)


def _resized(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    return np.asarray(cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0)
