"""from-mask: the no-click mask, then clicks that mend it, as an annotator corrects a pre-annotation."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from squeezesam_core.evaluation import metrics
from squeezesam_core.evaluation.case import Outcome, Plan, Reply
from squeezesam_core.evaluation.protocols.clicking import mend
from squeezesam_core.evaluation.protocols.error_clicks import click_figures
from squeezesam_core.evaluation.protocols.protocol import Protocol, each_object
from squeezesam_core.evaluation.scene import Scene
from squeezesam_core.samples import Mask


def _ask(scene: Scene, truth: Mask, plan: Plan, _: np.random.Generator) -> Iterator[Reply]:
    _prompt, mask, seconds = scene.without_click()
    yield Reply(0, mask, seconds)
    yield from mend(scene, truth, plan, mask)


def mending_figures(outcomes: Sequence[Outcome], plan: Plan) -> dict[str, Any]:
    """miou of the start, ready85 and ready90, then the clicks'."""
    return metrics.without_click(outcomes) | metrics.ready(outcomes) | click_figures(outcomes, plan)


FROM_MASK = Protocol(
    "from-mask",
    "the no-click mask, then clicks that mend it, each starting from the mask on screen",
    each_object(_ask),
    mending_figures,
    needs_detector=True,
    counts_clicks=True,
)
