"""MobileSAM in an evaluation: asked by the same protocols as SqueezeSAM (evaluation.model)."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core.evaluation.model import Answer, Photo
from squeezesam_core.evaluation.peers.mobilesam import SIDE, Embedding, MobileSam
from squeezesam_core.geometry import Size
from squeezesam_core.prompts import Prompt
from squeezesam_core.saliency import Blob

LOGITS = 256
"""Side of the decoder's logits, which show the padded square."""
LEAST, MOST = 1e-35, 1 - 1e-7
"""What an answer's probabilities are held to, so that they give its logits back: -80 to 16. Capped at -15, second
clicks changed by 2.6 points on 20 persons of COCO; so, by 0.25."""
FLAT = 1e-3
"""What a mask on screen is held to: logits of ±6.9."""


@dataclass(frozen=True)
class MobileSamModel:
    """Of its three masks it answers with the one that it rates best, and takes that one's logits back with each further
    prompt. It knows no saliency map."""

    network: MobileSam
    name: str = "mobilesam torch fp32"
    takes_map: bool = False

    def open(self, image: NDArray[np.uint8]) -> Photo:
        """See evaluation.model.Model."""
        return _Embedded(self.network, self.network.embed(image))


@dataclass(frozen=True)
class _Embedded:
    network: MobileSam
    embedding: Embedding

    def answer(
        self, prompt: Prompt, previous: NDArray[np.float32] | None, saliency: NDArray[np.float32] | None = None
    ) -> Answer:
        """See evaluation.model.Photo."""
        labels = prompt.labels()
        coordinates, is_click = prompt.coordinates(), labels < 2
        box = None if prompt.box is None else coordinates[~is_click].reshape(4)
        size = _shown(self.embedding)
        logits = None if previous is None else to_logits(previous, size)
        masks, scores, found = self.network.predict(
            self.embedding, coordinates[is_click], labels[is_click], box, logits
        )
        best = int(scores.argmax())
        return Answer(masks[best], to_probabilities(found[best], size), float(np.clip(scores[best], 0, 1)))

    def whole_object(self, blob: Blob, saliency: NDArray[np.float32]) -> Answer:
        """See evaluation.model.Photo."""
        return self.answer(blob.prompt(self.embedding.image), None)


def to_probabilities(logits: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """The photo's part of the padded square's logits (256, 256), (height, width) float32 in 0..1."""
    width, height = size
    return np.clip(1 / (1 + np.exp(-logits[:height, :width].astype(np.float64))), LEAST, MOST).astype(np.float32)


def to_logits(previous: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """The inverse, (256, 256) float32; the padding gets the lowest value. previous: to_probabilities' result, or a mask
    of any other size."""
    width, height = size
    least, most = LEAST, MOST
    if previous.shape != (height, width):
        previous = cv2.resize(previous, size, interpolation=cv2.INTER_AREA)
        least, most = FLAT, 1 - FLAT
    shares = np.clip(previous.astype(np.float64), least, most)
    logits = np.log(shares) - np.log1p(-shares)
    padding = (0, LOGITS - height), (0, LOGITS - width)
    return np.pad(logits, padding, constant_values=logits.min()).astype(np.float32)


def load(checkpoint: Path | None = None) -> MobileSamModel:
    """MobileSAM's public weights, fetched before or given. Raises ModelFileError."""
    return MobileSamModel(MobileSam.load(checkpoint))


def _shown(embedding: Embedding) -> Size:
    """(width, height) of the part of the logits that shows the photo."""
    width, height = (-(-length * LOGITS // SIDE) for length in embedding.network)
    return width, height
