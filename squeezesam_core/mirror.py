"""Asking a network about a photo and about its mirror image too: the mean of both answers is better than either.

As in RITM's inference; for twice the time (docs/choices.md, zoom).
"""

import numpy as np
from numpy.typing import NDArray

from squeezesam_core.session import Session


def mean_answer(
    session: Session, fused: NDArray[np.float32], points: NDArray[np.float32], labels: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mask logits and predicted IoU; arguments and results as Session.run's."""
    logits, iou = session.run(fused, points, labels)
    mirrored = points.copy()
    drawn, corners = labels >= 0, np.flatnonzero(labels >= 2)
    mirrored[drawn, 0] = 1 - points[drawn, 0]  # padding stays where it is
    mirrored[corners, 0] = mirrored[corners[::-1], 0]  # a box's right edge becomes its left one
    other_logits, other_iou = session.run(np.ascontiguousarray(fused[:, :, ::-1]), mirrored, labels)
    mean = np.asarray((logits + other_logits[:, :, ::-1]) / 2, np.float32)
    return mean, np.asarray((iou + other_iou) / 2, np.float32)
