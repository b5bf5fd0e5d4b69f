"""The saliency map of a photo: the mean of what a detector says of it at three sizes, once of its mirror image.

Three sizes find large and small things; an answer of their mean is better than any one's (docs/model.md).
"""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core.fusion import detail_of, normalise, resize
from squeezesam_core.geometry import Frame
from squeezesam_core.session import DetectorSession

SIZES = ((0.875, False), (1.0, True), (1.25, False))
"""Multiples of the side that the detector was made for, and whether the mirror image is shown at that size."""
ONE_SIZE = ((1.0, False), (1.0, True))
"""For a detector whose input is always the same square."""
ONCE = ((1.0, False),)
"""For whoever has many photos and no time."""


def detect(
    session: DetectorSession, image: NDArray[np.uint8], looks: tuple[tuple[float, bool], ...] | None = None
) -> NDArray[np.float32]:
    """The saliency map of a photo (H, W, 3) uint8 RGB: (h, w) float32 in 0..1, at the detector's finest output.

    Not stretched to 0..1: an empty scene stays dark. looks: sizes and mirror images as in SIZES, which they are by
    default; ONE_SIZE for a detector whose input is always the same square.
    """
    spec = session.spec
    if looks is None:
        looks = ONE_SIZE if spec.square else SIZES
    detail = detail_of(image)
    maps = []
    for size, mirrored in looks:
        frame = Frame.fit((image.shape[1], image.shape[0]), replace(spec, side=round(spec.side * size)))
        pixels = normalise(resize(detail, frame.network))
        maps.append(_mirror_image(session, pixels) if mirrored else session.run(pixels))
    return mean_of(maps)


def mean_of(maps: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The mean of maps (h, w) float32 of one photo, as large as the finest of them."""
    finest = (max(found.shape[1] for found in maps), max(found.shape[0] for found in maps))
    enlarged = [cv2.resize(found, finest, interpolation=cv2.INTER_LINEAR) for found in maps]
    return np.asarray(np.mean(enlarged, axis=0), np.float32)


def _mirror_image(session: DetectorSession, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ascontiguousarray(session.run(np.ascontiguousarray(pixels[:, :, ::-1]))[:, ::-1])
