"""How far a mask's pixels are from what is outside it, the same in every run."""

import cv2
import numpy as np
from numpy.typing import NDArray


def distances(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Of each pixel of a mask (H, W) bool to the nearest pixel outside it, in pixels; outside 0.

    OpenCV's roots differ in their last bits with the place in memory, which would tell equal distances apart, otherwise
    in each run. The squares are whole numbers, and numpy's root of one is always the same.
    """
    found = np.asarray(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 0), np.float32)
    return np.sqrt(np.rint(found**2))


def depths(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """As distances, with what is beyond the array's border outside the mask too."""
    return distances(np.pad(mask, 1))[1:-1, 1:-1]
