"""What a protocol asks a model for: take a photo in once, then answer prompts about it.

The seam between protocols and models: ours stands below, others satisfy the same two protocols (evaluation.peers).
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from squeezesam_core.fusion import PreparedImage, prepare
from squeezesam_core.prompts import Prompt
from squeezesam_core.saliency import Blob
from squeezesam_core.segmenter import Segmentation, segment
from squeezesam_core.session import Session
from squeezesam_core.whole_object import outlined, whole_object


@dataclass(frozen=True)
class Answer:
    """What a model says to a prompt.

    mask: (H, W) bool at the photo's size; previous: (h, w) float32 in 0..1 at any resolution, showing the whole photo:
    what the next answer may start from (a model that goes on from logits takes them back by the inverse of its
    sigmoid); iou: the model's own estimate of the mask's IoU, the score by which detections are ranked.
    """

    mask: NDArray[np.bool_]
    previous: NDArray[np.float32]
    iou: float


class Photo(Protocol):
    """A photo that a model has taken in: everything is done that does not depend on the prompt."""

    def answer(
        self, prompt: Prompt, previous: NDArray[np.float32] | None, saliency: NDArray[np.float32] | None = None
    ) -> Answer:
        """The mask that a prompt asks for. Each call stands alone; the same arguments give the same answer.

        prompt: all clicks so far and at most one box, in pixels of the photo. previous: None to begin with, then the
        last Answer.previous, or a mask on screen as 0 and 1 at the photo's size; (h, w) float32 in 0..1 showing the
        whole photo. saliency: the photo's map, of the same kind, for a prompt that goes on from no mask; only a model
        that takes_map is given one, here or as previous.
        """
        ...

    def whole_object(self, blob: Blob, saliency: NDArray[np.float32]) -> Answer:
        """The mask before any click: from the five clicks of the photo's most salient blob, and from the map (h, w)
        float32 in 0..1 if it takes_map."""
        ...


class Model(Protocol):
    """A model under evaluation. Loaded once; may hold weights, never a photo."""

    @property
    def name(self) -> str:
        """Version and precision, as the report prints it."""
        ...

    @property
    def takes_map(self) -> bool:
        """Whether a saliency map may stand for the previous mask of a first prompt. False: it gets clicks only."""
        ...

    def open(self, image: NDArray[np.uint8]) -> Photo:
        """Take in a photo: (H, W, 3) uint8 RGB, upright."""
        ...


@dataclass(frozen=True)
class SqueezeSAMModel:
    """A SqueezeSAM session under evaluation, asked as the service asks it."""

    session: Session
    name: str
    takes_map: bool = True

    def open(self, image: NDArray[np.uint8]) -> Photo:
        """See Model."""
        return _Prepared(self.session, prepare(image, self.session.spec))


@dataclass(frozen=True)
class _Prepared:
    session: Session
    image: PreparedImage

    def answer(
        self, prompt: Prompt, previous: NDArray[np.float32] | None, saliency: NDArray[np.float32] | None = None
    ) -> Answer:
        return _answer(segment(self.session, self.image, prompt, previous, saliency))

    def whole_object(self, blob: Blob, saliency: NDArray[np.float32]) -> Answer:
        return _answer(outlined(whole_object(self.session, self.image, blob, saliency), self.image, blob))


def _answer(segmentation: Segmentation) -> Answer:
    return Answer(segmentation.mask, segmentation.probabilities(), segmentation.iou)
