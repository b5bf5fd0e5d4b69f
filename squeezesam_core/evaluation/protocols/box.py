"""box: the object's true bounding box (paper, Table 1's mIoU; the paper's boxes are a detector's, see detections)."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from squeezesam_core import masks
from squeezesam_core.evaluation import metrics
from squeezesam_core.evaluation.case import Outcome, Plan, Reply
from squeezesam_core.evaluation.protocols.protocol import Protocol, each_object
from squeezesam_core.evaluation.scene import Scene
from squeezesam_core.prompts import Box, Prompt
from squeezesam_core.samples import Mask


def _ask(scene: Scene, truth: Mask, _plan: Plan, _rng: np.random.Generator) -> Iterator[Reply]:
    x, y, width, height = masks.bounding_box(truth.object)
    prompt = Prompt(box=Box(x, y, x + width, y + height))
    answer, seconds = scene.first(prompt)
    yield Reply(0, answer.mask, seconds, prompt)


def _figures(outcomes: Sequence[Outcome], _: Plan) -> dict[str, Any]:
    return metrics.without_click(outcomes) | metrics.by_size(outcomes, (0,))


BOX = Protocol("box", "the object's true bounding box (paper, Table 1)", each_object(_ask), _figures)
