"""Simulated annotators: where the next click goes."""

import numpy as np
from numpy.typing import NDArray

from squeezesam_core.evaluation.distances import depths
from squeezesam_core.prompts import Point


def error_centre(
    mask: NDArray[np.bool_],
    truth: NDArray[np.bool_],
    ignore: NDArray[np.bool_] | None = None,
    clicked: NDArray[np.bool_] | None = None,
) -> Point | None:
    """RITM's rule: the click at the innermost point of the largest error; None if there is no error left.

    The false-negative and false-positive areas, padded by one pixel of background, get L2 distance transforms; the
    larger maximum wins (a tie goes to the negative click), the first such pixel in raster order is clicked.
    All arrays (H, W) bool; pixels in `ignore` are no error, pixels in `clicked` are not clicked again.
    """
    counts = np.ones_like(truth) if ignore is None else ~ignore
    missing = depths(truth & ~mask & counts)
    surplus = depths(~truth & mask & counts)
    if clicked is not None:
        missing[clicked] = 0
        surplus[clicked] = 0
    positive = bool(missing.max() > surplus.max())
    distances = missing if positive else surplus
    if distances.max() <= 0:
        return None
    y, x = divmod(int(np.argmax(distances)), distances.shape[1])
    return Point(x + 0.5, y + 0.5, positive)


def random_clicks(rng: np.random.Generator, truth: NDArray[np.bool_], count: int) -> tuple[Point, ...]:
    """`count` random pixels of the object, all at once (paper, table 2); truth (H, W) bool, not empty."""
    chosen = rng.choice(np.flatnonzero(truth), size=count)
    return tuple(Point(index % truth.shape[1] + 0.5, index // truth.shape[1] + 0.5) for index in chosen.tolist())
