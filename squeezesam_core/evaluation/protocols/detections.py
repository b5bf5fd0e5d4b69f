"""detections: given boxes of a detector as prompts (paper, Table 1: ViTDet's on COCO and LVIS), scored by COCO's AP.

What this measures is mostly the detector; only figures from the same boxes can be compared.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from squeezesam_core.errors import SqueezeSAMError
from squeezesam_core.evaluation import metrics
from squeezesam_core.evaluation.case import Case, Outcome, Plan, Reply, compare
from squeezesam_core.evaluation.detections import Detections, average_precision
from squeezesam_core.evaluation.protocols.protocol import Protocol
from squeezesam_core.evaluation.scene import Scene
from squeezesam_core.prompts import Prompt
from squeezesam_core.samples import Mask


def _run(scene: Scene, truths: Iterable[Mask], plan: Plan) -> Iterator[Case]:
    boxes = given(plan).by_photo.get(scene.name, ())
    objects = list(truths)
    for number, detection in enumerate(boxes):
        prompt = Prompt(box=detection.box)
        answer, seconds = scene.first(prompt)
        encoded = coco_mask.encode(np.asfortranarray(answer.mask, np.uint8))
        notes = {"detection": detection, "segmentation": encoded}
        nearest = max(objects, key=lambda truth: _overlap(answer.mask, truth))
        reply = Reply(0, answer.mask, seconds, prompt)
        yield compare(scene.name, number, scene.image, nearest, [reply], plan, scene.opening, notes)


def _overlap(mask: Any, truth: Mask) -> int:
    return int(np.count_nonzero(mask & truth.object))


def given(plan: Plan) -> Detections:
    """The plan's detections. Raises SqueezeSAMError without any."""
    if plan.detections is None:
        raise SqueezeSAMError("This protocol needs given boxes.", "Name a COCO results file with --detections.")
    return plan.detections


def _figures(outcomes: Sequence[Outcome], plan: Plan) -> dict[str, Any]:
    found = [(outcome.notes["detection"], outcome.notes["segmentation"]) for outcome in outcomes]
    return average_precision(given(plan), found) | metrics.without_click(outcomes)


DETECTIONS = Protocol("detections", "given boxes of a detector, scored by COCO's AP (paper, Table 1)", _run, _figures)
