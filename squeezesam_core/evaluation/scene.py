"""A photo under evaluation: the models that look at it, what the detector sees, and how long answers take."""

from dataclasses import dataclass
from functools import cached_property
from time import perf_counter
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from squeezesam_core.detector import detect
from squeezesam_core.errors import SqueezeSAMError
from squeezesam_core.evaluation.model import Answer, Model, Photo
from squeezesam_core.geometry import Size
from squeezesam_core.prompts import Prompt
from squeezesam_core.saliency import Blob, most_salient_blob
from squeezesam_core.session import DetectorSession


@dataclass(frozen=True)
class Models:
    """What is evaluated. Without a detector no mask starts from a map, and the protocols that need one are refused.

    use_map: whether the map is the previous mask of a first prompt that falls on it; only for a model that takes_map.
    """

    segmenter: Model | None
    detector: DetectorSession | None
    use_map: bool = True


class Scene:
    """A photo, taken in once for all of its objects and only as far as it is asked for.

    name: the photo's; image: (H, W, 3) uint8 RGB.
    """

    def __init__(self, models: Models, name: str, image: NDArray[np.uint8]) -> None:
        self.name = name
        self.image = image
        self.size: Size = (image.shape[1], image.shape[0])
        self.opening = 0.0
        self._models = models

    def rng(self, seed: int, number: int) -> np.random.Generator:
        """Chance for one object, the same whatever else is evaluated."""
        return np.random.default_rng([seed, crc32(self.name.encode()), number])

    def crop(self, x: int, y: int, width: int, height: int) -> "Scene":
        """A part of the photo as a photo of its own."""
        return Scene(self._models, self.name, np.ascontiguousarray(self.image[y : y + height, x : x + width]))

    @cached_property
    def detected(self) -> tuple[NDArray[np.float32], float]:
        """The map (h, w) float32 in 0..1, and the seconds it took. Raises SqueezeSAMError without a detector."""
        if self._models.detector is None:
            raise SqueezeSAMError("This protocol needs the detector.", "Name one with --detector.")
        started = perf_counter()
        saliency = detect(self._models.detector, self.image)
        return saliency, perf_counter() - started

    @cached_property
    def blob(self) -> Blob | None:
        """The most salient blob; None: no salient object."""
        return most_salient_blob(self.detected[0])

    def ask(
        self,
        prompt: Prompt,
        previous: NDArray[np.float32] | None = None,
        saliency: NDArray[np.float32] | None = None,
    ) -> tuple[Answer, float]:
        """The model's answer, and the seconds it took once the photo was taken in."""
        photo = self._photo
        started = perf_counter()
        answer = photo.answer(prompt, previous, saliency)
        return answer, perf_counter() - started

    def first(self, prompt: Prompt) -> tuple[Answer, float]:
        """The answer to a prompt that goes on from no mask, as in the service: a model that takes_map has the map."""
        takes_map = self._models.segmenter is not None and self._models.segmenter.takes_map
        given = self._models.detector is not None and self._models.use_map and takes_map
        return self.ask(prompt, saliency=self.detected[0] if given else None)

    def without_click(self) -> tuple[Prompt, NDArray[np.bool_], float]:
        """The no-click path (paper, Application): the detector's clicks, the mask (H, W), and the seconds of it all.

        No salient object: no clicks and an empty mask.
        """
        saliency, seconds = self.detected
        if self.blob is None:
            return Prompt(), np.zeros(self.image.shape[:2], bool), seconds
        photo = self._photo
        started = perf_counter()
        answer = photo.whole_object(self.blob, saliency)
        return self.blob.prompt(self.size), answer.mask, seconds + perf_counter() - started

    @cached_property
    def _photo(self) -> Photo:
        if self._models.segmenter is None:
            raise SqueezeSAMError("This protocol needs a segmenter.", "Name one with --model or --checkpoint.")
        started = perf_counter()
        photo = self._models.segmenter.open(self.image)
        self.opening = perf_counter() - started
        return photo
