"""What several detectors together say stands out: their mean is better than the best of them (docs/model.md)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from squeezesam_core.detector import ONCE, detect, mean_of
from squeezesam_core.session import DetectorSession


def mean_map(sessions: Sequence[DetectorSession], image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The mean of the saliency maps of a photo (H, W, 3) uint8 RGB: (h, w) float32 in 0..1, as large as the finest.

    A detector of U2-Net's kind looks once: its mirror image would cost as much as another teacher does.
    """
    return mean_of([detect(session, image, ONCE if session.spec.square else None) for session in sessions])
