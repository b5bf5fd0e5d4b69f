"""saliency-maps: the detector's map itself, before any threshold, by the measures of salient object detection."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import cv2
import numpy as np

from squeezesam_core.evaluation import metrics
from squeezesam_core.evaluation.case import Case, Outcome, Plan, Reply, compare
from squeezesam_core.evaluation.extra import needs_extra
from squeezesam_core.evaluation.protocols.detector import map_mask
from squeezesam_core.evaluation.protocols.protocol import Protocol
from squeezesam_core.evaluation.scene import Scene
from squeezesam_core.samples import Mask

BETA_SQUARED = 0.3
"""Weight of precision in the F-measure (Achanta et al., CVPR 2009)."""


def _run(scene: Scene, truths: Iterable[Mask], plan: Plan) -> Iterator[Case]:
    masks = list(truths)
    truth = Mask(np.any([m.object for m in masks], axis=0), np.any([m.ignore for m in masks], axis=0))
    saliency, seconds = scene.detected
    shown = np.clip(cv2.resize(saliency, scene.size, interpolation=cv2.INTER_LINEAR), 0, 1).astype(np.float64)
    with needs_extra("pysodmetrics"):
        from py_sod_metrics import MAE, FmeasureHandler, FmeasureV2, Smeasure

    f_measure = FmeasureV2({"f": FmeasureHandler(with_adaptive=False, with_dynamic=True, beta=BETA_SQUARED)})
    f_measure.step(shown, truth.object, normalize=False)
    mae, structure = MAE(), Smeasure()
    mae.step(shown, truth.object, normalize=False)
    structure.step(shown, truth.object, normalize=False)
    notes = {
        "f": np.asarray(f_measure.get_results()["f"]["dynamic"], np.float64),
        "mae": float(mae.get_results()["mae"]),
        "sm": float(structure.get_results()["sm"]),
    }
    reply = Reply(0, map_mask(scene), seconds)
    yield compare(scene.name, 0, scene.image, truth, [reply], plan, scene.opening, notes)


def _figures(outcomes: Sequence[Outcome], _: Plan) -> dict[str, Any]:
    curve = np.mean([outcome.notes["f"] for outcome in outcomes], axis=0)
    means = {key: float(np.mean([outcome.notes[key] for outcome in outcomes])) for key in ("mae", "sm")}
    return {"maxf": float(curve.max())} | means | metrics.without_click(outcomes)


SALIENCY_MAPS = Protocol(
    "saliency-maps",
    "the detector's map by maxF, MAE and S-measure; all objects of a photo are one truth",
    _run,
    _figures,
    needs_detector=True,
    judges_detector=True,
)
