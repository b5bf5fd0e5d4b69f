"""Inference: a photo and a prompt give a mask; a photo alone gives a saliency map. Pure functions, no state."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from squeezesam_core import masks
from squeezesam_core.fusion import PreparedImage, fuse, prepare
from squeezesam_core.prompts import Prompt
from squeezesam_core.session import DetectorSession, Session

SINGLE = 0
"""The mask that answers every prompt but one ambiguous click."""


@dataclass(frozen=True)
class Segmentation:
    """mask: (H, W) bool at the photo's size; logits: (h, w) float32 of the same mask at the network's resolution,
    cleaned of specks and pinholes, showing the whole photo; iou: the network's own estimate of the mask's IoU, 0..1."""

    mask: NDArray[np.bool_]
    logits: NDArray[np.float32]
    iou: float

    def probabilities(self) -> NDArray[np.float32]:
        """(h, w) float32 in 0..1: what the next call takes as `previous`."""
        return np.asarray(1 / (1 + np.exp(-np.clip(self.logits, -30, 30))), np.float32)


def segment(
    session: Session, prepared: PreparedImage, prompt: Prompt, previous: NDArray[np.float32] | None = None
) -> Segmentation:
    """The mask that a prompt asks for.

    prepared: fusion.prepare's, made for this session's spec. previous: (h, w) float32 in 0..1 at any resolution,
    showing the whole photo: the mask to start from, or a saliency map (fusion.fuse).
    Raises InvalidPromptError (prompts.Prompt.check).
    """
    prompt.check(prepared.frame.image)
    points = prepared.frame.to_unit(prompt.coordinates())
    labels = prompt.labels()
    if len(labels) == 0:  # the network takes at least one token; -1 is SAM's padding
        points, labels = np.zeros((1, 2), np.float32), np.array([-1], np.int64)
    logits, iou = session.run(fuse(prepared, prompt, session.spec, previous), points, labels)
    chosen = choose(iou, prompt, previous is not None)
    cleaned = masks.clean(logits[chosen], points, labels)
    return Segmentation(masks.upsample(cleaned, prepared.frame.image), cleaned, float(np.clip(iou[chosen], 0, 1)))


def choose(iou: NDArray[np.float32], prompt: Prompt, has_previous: bool) -> int:
    """SAM's rule: one click alone may mean several things, so the best of the other three masks answers it."""
    ambiguous = len(prompt.points) == 1 and prompt.box is None and not has_previous
    return 1 + int(np.argmax(iou[1:])) if ambiguous else SINGLE


def detect(session: DetectorSession, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The saliency map of a photo (H, W, 3) uint8 RGB: (h, w) float32 in 0..1, as the network gives it (no min-max
    stretch: an empty scene stays dark)."""
    return session.run(prepare(image, session.spec).pixels)
