"""Boundary IoU (Cheng et al., CVPR 2021): how well outlines agree, which the IoU of large objects hides."""

from math import hypot

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core import masks

WIDTH = 0.02
"""Width of the band inside an outline, as a share of the photo's diagonal (the paper's for COCO and LVIS)."""


def boundary_iou(a: NDArray[np.bool_], b: NDArray[np.bool_], ignore: NDArray[np.bool_] | None = None) -> float:
    """IoU of the parts of two (H, W) masks that lie within WIDTH of their own outlines; `ignore` pixels are left out.

    1 if both masks are empty.
    """
    return masks.iou(_band(a), _band(b), ignore)


def _band(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of the mask nearer to its outline than the width; the photo's border counts as outline."""
    width = max(1, round(WIDTH * hypot(*mask.shape)))
    padded = np.pad(mask.astype(np.uint8), 1)
    inner = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=width)[1:-1, 1:-1]
    return np.asarray(mask & (inner == 0))
