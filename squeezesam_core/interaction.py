"""The rule that says which mask a prediction starts from."""

import numpy as np
from numpy.typing import NDArray

from squeezesam_core.geometry import Size
from squeezesam_core.prompts import Prompt

SALIENT = 0.5
"""A map's value from which on a pixel counts as salient."""
BOX_SHARE = 0.2
"""A box falls on the salient area if this share of its pixels is salient."""


def first_previous(saliency: NDArray[np.float32] | None, prompt: Prompt, image: Size) -> NDArray[np.float32] | None:
    """The saliency map as the previous mask of a first click or box that falls on it, else None (issue 4, item 3).

    saliency: (h, w) float32 in 0..1 of the whole photo; image: (width, height) of the photo in pixels. Every click must
    fall on the salient area, positive ones at least; a box must hold enough of it.
    """
    if saliency is None:
        return None
    height, width = saliency.shape
    scale = np.array([width / image[0], height / image[1]])
    for point in prompt.positive:
        x, y = (np.array([point.x, point.y]) * scale).astype(int)
        if saliency[min(y, height - 1), min(x, width - 1)] < SALIENT:
            return None
    if prompt.box is not None:
        x0, y0 = np.floor(np.array([prompt.box.x0, prompt.box.y0]) * scale).astype(int)
        x1, y1 = np.ceil(np.array([prompt.box.x1, prompt.box.y1]) * scale).astype(int)
        inside = saliency[max(y0, 0) : y1, max(x0, 0) : x1]
        if inside.size == 0 or (inside >= SALIENT).mean() < BOX_SHARE:
            return None
    return saliency if prompt.positive or prompt.box is not None else None
