"""How sure a mask is of itself, before anybody has looked at it: the score that puts doubtful tasks first."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core.masks import iou
from squeezesam_core.saliency import otsu
from squeezesam_core.segmenter import Segmentation

STABILITY_OFFSET = 1.0
"""Logits; SAM's stability score compares the mask at two thresholds this far on either side of 0."""


@dataclass(frozen=True)
class Confidence:
    """Four views of one mask, each 0..1, 1 the surest.

    iou: the network's own estimate. stability: IoU of the masks at a stricter and a laxer threshold (Segment Anything,
    appendix B). margin: mean distance of the probability from one half, along the outline. agreement: IoU of the mask
    and of all that the saliency map shows: low where something else stands out as well, or the mask went elsewhere.
    None for a mask that a person asked for, who need not have meant what stands out.
    """

    iou: float
    stability: float
    margin: float
    agreement: float | None

    @property
    def score(self) -> float:
        """Their mean, 0..1. No weights were fitted; docs/preannotation.md measures how well it orders tasks."""
        views = [self.iou, self.stability, self.margin]
        return float(np.mean(views if self.agreement is None else [*views, self.agreement]))


def confidence(segmentation: Segmentation, saliency: NDArray[np.float32] | None = None) -> Confidence:
    """Measure a mask, at the network's resolution.

    saliency: (h, w) float32 in 0..1 of the whole photo if the mask was drawn from it, None if from clicks or a box.
    """
    mask = segmentation.logits > 0
    stability = iou(segmentation.logits > STABILITY_OFFSET, segmentation.logits > -STABILITY_OFFSET)
    margin = _margin(segmentation.logits, mask)
    agreement = None if saliency is None else _agreement(segmentation, saliency)
    return Confidence(segmentation.iou, stability, margin, agreement)


def _agreement(segmentation: Segmentation, saliency: NDArray[np.float32]) -> float:
    whole = segmentation.probabilities()
    salient = otsu(cv2.resize(saliency, whole.shape[::-1], interpolation=cv2.INTER_LINEAR))
    return 0.0 if salient is None else iou(whole > 0.5, salient)


def _margin(logits: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """0..1; the outline is a pixel on either side of it, at the network's resolution. 0 without an outline."""
    kernel = np.ones((3, 3), np.uint8)
    grey = mask.astype(np.uint8)
    outline = cv2.dilate(grey, kernel) != cv2.erode(grey, kernel)
    return float(np.tanh(np.abs(logits[outline]) / 2).mean()) if outline.any() else 0.0
