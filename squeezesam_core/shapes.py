"""A mask packed small: for states that keep many, and for asking which of them a click means."""

import hashlib
import zlib
from dataclasses import dataclass
from math import hypot

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core import masks
from squeezesam_core.geometry import Size

THUMBNAIL_SIDE = 256
"""Distances are measured at this longer side, so they cost the same for every photo."""


@dataclass(frozen=True, eq=False)
class Shape:
    """A mask of a photo.

    size: (width, height) of the photo; packed: the mask's bits, compressed; box: x, y, width, height in pixels of the
    smallest box around it; area: its pixels; thumbnail: (h, w) uint8, 1 where the mask is.
    """

    size: Size
    packed: bytes
    box: tuple[int, int, int, int]
    area: int
    thumbnail: NDArray[np.uint8]

    @classmethod
    def of(cls, mask: NDArray[np.bool_]) -> "Shape":
        """mask: (H, W) bool."""
        height, width = mask.shape
        scale = min(1.0, THUMBNAIL_SIDE / max(width, height))
        small = (max(1, round(width * scale)), max(1, round(height * scale)))
        step = max(1, max(width, height) // (4 * THUMBNAIL_SIDE))  # of a large photo every few pixels will do
        covered = cv2.resize(mask[::step, ::step].view(np.uint8) * 255, small, interpolation=cv2.INTER_AREA) > 0
        packed = zlib.compress(np.packbits(mask).tobytes(), 1)
        area = int(np.count_nonzero(mask))
        return cls((width, height), packed, masks.bounding_box(mask), area, covered.astype(np.uint8))

    @property
    def nbytes(self) -> int:
        return len(self.packed) + self.thumbnail.nbytes

    @property
    def digest(self) -> bytes:
        """The same for equal masks."""
        return hashlib.sha256(self.packed).digest()

    def mask(self) -> NDArray[np.bool_]:
        """(H, W) bool."""
        width, height = self.size
        bits = np.unpackbits(np.frombuffer(zlib.decompress(self.packed), np.uint8), count=width * height)
        return bits.reshape(height, width).view(bool)

    def distance(self, x: float, y: float, within: float) -> float:
        """Pixels from a place in the photo (image frame) to the mask; 0 inside.

        Infinite, without a closer look, where it is more than `within`.
        """
        left, top, width, height = self.box
        away = hypot(max(left - x, 0.0, x - left - width), max(top - y, 0.0, y - top - height))
        if self.area == 0 or away > within:
            return float("inf")
        rows, columns = self.thumbnail.shape
        scale_x, scale_y = columns / self.size[0], rows / self.size[1]
        column, row = min(int(x * scale_x), columns - 1), min(int(y * scale_y), rows - 1)
        if self.thumbnail[row, column]:
            return 0.0
        ys, xs = np.nonzero(self.thumbnail)
        nearest = float(np.hypot((xs - column) / scale_x, (ys - row) / scale_y).min())
        return nearest if nearest <= within else float("inf")
