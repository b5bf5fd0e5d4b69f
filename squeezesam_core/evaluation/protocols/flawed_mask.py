"""flawed-mask: a flawed copy of the true mask, then clicks that mend it (the idea of FocalClick's DAVIS585)."""

from collections.abc import Iterator

import numpy as np

from squeezesam_core.evaluation.case import Plan, Reply
from squeezesam_core.evaluation.flaws import flawed
from squeezesam_core.evaluation.protocols.clicking import mend
from squeezesam_core.evaluation.protocols.from_mask import mending_figures
from squeezesam_core.evaluation.protocols.protocol import Protocol, each_object
from squeezesam_core.evaluation.scene import Scene
from squeezesam_core.samples import Mask


def _ask(scene: Scene, truth: Mask, plan: Plan, rng: np.random.Generator) -> Iterator[Reply]:
    mask = flawed(truth.object, rng)
    yield Reply(0, mask, None)
    yield from mend(scene, truth, plan, mask)


FLAWED_MASK = Protocol(
    "flawed-mask",
    "a flawed copy of the true mask, then clicks that mend it (as FocalClick's DAVIS585)",
    each_object(_ask),
    mending_figures,
    counts_clicks=True,
)
