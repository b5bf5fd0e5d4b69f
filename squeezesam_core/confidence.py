"""How sure a mask is of itself, before anybody has looked at it: the score that puts doubtful tasks first."""

from dataclasses import dataclass

from squeezesam_core.masks import iou
from squeezesam_core.segmenter import Segmentation

STABILITY_OFFSET = 1.0
"""Logits; SAM's stability score compares the mask at two thresholds this far on either side of 0."""


@dataclass(frozen=True)
class Confidence:
    """Two views of one mask, each 0..1, 1 the surest: what Segment Anything (appendix B) filters its masks by.

    iou: the network's own estimate. stability: IoU of the masks at a stricter and a laxer threshold.
    """

    iou: float
    stability: float

    @property
    def score(self) -> float:
        """Their mean, 0..1. No weights were fitted; docs/preannotation.md measures how well it orders tasks."""
        return (self.iou + self.stability) / 2


def confidence(segmentation: Segmentation) -> Confidence:
    """Measure a mask, at the network's resolution."""
    logits = segmentation.logits
    return Confidence(segmentation.iou, iou(logits > STABILITY_OFFSET, logits > -STABILITY_OFFSET))
