"""jittered-clicks: error-clicks by a hand that misses the centre."""

from collections.abc import Iterator
from math import hypot, sqrt

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core.evaluation.case import Plan, Reply
from squeezesam_core.evaluation.protocols.clicking import centre_of_error, refine
from squeezesam_core.evaluation.protocols.error_clicks import click_figures
from squeezesam_core.evaluation.protocols.protocol import Protocol, each_object
from squeezesam_core.evaluation.scene import Scene
from squeezesam_core.prompts import Point
from squeezesam_core.samples import Mask

MISS = 0.1
"""A click lands up to this share of the square root of the object's area beside the centre of the error."""


def _ask(scene: Scene, truth: Mask, plan: Plan, rng: np.random.Generator) -> Iterator[Reply]:
    def clicker(mask: NDArray[np.bool_], truth: Mask, clicked: NDArray[np.bool_]) -> Point | None:
        centre = centre_of_error(mask, truth, clicked)
        return None if centre is None else jitter(centre, mask, truth, clicked, rng)

    return refine(scene, truth, plan, clicker)


def jitter(
    centre: Point, mask: NDArray[np.bool_], truth: Mask, clicked: NDArray[np.bool_], rng: np.random.Generator
) -> Point:
    """A random pixel of the same part of the error, within MISS of its centre: people miss the middle, not the error.

    mask, clicked: (H, W) bool. The centre is among the choices, so that there is always one.
    """
    x, y = int(centre.x), int(centre.y)
    wrong = (truth.object != mask) & (truth.object == centre.positive) & ~truth.ignore
    _, parts = cv2.connectedComponents(wrong.astype(np.uint8), connectivity=8)
    rows, columns = np.nonzero((parts == parts[y, x]) & ~clicked)
    reach = MISS * sqrt(np.count_nonzero(truth.object))
    near = [(c, r) for c, r in zip(columns.tolist(), rows.tolist(), strict=True) if hypot(c - x, r - y) <= reach]
    column, row = near[int(rng.integers(len(near)))]
    return Point(column + 0.5, row + 0.5, centre.positive)


JITTERED_CLICKS = Protocol(
    "jittered-clicks",
    "error-clicks that land beside the centre of the error",
    each_object(_ask),
    click_figures,
    counts_clicks=True,
)
