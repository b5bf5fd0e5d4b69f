"""Boundary IoU against bands counted by hand."""

import numpy as np
import pytest

from squeezesam_core import masks
from squeezesam_core.evaluation.boundary import boundary_iou


def rectangle(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((60, 80), bool)  # diagonal 100: bands of 2 pixels
    mask[rows, columns] = True
    return mask


LARGE = rectangle(slice(10, 50), slice(20, 60))
"""40 x 40; its band of 2 pixels: 40² - 36² = 304."""
EMPTY = rectangle(slice(0), slice(0))


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (LARGE, LARGE, 1.0),
        (EMPTY, EMPTY, 1.0),
        (EMPTY, LARGE, 0.0),
        # one pixel wider: band 40 x 41 - 36 x 37 = 308. They share 300 of it but the two columns about the moved edge,
        # where one column of 36 and the corners' columns of 4 remain
        (LARGE, rectangle(slice(10, 50), slice(20, 61)), 268 / (304 + 308 - 268)),
        # inner hole of the same outline: bands differ by the hole's own band
        (LARGE, LARGE & ~rectangle(slice(25, 35), slice(35, 45)), 304 / (304 + 14 * 14 - 100)),
        (rectangle(slice(0, 60), slice(0, 80)), rectangle(slice(0, 60), slice(0, 80)), 1.0),
    ],
    ids=["same", "both empty", "nothing found", "a pixel wider", "a hole", "all of the photo"],
)
def test_boundary_iou(a: np.ndarray, b: np.ndarray, expected: float) -> None:
    assert boundary_iou(a, b) == pytest.approx(expected)
    assert boundary_iou(b, a) == pytest.approx(expected)


def test_it_sees_an_outline_that_iou_hides() -> None:
    wider = rectangle(slice(8, 52), slice(18, 62))
    assert masks.iou(LARGE, wider) > 0.8
    assert boundary_iou(LARGE, wider) == 0


def test_ignored_pixels_count_neither_way() -> None:
    wider = rectangle(slice(10, 50), slice(20, 61))
    ignore = rectangle(slice(0, 60), slice(56, 66))
    assert boundary_iou(LARGE, wider, ignore) == 1
