"""error-clicks: click after click at the centre of the largest error, each starting from the mask before (RITM's
clicker), on the masks that the service would send."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from squeezesam_core.evaluation import metrics
from squeezesam_core.evaluation.case import Outcome, Plan, Reply
from squeezesam_core.evaluation.protocols.clicking import refine
from squeezesam_core.evaluation.protocols.protocol import Protocol, each_object
from squeezesam_core.evaluation.scene import Scene
from squeezesam_core.samples import Mask


def _ask(scene: Scene, truth: Mask, plan: Plan, _: np.random.Generator) -> Iterator[Reply]:
    return refine(scene, truth, plan)


def click_figures(outcomes: Sequence[Outcome], plan: Plan) -> dict[str, Any]:
    """iou@K and biou@K; the NoC figures if they were asked for."""
    counted = metrics.clicks_needed(outcomes) if plan.noc else {}
    return metrics.by_clicks(outcomes, plan.clicks) | counted


ERROR_CLICKS = Protocol(
    "error-clicks",
    "click after click at the centre of the largest error, as RITM clicks; masks as they are served",
    each_object(_ask),
    click_figures,
    counts_clicks=True,
)
