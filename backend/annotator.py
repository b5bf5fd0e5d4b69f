"""The two use cases: masks before any click, and masks from clicks and boxes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.cache import ByteCache
from backend.labeling_config import LabelingConfig
from backend.regions import Region, Result, read_prompt, region_id, region_on_screen, write_region
from squeezesam_core.confidence import confidence
from squeezesam_core.errors import InvalidImageError
from squeezesam_core.fusion import PreparedImage, prepare
from squeezesam_core.interaction import correction, first_previous, inside_box
from squeezesam_core.prompts import Prompt
from squeezesam_core.saliency import most_salient_blob
from squeezesam_core.segmenter import Segmentation, detect, segment
from squeezesam_core.session import DetectorSession, Session

Task = Mapping[str, Any]


@dataclass(frozen=True)
class Service:
    """The networks in service and what they are called.

    model_version: what Label Studio stores with each prediction; a new one makes it ask again.
    segmenter_precision, detector_precision: "int8", "fp32" where the self-check of int8 failed, or "as given" for a
    detector named by path.
    """

    segmenter: Session
    detector: DetectorSession
    model_version: str
    segmenter_precision: str
    detector_precision: str


@dataclass(frozen=True)
class Scene:
    """All that is kept of a photo. saliency: (h, w) float32 0..1, showing the whole photo."""

    prepared: PreparedImage
    saliency: NDArray[np.float32]

    @property
    def nbytes(self) -> int:
        return self.prepared.pixels.nbytes + self.saliency.nbytes


@dataclass(frozen=True)
class Prediction:
    """Label Studio's prediction: regions, and how sure they are of themselves, 0..1 (squeezesam_core.confidence)."""

    result: list[dict[str, Any]]
    score: float


EMPTY = Prediction([], 0.0)


class Annotator:
    """Answers Label Studio's tasks. Holds the networks and a bounded cache of photos; every answer is independent.

    load: URL of a task's image -> (H, W, 3) uint8 RGB, upright.
    """

    def __init__(self, service: Service, load: Callable[[str], NDArray[np.uint8]], cache: ByteCache[Scene]) -> None:
        self.service = service
        self._load = load
        self._cache = cache

    def pre_annotate(self, task: Task, config: LabelingConfig) -> Prediction:
        """The whole salient object as one region with the brush's first label; empty if nothing stands out."""
        scene = self._scene(task, config)
        blob = most_salient_blob(scene.saliency)
        if blob is None:
            return EMPTY
        segmentation = self._segment(scene, blob.prompt(scene.prepared.frame.image), scene.saliency)
        label = config.brush.labels[0]
        score = confidence(segmentation, scene.saliency).score
        return _prediction(segmentation, score, region_id(task["id"], config, label), label, config)

    def refine(self, task: Task, context: Sequence[Result], config: LabelingConfig) -> Prediction:
        """The object that clicks or a box ask for, starting from the region on screen and keeping its id.

        Without such a region, the first click or box starts from the saliency map where that agrees with it.
        """
        scene = self._scene(task, config)
        image = scene.prepared.frame.image
        asked = read_prompt(task, context, config, image)
        prompt = asked.prompt
        edited = region_on_screen(task, asked, config, image)
        if edited is None:
            label = asked.label or config.brush.labels[0]
            identifier = region_id(task["id"], config, label)
            previous = first_previous(scene.saliency, prompt, image)
        else:
            shown = inside_box(edited.mask, prompt.box)
            label, identifier, previous = edited.label, edited.id, shown.astype(np.float32)
            prompt = correction(prompt, shown)
        segmentation = self._segment(scene, prompt, previous)
        return _prediction(segmentation, confidence(segmentation).score, identifier, label, config)

    def _segment(self, scene: Scene, prompt: Prompt, previous: NDArray[np.float32] | None) -> Segmentation:
        return segment(self.service.segmenter, scene.prepared, prompt, previous)

    def _scene(self, task: Task, config: LabelingConfig) -> Scene:
        url = (task.get("data") or {}).get(config.data_key)
        if not isinstance(url, str) or not url:
            cause = f'Task {task.get("id")} has no image address in its field "{config.data_key}".'
            raise InvalidImageError(cause, "Import tasks with that field, or name another in the Image control.")
        return self._cache.get(url, lambda: self._look(url))

    def _look(self, url: str) -> Scene:
        image = self._load(url)
        return Scene(prepare(image, self.service.segmenter.spec), detect(self.service.detector, image))


def _prediction(
    segmentation: Segmentation, score: float, identifier: str, label: str, config: LabelingConfig
) -> Prediction:
    if not segmentation.mask.any():
        return EMPTY
    return Prediction([write_region(Region(identifier, label, segmentation.mask), score, config)], score)
