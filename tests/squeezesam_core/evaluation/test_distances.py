"""Distances against every pair of pixels, wherever the masks lie in memory."""

import cv2
import numpy as np
import pytest

from squeezesam_core.evaluation.distances import depths, distances


def discs(seed: int) -> np.ndarray:
    rng, drawn = np.random.default_rng(seed), np.zeros((32, 48), np.uint8)
    for _ in range(3):
        centre = int(rng.integers(8, 40)), int(rng.integers(8, 24))
        cv2.circle(drawn, centre, int(rng.integers(4, 9)), 1, cv2.FILLED)
    return drawn > 0


@pytest.mark.parametrize("seed", [6, 82, 90, 171, 173, 187])
def test_equal_depths_are_equal_in_every_run(seed: int) -> None:
    mask = discs(seed)
    rows, columns = np.nonzero(~np.pad(mask, 1))
    y, x = np.indices(mask.shape)
    squares = ((rows - 1 - y[..., None]) ** 2 + (columns - 1 - x[..., None]) ** 2).min(-1)
    expected = np.sqrt((squares * mask).astype(np.float32))
    held = []
    for size in np.random.default_rng(seed).integers(10, 3000, 50):
        held.append(np.empty(size, np.uint8))  # the next arrays lie elsewhere
        np.testing.assert_array_equal(depths(mask), expected)


def test_the_arrays_border_is_outside_for_depths_alone() -> None:
    mask = np.ones((3, 5), bool)
    mask[1, 4] = False
    assert distances(mask)[1].tolist() == [4, 3, 2, 1, 0]
    assert depths(mask)[1].tolist() == [1, 2, 2, 1, 0]
