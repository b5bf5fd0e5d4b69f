"""A mask kept small: for states that keep many, and for asking which of them a click means."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from math import hypot

import numpy as np
from numpy.typing import NDArray

from squeezesam_core.geometry import Size
from squeezesam_core.runs import Runs

THUMBNAIL_SIDE = 256
"""Distances are measured at this longer side, so they cost the same for every photo."""


@dataclass(frozen=True, eq=False)
class Shape:
    """A mask of a photo. What is asked of it is computed when it is asked, the small values once."""

    runs: Runs

    @classmethod
    def of(cls, mask: NDArray[np.bool_]) -> "Shape":
        """mask: (H, W) bool."""
        return cls(Runs.of(mask))

    @classmethod
    def empty(cls, size: Size) -> "Shape":
        """size: (width, height) of the photo."""
        return cls(Runs(size, np.zeros(0, np.int32), np.zeros(0, np.int32)))

    @property
    def size(self) -> Size:
        """(width, height) of the photo."""
        return self.runs.size

    @property
    def area(self) -> int:
        """Its pixels."""
        return self.runs.area

    @property
    def box(self) -> tuple[int, int, int, int]:
        """x, y, width, height in pixels of the smallest box around it."""
        return self.runs.box

    @property
    def nbytes(self) -> int:
        """Memory it holds."""
        return self.runs.nbytes

    @cached_property
    def digest(self) -> bytes:
        """The same for equal masks."""
        return hashlib.sha256(repr(self.size).encode() + self.runs.starts.tobytes() + self.runs.ends.tobytes()).digest()

    @property
    def thumbnail(self) -> NDArray[np.bool_]:
        """(h, w) bool: set where any pixel of the mask is. Not kept: it is larger than the mask, and quickly made."""
        width, height = self.size
        scale = min(1.0, THUMBNAIL_SIDE / max(width, height))
        # what rounding leaves of a sum that should be 0 is far below the share of one pixel
        return self.runs.coverage((max(1, round(width * scale)), max(1, round(height * scale)))) > 1e-7

    def mask(self) -> NDArray[np.bool_]:
        """(H, W) bool."""
        return self.runs.mask()

    def distance(self, x: float, y: float, within: float) -> float:
        """Pixels from a place in the photo (image frame) to the mask; 0 inside.

        Infinite, without a closer look, where it is more than `within`.
        """
        left, top, width, height = self.box
        away = hypot(max(left - x, 0.0, x - left - width), max(top - y, 0.0, y - top - height))
        if self.area == 0 or away > within:
            return float("inf")
        thumbnail = self.thumbnail
        rows, columns = thumbnail.shape
        scale_x, scale_y = columns / self.size[0], rows / self.size[1]
        column, row = min(int(x * scale_x), columns - 1), min(int(y * scale_y), rows - 1)
        if thumbnail[row, column]:
            return 0.0
        ys, xs = np.nonzero(thumbnail)
        nearest = float(np.hypot((xs - column) / scale_x, (ys - row) / scale_y).min())
        return nearest if nearest <= within else float("inf")
