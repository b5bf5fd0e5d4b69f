"""The paper's saliency evaluation: which mask is chosen, and when a photo is left out."""

import numpy as np
import pytest

SIDE = 128


def square(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[rows, columns] = True
    return mask


WHOLE = square(slice(0, 128), slice(0, 100))
"""12,800 pixels; IoU with the detector's square of 64 x 64 in the middle: 0.32. All five clicks lie in it."""
LARGER = square(slice(0, 128), slice(0, 120))
"""IoU 0.27."""
UPPER = square(slice(0, 73), slice(0, 128))
"""9,344 pixels: IoU 0.24; the centre and the upper two clicks lie in it, the lower two (row 79) do not."""
MOST = square(slice(0, 128), slice(56, 128))
"""9,216 pixels: COCO's bound. The left two clicks (column 47) lie outside: three of five."""
SMALL = square(slice(32, 96), slice(32, 96))
"""The detector's own square: IoU 1, but not large."""


@pytest.mark.parametrize(
    ("truths", "chosen"),
    [
        ([WHOLE], 0),
        ([LARGER, WHOLE], 1),
        ([UPPER], None),
        ([MOST], None),
        ([SMALL], None),
        ([SMALL, LARGER], 1),
    ],
    ids=["all five", "highest IoU", "three of five", "at the bound", "not large", "the large one"],
)
def test_choice(ask, truths: list[np.ndarray], chosen: int | None) -> None:
    cases = ask("salient-object", *truths)
    assert [case.outcome.number for case in cases] == ([] if chosen is None else [chosen])


def test_four_of_five_are_enough(ask) -> None:
    lacking_one = WHOLE & ~square(slice(76, 84), slice(44, 52))
    (case,) = ask("salient-object", lacking_one)
    inside = [bool(lacking_one[int(p.y), int(p.x)]) for p in case.shown.points]
    assert sum(inside) == 4


def test_points_come_without_the_map_and_the_whole_path_with_it(ask, service) -> None:
    (case,) = ask("salient-object", WHOLE)
    assert sorted(case.outcome.ious) == [0, 1, 3]
    assert [len(labels) for _, _, labels in service.segmenter.calls] == [5, 1, 3]
    assert [fused[6].max() > 0 for fused, *_ in service.segmenter.calls] == [True, False, False]


def test_nothing_salient_is_left_out(ask, service) -> None:
    service.detector.salient = False
    assert ask("salient-object", WHOLE) == []
