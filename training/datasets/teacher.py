"""A teacher's saliency map as a whole-object mask, where it is sure of itself (issue 4; weighted below people's)."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core.geometry import Size
from squeezesam_core.records import InvalidRecordError, Mask, Problem

SURE = (0.25, 0.75)
"""Below the first a pixel is background, above the second object; between them it is ignored."""
MOST_UNSURE = 0.25
"""Unsure pixels may make up this share of the object's."""
AREAS = (0.02, 0.7)
"""Share of the photo that the object may fill."""
MOST_SCATTERED = 0.05
"""Share of the object's pixels that may lie outside its largest blob."""


@dataclass(frozen=True, slots=True)
class MapMask:
    """The mask that a map shows, at the size of its photo (width, height)."""

    path: Path
    size: Size

    @property
    def where(self) -> tuple[Path, str]:
        return self.path, ""

    def decode(self) -> Mask:
        saliency = cv2.resize(read_map(self.path), self.size, interpolation=cv2.INTER_LINEAR)
        return Mask(saliency > SURE[1], (saliency >= SURE[0]) & (saliency <= SURE[1]))


def find_map(photo: Path, maps: Path | None) -> Path | None:
    """The map of a photo in a folder of maps, by its name."""
    if maps is None:
        return None
    for suffix in (".webp", ".png"):
        candidate = maps / (photo.stem + suffix)
        if candidate.exists():
            return candidate
    return None


def read_map(path: Path) -> NDArray[np.float32]:
    """(h, w) float32 in 0..1, at the map's own size. Raises InvalidRecordError if it cannot be read."""
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise InvalidRecordError(Problem.UNREADABLE_MASK, path, "", "it is not a readable map")
    return grey.astype(np.float32) / 255


def is_sure(saliency: NDArray[np.float32]) -> bool:
    """One blob of a reasonable size with few pixels in doubt; (h, w) float32 in 0..1."""
    object_ = saliency > SURE[1]
    area = object_.mean()
    if not AREAS[0] < area < AREAS[1]:
        return False
    unsure = ((saliency >= SURE[0]) & ~object_).sum()
    _, _, statistics, _ = cv2.connectedComponentsWithStats(object_.astype(np.uint8))
    largest = statistics[1:, cv2.CC_STAT_AREA].max()
    total = object_.sum()
    return bool(unsure < MOST_UNSURE * total and total - largest < MOST_SCATTERED * total)
