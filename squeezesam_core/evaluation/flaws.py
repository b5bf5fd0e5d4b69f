"""Flawed copies of a true mask, as a first guess might be: FocalClick starts its DAVIS585 from masks of 75-85 % IoU."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core import masks
from squeezesam_core.evaluation.distances import depths, distances

BEST, WORST = 0.84, 0.76
"""The IoU of a flawed mask with the true one is drawn between; the flaw that comes nearest to it is taken."""
STEPS = 48

Flaw = Callable[[NDArray[np.bool_], float, np.random.Generator], NDArray[np.bool_]]


def flawed(truth: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """A mask with one flaw: too thin, too thick, shifted, a piece missing or a piece too much.

    truth: (H, W) bool, not empty. The flaw grows until the IoU falls to a value drawn between WORST and BEST.
    """
    flaw = FLAWS[int(rng.integers(len(FLAWS)))]
    target, seed = rng.uniform(WORST, BEST), int(rng.integers(2**32))
    found = truth
    for step in range(1, STEPS + 1):
        candidate = flaw(truth, step / STEPS, np.random.default_rng(seed))
        if candidate.any() and abs(masks.iou(candidate, truth) - target) < abs(masks.iou(found, truth) - target):
            found = candidate
    return found


def _thin(truth: NDArray[np.bool_], strength: float, _: np.random.Generator) -> NDArray[np.bool_]:
    depth = depths(truth)
    return np.asarray(depth > strength * depth.max() / 2)


def _thick(truth: NDArray[np.bool_], strength: float, _: np.random.Generator) -> NDArray[np.bool_]:
    outside = distances(~truth)
    return np.asarray(outside <= strength * _scale(truth) / 4)


def _shifted(truth: NDArray[np.bool_], strength: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    angle, distance = rng.uniform(0, 2 * np.pi), strength * _scale(truth) / 2
    move = np.array([[1, 0, distance * np.cos(angle)], [0, 1, distance * np.sin(angle)]], np.float32)
    height, width = truth.shape
    return cv2.warpAffine(truth.astype(np.uint8), move, (width, height), flags=cv2.INTER_NEAREST) > 0


def _piece_missing(truth: NDArray[np.bool_], strength: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    return truth & ~_disc(truth, strength, rng)


def _piece_too_much(truth: NDArray[np.bool_], strength: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    return truth | _disc(truth, strength, rng)


def _disc(truth: NDArray[np.bool_], strength: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """A disc about a random pixel of the outline."""
    outline = truth & (cv2.erode(np.pad(truth.astype(np.uint8), 1), np.ones((3, 3), np.uint8))[1:-1, 1:-1] == 0)
    row, column = divmod(int(rng.choice(np.flatnonzero(outline))), truth.shape[1])
    rows, columns = np.ogrid[: truth.shape[0], : truth.shape[1]]
    return np.asarray((rows - row) ** 2 + (columns - column) ** 2 <= (strength * _scale(truth)) ** 2)


def _scale(truth: NDArray[np.bool_]) -> float:
    return float(np.sqrt(np.count_nonzero(truth)))


FLAWS: tuple[Flaw, ...] = (_thin, _thick, _shifted, _piece_missing, _piece_too_much)
