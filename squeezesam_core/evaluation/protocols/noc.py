"""noc: the number of clicks as RITM and FocalClick publish it: error-clicks to 90 % IoU or 20 clicks, the mask being
where the probability exceeds 0.49 (RITM's evaluation; theirs adds zoom-in and flip averaging, this does not)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from math import log
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core.evaluation.case import Case, Outcome, Plan, Reply
from squeezesam_core.evaluation.model import Answer
from squeezesam_core.evaluation.protocols.clicking import refine
from squeezesam_core.evaluation.protocols.error_clicks import click_figures
from squeezesam_core.evaluation.protocols.protocol import Protocol, each_object
from squeezesam_core.evaluation.scene import Scene
from squeezesam_core.samples import Mask

THRESHOLD = 0.49


def above_threshold(answer: Answer, scene: Scene) -> NDArray[np.bool_]:
    """Where the probability exceeds RITM's threshold: (H, W) bool. Logits are interpolated, as networks' masks are:
    probabilities would blunt the outline."""
    probabilities = np.clip(answer.previous, 1e-6, 1 - 1e-6)
    logits = np.log(probabilities / (1 - probabilities)).astype(np.float32)
    return np.asarray(cv2.resize(logits, scene.size, interpolation=cv2.INTER_LINEAR) > log(THRESHOLD / (1 - THRESHOLD)))


def _ask(scene: Scene, truth: Mask, plan: Plan, _: np.random.Generator) -> Iterator[Reply]:
    return refine(scene, truth, plan, read=above_threshold)


def _run(scene: Scene, truths: Iterable[Mask], plan: Plan) -> Iterator[Case]:
    return each_object(_ask)(scene, truths, replace(plan, noc=True))


def _figures(outcomes: Sequence[Outcome], plan: Plan) -> dict[str, Any]:
    return click_figures(outcomes, replace(plan, noc=True))


NOC = Protocol("noc", "clicks to 85 and 90 % IoU, as RITM publishes them", _run, _figures, counts_clicks=True)
