"""random-clicks: for each count, that many random pixels of the object at once, on a new mask (paper, Table 2)."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from squeezesam_core.evaluation import metrics
from squeezesam_core.evaluation.case import Outcome, Plan, Reply
from squeezesam_core.evaluation.clickers import random_clicks
from squeezesam_core.evaluation.protocols.protocol import Protocol, each_object
from squeezesam_core.evaluation.scene import Scene
from squeezesam_core.prompts import Prompt
from squeezesam_core.samples import Mask


def _ask(scene: Scene, truth: Mask, plan: Plan, rng: np.random.Generator) -> Iterator[Reply]:
    for count in plan.clicks:
        prompt = Prompt(random_clicks(rng, truth.object, count))
        answer, seconds = scene.first(prompt)
        yield Reply(count, answer.mask, seconds, prompt)


def _figures(outcomes: Sequence[Outcome], plan: Plan) -> dict[str, Any]:
    return metrics.by_clicks(outcomes, plan.clicks) | metrics.by_size(outcomes, plan.clicks)


RANDOM_CLICKS = Protocol(
    "random-clicks",
    "K random clicks of the object at once, small, medium and large (paper, Table 2)",
    each_object(_ask),
    _figures,
)
