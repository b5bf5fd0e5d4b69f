"""saliency: no prompt at all; detector, five clicks, mask (paper, Application). Each object is held against that mask,
so the figure means most on photos with one object."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from squeezesam_core.evaluation import metrics
from squeezesam_core.evaluation.case import Outcome, Plan, Reply
from squeezesam_core.evaluation.protocols.protocol import Protocol, each_object
from squeezesam_core.evaluation.scene import Scene
from squeezesam_core.samples import Mask


def _ask(scene: Scene, _truth: Mask, _plan: Plan, _rng: np.random.Generator) -> Iterator[Reply]:
    prompt, mask, seconds = scene.without_click()
    yield Reply(0, mask, seconds, prompt)


def _figures(outcomes: Sequence[Outcome], _: Plan) -> dict[str, Any]:
    return metrics.without_click(outcomes) | metrics.in_one_piece(outcomes)


SALIENCY = Protocol(
    "saliency",
    "no prompt: detector, five clicks, mask (paper, Application)",
    each_object(_ask),
    _figures,
    needs_detector=True,
)
