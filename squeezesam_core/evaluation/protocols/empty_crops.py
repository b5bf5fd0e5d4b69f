"""empty-crops: parts of the photos that hold no part of any labelled object; a mask given there is a false alarm.

Labels are never complete: some of these crops do show a thing that nobody outlined, so the share does not reach 0.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import hypot
from statistics import fmean
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core.evaluation.case import Case, Outcome, Plan, Reply, compare
from squeezesam_core.evaluation.protocols.protocol import Protocol
from squeezesam_core.evaluation.scene import Scene
from squeezesam_core.samples import Mask

SMALLEST, LARGEST = 0.2, 0.6
"""Width and height of a crop as shares of the photo's."""
DISTANCE = 0.02
"""A crop keeps this share of the photo's diagonal away from every object."""
CROPS = 2
"""The most crops of one photo; they do not overlap."""
TRIES = 400

Rectangle = tuple[int, int, int, int]
"""x, y, width, height in pixels."""


def _run(scene: Scene, truths: Iterable[Mask], plan: Plan) -> Iterator[Case]:
    labelled = np.zeros(scene.image.shape[:2], bool)
    for truth in truths:
        labelled |= truth.object | truth.ignore
    for number, (x, y, width, height) in enumerate(empty_rectangles(labelled, scene.rng(plan.seed, 0))):
        crop = scene.crop(x, y, width, height)
        prompt, mask, seconds = crop.without_click()
        nothing = Mask.of(np.zeros((height, width), bool))
        yield compare(scene.name, number, crop.image, nothing, [Reply(0, mask, seconds, prompt)], plan, crop.opening)


def empty_rectangles(labelled: NDArray[np.bool_], rng: np.random.Generator) -> list[Rectangle]:
    """Up to CROPS rectangles away from what is labelled (H, W), the largest of those tried first."""
    height, width = labelled.shape
    reach = max(1, round(DISTANCE * hypot(height, width)))
    taken = cv2.dilate(labelled.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=reach)
    shares = rng.uniform(SMALLEST, LARGEST, (TRIES, 2))
    sizes = np.ceil(shares * [width, height]).astype(int)
    corners = np.floor(rng.uniform(size=(TRIES, 2)) * ([width, height] - sizes + 1)).astype(int)
    order = np.argsort(-sizes.prod(axis=1), kind="stable")
    found: list[Rectangle] = []
    for (x, y), (w, h) in zip(corners[order].tolist(), sizes[order].tolist(), strict=True):
        if not taken[y : y + h, x : x + w].any():
            found.append((x, y, w, h))
            taken[y : y + h, x : x + w] = 1
        if len(found) == CROPS:
            break
    return found


def _figures(outcomes: Sequence[Outcome], _: Plan) -> dict[str, Any]:
    return {"given": fmean(outcome.last < 1 for outcome in outcomes)}


EMPTY_CROPS = Protocol(
    "empty-crops",
    "parts of photos without any labelled object: the share that is given a mask without a click",
    _run,
    _figures,
    needs_detector=True,
)
