"""What a person asks for: clicks and a box, in pixels of the upright original image."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from squeezesam_core.errors import InvalidPromptError
from squeezesam_core.geometry import Points, Size

MAX_POINTS = 64
"""More clicks than this in one prompt are refused: nobody draws them, and the request would only cost memory."""


@dataclass(frozen=True)
class Point:
    """A click: continuous pixels of the original image (geometry.py, image frame); positive adds, negative removes."""

    x: float
    y: float
    positive: bool = True


@dataclass(frozen=True)
class Box:
    """A box around the object: continuous pixels of the original image, x0 < x1 and y0 < y1."""

    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True)
class Prompt:
    """Clicks and at most one box; empty means that only a previous mask speaks."""

    points: tuple[Point, ...] = ()
    box: Box | None = None

    @property
    def positive(self) -> tuple[Point, ...]:
        return tuple(point for point in self.points if point.positive)

    def coordinates(self) -> Points:
        """(N, 2) float32 image-frame coordinates of the clicks, then of the box's two corners if there is one."""
        corners = () if self.box is None else ((self.box.x0, self.box.y0), (self.box.x1, self.box.y1))
        return np.array([(p.x, p.y) for p in self.points] + list(corners), np.float32).reshape(-1, 2)

    def labels(self) -> NDArray[np.int64]:
        """(N,) int64, one for each coordinate: 1 click, 0 background click, 2 and 3 the box's corners (as SAM)."""
        corners = [] if self.box is None else [2, 3]
        return np.array([int(p.positive) for p in self.points] + corners, np.int64)

    def check(self, image: Size) -> None:
        """Raise InvalidPromptError if a value is not finite, a click lies outside the image, or the box is empty."""
        width, height = image
        if len(self.points) > MAX_POINTS:
            raise InvalidPromptError(f"{len(self.points)} clicks were given.", f"Use at most {MAX_POINTS}.")
        for point in self.points:
            if not (math.isfinite(point.x) and math.isfinite(point.y)):
                raise InvalidPromptError("A click is not a number.", "Give x and y in pixels of the image.")
            if not (0 <= point.x <= width and 0 <= point.y <= height):
                raise InvalidPromptError(
                    f"The click ({point.x:g}, {point.y:g}) lies outside the {width}x{height} image.",
                    "Give x and y in pixels of the upright image.",
                )
        if self.box is not None:
            values = (self.box.x0, self.box.y0, self.box.x1, self.box.y1)
            if not all(math.isfinite(value) for value in values):
                raise InvalidPromptError("The box is not made of numbers.", "Give x0, y0, x1, y1 in pixels.")
            if self.box.x1 <= self.box.x0 or self.box.y1 <= self.box.y0:
                raise InvalidPromptError("The box is empty.", "Give x0 < x1 and y0 < y1.")
            if self.box.x0 >= width or self.box.y0 >= height or self.box.x1 <= 0 or self.box.y1 <= 0:
                raise InvalidPromptError(
                    f"The box lies outside the {width}x{height} image.", "Give pixels of the upright image."
                )
