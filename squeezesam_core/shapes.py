"""A mask kept small: for states that keep many, and for asking which of them a click means."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from math import hypot, inf

import numpy as np
from numpy.typing import NDArray

from squeezesam_core.geometry import Size
from squeezesam_core.runs import Runs


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
            return inf
        rows, starts, ends = self.runs.rows()
        across = np.maximum(np.maximum(starts - x, x - ends), 0)
        down = np.maximum(np.maximum(rows - y, y - rows - 1), 0)
        nearest = float(np.hypot(across, down).min())
        return nearest if nearest <= within else inf
