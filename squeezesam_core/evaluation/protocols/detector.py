"""detector: no segmenter; the detector's map under Otsu's threshold against each object."""

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core.evaluation import metrics
from squeezesam_core.evaluation.case import Outcome, Plan, Reply
from squeezesam_core.evaluation.protocols.protocol import Protocol, each_object
from squeezesam_core.evaluation.scene import Scene
from squeezesam_core.saliency import otsu
from squeezesam_core.samples import Mask


def map_mask(scene: Scene) -> NDArray[np.bool_]:
    """The map, enlarged to the photo (H, W), under Otsu's threshold, as maps are published and compared; empty if it
    shows no salient object."""
    salient = otsu(np.asarray(cv2.resize(scene.detected[0], scene.size, interpolation=cv2.INTER_LINEAR)))
    return np.zeros(scene.image.shape[:2], bool) if salient is None else salient


def _ask(scene: Scene, _truth: Mask, _plan: Plan, _rng: np.random.Generator) -> Iterator[Reply]:
    yield Reply(0, map_mask(scene), scene.detected[1])


def _figures(outcomes: Sequence[Outcome], _: Plan) -> dict[str, Any]:
    return metrics.without_click(outcomes) | metrics.in_one_piece(outcomes)


DETECTOR = Protocol(
    "detector",
    "the detector's map under Otsu's threshold, without the segmenter",
    each_object(_ask),
    _figures,
    needs_detector=True,
    judges_detector=True,
)
