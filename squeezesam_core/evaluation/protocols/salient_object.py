"""salient-object: the paper's saliency evaluation (Table 4): prompts sampled from the saliency map, on the photos whose
most salient thing is one annotated object."""

from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean
from typing import Any

import cv2
import numpy as np

from squeezesam_core import masks
from squeezesam_core.evaluation import metrics
from squeezesam_core.evaluation.case import Case, Outcome, Plan, Reply, compare
from squeezesam_core.evaluation.protocols.protocol import Protocol
from squeezesam_core.evaluation.scene import Scene
from squeezesam_core.prompts import Prompt
from squeezesam_core.samples import Mask

REQUIRED = 4
"""So many of the map's five clicks must lie in the chosen mask, or the photo is ambiguous and left out."""
POINTS = (1, 3)
"""Table 4's columns: the blob's centre, and the first three of its clicks."""


def _run(scene: Scene, truths: Iterable[Mask], plan: Plan) -> Iterator[Case]:
    chosen = choose(scene, truths)
    if chosen is None:
        return
    number, truth = chosen
    prompt, mask, seconds = scene.without_click()
    replies = [Reply(0, mask, seconds, prompt)]
    for count in POINTS:
        asked = Prompt(prompt.points[:count])
        answer, seconds = scene.ask(asked)
        replies.append(Reply(count, answer.mask, seconds, asked))
    case = compare(scene.name, number, scene.image, truth, replies, plan, scene.opening)
    yield Case(case.outcome, case.image, truth, mask, prompt)


def choose(scene: Scene, truths: Iterable[Mask]) -> tuple[int, Mask] | None:
    """The annotated object that the saliency mask shows, with its number, or None.

    Steps 2 and 3 of the paper's Saliency Evaluation: the large object (COCO's bound) of the highest IoU with the most
    salient blob; valid if at least 4 of the 5 clicks lie in it.
    """
    if scene.blob is None:
        return None
    blob = cv2.resize(scene.blob.mask.astype(np.uint8), scene.size, interpolation=cv2.INTER_NEAREST) > 0
    best, chosen = 0.0, None
    for number, truth in enumerate(truths):
        overlap = masks.iou(blob, truth.object, truth.ignore)
        if overlap > best and np.count_nonzero(truth.object) >= metrics.SIZES["large"][0]:
            best, chosen = overlap, (number, truth)
    if chosen is None:
        return None
    inside = [bool(chosen[1].object[int(p.y), int(p.x)]) for p in scene.blob.prompt(scene.size).points]
    return chosen if sum(inside) >= REQUIRED else None


def _figures(outcomes: Sequence[Outcome], _: Plan) -> dict[str, Any]:
    figures = metrics.without_click(outcomes)
    return figures | {f"iou@{count}": fmean(outcome.ious[count] for outcome in outcomes) for count in POINTS}


SALIENT_OBJECT = Protocol(
    "salient-object",
    "clicks from the saliency map, where 4 of 5 lie in one large object (paper, Table 4)",
    _run,
    _figures,
    needs_detector=True,
)
