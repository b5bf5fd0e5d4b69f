"""person: photos of mostly one person as the central entity (paper, Table 3): the largest mask of each photo, by one
click at its innermost point, and without a click. The paper names no prompt for this table; both are given."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from squeezesam_core.evaluation import metrics
from squeezesam_core.evaluation.case import Case, Outcome, Plan, Reply, compare
from squeezesam_core.evaluation.protocols.clicking import refine
from squeezesam_core.evaluation.protocols.protocol import Protocol
from squeezesam_core.evaluation.scene import Scene
from squeezesam_core.samples import Mask

ONE_CLICK = (1,)


def _run(scene: Scene, truths: Iterable[Mask], plan: Plan) -> Iterator[Case]:
    number, truth = max(enumerate(truths), key=lambda candidate: np.count_nonzero(candidate[1].object))
    plan = replace(plan, clicks=ONE_CLICK, noc=False)
    _prompt, mask, seconds = scene.without_click()
    replies = [Reply(0, mask, seconds), *refine(scene, truth, plan)]
    yield compare(scene.name, number, scene.image, truth, replies, plan, scene.opening)


def _figures(outcomes: Sequence[Outcome], _: Plan) -> dict[str, Any]:
    return metrics.without_click(outcomes) | metrics.by_clicks(outcomes, ONE_CLICK)


PERSON = Protocol(
    "person",
    "the largest mask of each photo, without a click and by one (paper, Table 3)",
    _run,
    _figures,
    needs_detector=True,
)
