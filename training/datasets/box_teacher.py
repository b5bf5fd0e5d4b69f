"""A mask that a teacher draws into a box, and whether it can be learnt from (issue 5).

The teacher sees the box, then the box a little off; a mask that is right hardly moves. Where a saliency map shows the
same object, a second network has drawn it: the two must agree.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from squeezesam_core import masks
from squeezesam_core.geometry import Size
from squeezesam_core.prompts import Box
from training.datasets.boxes import extent, overlap
from training.datasets.teacher import SURE

JITTER = 0.05
"""The jittered boxes' edges are off by at most this share of the box's sides."""
JITTERED = 2
SAME_EXTENT = 0.75
"""The mask must reach to the box's edges and not past them: IoU of its extent and the box."""
STABLE = 0.85
"""Mean IoU of the mask with those of the jittered boxes."""
AREAS = (0.002, 0.9)
"""Share of the photo that the mask may fill."""
LEAST_FILLED = 0.2
"""Share of the box that the mask must fill: thinner is a part, a frame or a shadow."""
SAME_OBJECT = 0.6
"""A map whose sure object has this extent (IoU with the box) shows the object of the box."""
MAP_AGREES = 0.7
"""IoU of the mask with that object."""


class BoxTeacher(Protocol):
    """A network that is shown a photo once and then asked about boxes (squeezesam_core.evaluation.peers)."""

    version: str

    def embed(self, image: NDArray[np.uint8], /) -> Any:
        """image: (H, W, 3) uint8 RGB."""
        ...

    def predict(
        self,
        embedding: Any,
        points: NDArray[np.float32],
        labels: NDArray[np.int64],
        box: NDArray[np.float32] | None = None,
        previous_logits: NDArray[np.float32] | None = None,
    ) -> tuple[NDArray[np.bool_], NDArray[np.float32], NDArray[np.float32]]:
        """points (N, 2), labels (N,), box (4,) in the image frame -> masks (M, H, W), their scores (M,), logits."""
        ...


@dataclass(frozen=True)
class Drawing:
    """A teacher's mask (H, W) bool and what was checked of it, each 0..1.

    score: the teacher's own estimate of its IoU. extent: IoU of the mask's extent and the box. stability: mean IoU with
    the masks of the jittered boxes. agreement: IoU with the map's object; None if no map shows this object.
    refused: why it is not to be learnt from; None if it may be.
    """

    mask: NDArray[np.bool_]
    score: float
    extent: float
    stability: float
    agreement: float | None
    refused: str | None


def draw(
    teacher: BoxTeacher, embedding: Any, box: Box, size: Size, saliency: NDArray[np.float32] | None, seed: int
) -> Drawing:
    """The teacher's mask of a box, checked.

    embedding: of the photo of `size` (width, height); saliency: its map (H, W) float32 in 0..1 at that size.
    """
    mask, score = _ask(teacher, embedding, box)
    reach = overlap(extent(mask), box) if mask.any() else 0.0
    refused = _plain_refusal(mask, box, reach)
    if refused is not None:  # no need to ask about it again
        return Drawing(mask, score, reach, 0.0, None, refused)
    rng = np.random.default_rng(seed)
    others = [_ask(teacher, embedding, jittered(box, size, rng))[0] for _ in range(JITTERED)]
    stability = float(np.mean([masks.iou(mask, other) for other in others]))
    agreement = None if saliency is None else map_agreement(mask, box, saliency)
    if stability < STABLE:
        refused = "unstable"
    elif agreement is not None and agreement < MAP_AGREES:
        refused = "disagrees with the map"
    return Drawing(mask, score, reach, stability, agreement, refused)


def jittered(box: Box, size: Size, rng: np.random.Generator) -> Box:
    """The box with each edge moved by up to JITTER of its side, within the photo."""
    width, height = box.x1 - box.x0, box.y1 - box.y0
    moves = rng.uniform(-JITTER, JITTER, 4) * (width, height, width, height)
    x0, y0, x1, y1 = np.array([box.x0, box.y0, box.x1, box.y1]) + moves
    return Box(max(float(x0), 0.0), max(float(y0), 0.0), min(float(x1), size[0]), min(float(y1), size[1]))


def map_agreement(mask: NDArray[np.bool_], box: Box, saliency: NDArray[np.float32]) -> float | None:
    """IoU of a mask with a map's sure object, its unsure pixels left out; None if that is another object or none."""
    sure = saliency > SURE[1]
    if not sure.any() or overlap(extent(sure), box) < SAME_OBJECT:
        return None
    return masks.iou(mask, sure, (saliency >= SURE[0]) & ~sure)


def _ask(teacher: BoxTeacher, embedding: Any, box: Box) -> tuple[NDArray[np.bool_], float]:
    """Of the masks it offers (whole, part, part of a part) the one that fills the extent of the box best."""
    corners = np.array([box.x0, box.y0, box.x1, box.y1], np.float32)
    offered, scores, _ = teacher.predict(embedding, np.zeros((0, 2), np.float32), np.zeros(0, np.int64), corners)
    reaches = [overlap(extent(mask), box) if mask.any() else 0.0 for mask in offered]
    best = int(np.argmax(np.clip(scores, 0, 1) * reaches))
    return offered[best], float(np.clip(scores[best], 0, 1))


def _plain_refusal(mask: NDArray[np.bool_], box: Box, reach: float) -> str | None:
    if not AREAS[0] < mask.mean() < AREAS[1]:
        return "too small or too large"
    if reach < SAME_EXTENT:
        return "another extent than the box"
    if mask.sum() < LEAST_FILLED * (box.x1 - box.x0) * (box.y1 - box.y0):
        return "hardly fills the box"
    return None
