"""The two use cases: masks before any click, and masks from clicks and boxes."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any

from backend.cache import ByteCache
from backend.dialogues import Dialogues, Mark, Region
from backend.images import Photo
from backend.labeling_config import LabelingConfig
from backend.refinement import Corrections, Look, advance
from backend.regions import Result, fingerprint, on_screen, read_region, read_request, region_id, write_region
from backend.scenes import Scene, Scenes
from backend.stages import stage
from squeezesam_core.confidence import confidence
from squeezesam_core.errors import InvalidImageError, InvalidPromptError
from squeezesam_core.prompts import MAX_POINTS
from squeezesam_core.saliency import most_salient_blob
from squeezesam_core.session import DetectorSession, Session
from squeezesam_core.shapes import Shape
from squeezesam_core.whole_object import outlined, whole_object

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
class Prediction:
    """Label Studio's prediction: regions, and how sure they are of themselves, 0..1 (squeezesam_core.confidence)."""

    result: list[dict[str, Any]]
    score: float


EMPTY = Prediction([], 0.0)

MEMORY_BYTES = 2**26
"""For corrections under way, and the same again for the regions on screen, decoded."""


class Annotator:
    """Answers Label Studio's tasks. Holds the networks, bounded caches, and what annotators have drawn so far.

    load: URL of a task's image -> photo, upright. Losing a cache costs time, never an answer.
    """

    def __init__(
        self,
        service: Service,
        load: Callable[[str], Photo],
        cache: ByteCache[Scene],
        dialogues: Dialogues | None = None,
    ) -> None:
        self.service = service
        self.scenes = Scenes(load, service.segmenter.spec, service.detector, service.model_version, cache)
        self._dialogues = dialogues or Dialogues()
        self._memory: ByteCache[Corrections] = ByteCache(MEMORY_BYTES)
        self._regions: ByteCache[Region] = ByteCache(MEMORY_BYTES)

    def with_service(self, service: Service) -> "Annotator":
        """The same annotator with other networks: it goes on with the dialogues, and shares the caches, whose keys hold
        the version wherever a network had a part."""
        other = copy(self)
        other.service = service
        other.scenes = self.scenes.seen_by(service.segmenter.spec, service.detector, service.model_version)
        return other

    @property
    def caches(self) -> dict[str, ByteCache[Any]]:
        """Its caches by name, for the figures."""
        return {"photos": self.scenes.cache, "regions": self._regions, "corrections": self._memory}

    def pre_annotate(self, task: Task, config: LabelingConfig) -> Prediction:
        """The whole salient object of each image as one region with the first label; empty if nothing stands out."""
        found = [self._salient(task, one) for one in (config, *config.others)]
        found = [prediction for prediction in found if prediction.result]
        if not found:
            return EMPTY
        result = [region for prediction in found for region in prediction.result]
        return Prediction(result, min(prediction.score for prediction in found))

    def _salient(self, task: Task, config: LabelingConfig) -> Prediction:
        scene = self.scenes.get(image_url(task, config))
        blob = most_salient_blob(scene.saliency)
        if blob is None:
            return EMPTY
        with stage("segment"):
            segmentation = whole_object(self.service.segmenter, scene.prepared, blob, scene.saliency)
            shape = Shape(outlined(segmentation, scene.prepared, blob).runs())
        if not shape.area:
            return EMPTY
        output = config.outputs[0]
        label = output.labels[0] if output.labels else ""
        score = confidence(segmentation).score
        region = Region(region_id(task["id"], output.name, label), label, output.name, shape)
        return self._written([(region, score)], score, config)

    def refine(
        self,
        task: Task,
        context: Sequence[Result],
        config: LabelingConfig,
        overtaken: Callable[[], bool] = lambda: False,
    ) -> Prediction:
        """The objects that clicks and boxes ask for, starting from the regions on screen and keeping their ids.

        context: what Label Studio sends; after the last prompt of its kind was deleted it is empty. The prompts that it
        leaves out are remembered (backend.dialogues), so the reply is to all that stand in the page.
        overtaken: whether a newer request of the same dialogue has come, which holds all that this one does; this one
        is then answered with what the page shows already, and leaves no trace.
        """
        config = config.of_image(next((result.get("to_name") for result in reversed(context)), None))
        url = image_url(task, config)
        scene = self.scenes.get(url)
        image = scene.prepared.frame.image
        asked = read_request(task, context, config, image)
        about = (task.get("id"), url)
        if overtaken():
            return self._written([(region, 0.0) for region in self._dialogues.shown(about, asked)], 0.0, config)
        dialogue = self._dialogues.follow(about, asked)
        shown = [self._region(result, config) for result in on_screen(task, config, image)]
        accepted = {region.id: region for region in dialogue.accepted}
        screen = [region for region in shown if region.id not in accepted] + list(accepted.values())
        corrections = self._corrections(about, scene, screen, dialogue.marks, config)
        answer = tuple(one.region for one in corrections.objects if one.region.shape.area)
        self._dialogues.answered(about, dialogue.marks, answer)
        score = min((one.score for one in corrections.objects), default=0.0)
        return self._written([(region, score) for region in answer], score, config)

    def _corrections(
        self, about: tuple[Any, str], scene: Scene, screen: list[Region], marks: Sequence[Mark], config: LabelingConfig
    ) -> Corrections:
        """All marks, one after the other; those that an earlier request asked for come from memory."""
        if len(marks) > MAX_POINTS:
            raise InvalidPromptError(f"{len(marks)} prompts stand in the page.", f"Accept after {MAX_POINTS} at most.")
        look = Look(self.service.segmenter, scene.prepared, scene.saliency)
        seen = frozenset((region.id, region.label, region.control, region.shape.digest) for region in screen)
        corrections = Corrections()
        for count, mark in enumerate(marks, start=1):
            key = (self.service.model_version, about, config, seen, marks[:count])
            step = partial(advance, corrections, screen, mark, look, about[0], config)
            corrections = self._memory.get(key, step)
        return corrections

    def _written(self, regions: Sequence[tuple[Region, float]], score: float, config: LabelingConfig) -> Prediction:
        """The reply. Label Studio sends a brush region back as it was written, so it need not be decoded then."""
        if not regions:
            return EMPTY
        written = []
        for region, its_score in regions:
            result = write_region(region, its_score, config)
            written.append(result)
            if "rle" in result["value"]:
                self._regions.put((config, fingerprint(result)), region)
        return Prediction(written, score)

    def _region(self, result: Result, config: LabelingConfig) -> Region:
        return self._regions.get((config, fingerprint(result)), lambda: read_region(result, config))


def image_url(task: Task, config: LabelingConfig) -> str:
    """The address of a task's photo. Raises InvalidImageError if it has none."""
    url = (task.get("data") or {}).get(config.data_key)
    if not isinstance(url, str) or not url:
        cause = f'Task {task.get("id")} has no image address in its field "{config.data_key}".'
        raise InvalidImageError(cause, "Import tasks with that field, or name another in the Image control.")
    return url
