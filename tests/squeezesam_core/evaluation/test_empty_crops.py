"""Crops that hold no part of any labelled object."""

import cv2
import numpy as np
import pytest

from squeezesam_core.evaluation.case import Plan
from squeezesam_core.evaluation.protocols import PROTOCOLS
from squeezesam_core.evaluation.protocols.empty_crops import empty_rectangles

HEIGHT, WIDTH = 300, 400
OBJECT = np.zeros((HEIGHT, WIDTH), bool)
OBJECT[100:220, 150:260] = True


@pytest.mark.parametrize("seed", range(10))
def test_crops_are_large_enough_and_away_from_every_object(seed: int) -> None:
    crops = empty_rectangles(OBJECT, np.random.default_rng(seed))
    assert len(crops) == 2
    for x, y, width, height in crops:
        assert width >= 0.2 * WIDTH
        assert height >= 0.2 * HEIGHT
        assert 0 <= x <= x + width <= WIDTH
        assert 0 <= y <= y + height <= HEIGHT
        around = np.ones((HEIGHT, WIDTH), np.uint8)
        around[y : y + height, x : x + width] = 0
        distance = cv2.distanceTransform(around, cv2.DIST_C, 3)
        assert distance[OBJECT].min() > 0.02 * np.hypot(HEIGHT, WIDTH)
    (ax, ay, aw, ah), (bx, by, bw, bh) = crops
    assert ax + aw <= bx or bx + bw <= ax or ay + ah <= by or by + bh <= ay
    assert crops == empty_rectangles(OBJECT, np.random.default_rng(seed))


def test_a_photo_full_of_objects_gives_none() -> None:
    full = np.zeros((HEIGHT, WIDTH), bool)
    full[::40, ::40] = True
    assert empty_rectangles(full, np.random.default_rng(0)) == []


@pytest.mark.parametrize(("salient", "given"), [(True, 1.0), (False, 0.0)], ids=["false alarm", "silent"])
def test_share_given(ask, service, salient: bool, given: float) -> None:
    service.detector.salient = salient
    corner = np.zeros((128, 128), bool)
    corner[:30, :30] = True
    cases = ask("empty-crops", corner)
    assert len(cases) == 2
    assert all(not case.truth.object.any() for case in cases)
    assert PROTOCOLS["empty-crops"].figures([case.outcome for case in cases], Plan()) == {"given": given}
