"""Outlines move to the photo's edges, and stay where it has none."""

import numpy as np
import pytest

from squeezesam_core.edges import RADIUS, follow
from squeezesam_core.masks import iou


def square(shift: int = 0) -> np.ndarray:
    mask = np.zeros((64, 80), np.float32)
    mask[16 + shift : 48 + shift, 20 + shift : 60 + shift] = 1
    return mask


COLOURS = {"dark and light": ((20, 20, 20), (220, 220, 220)), "red and green": ((200, 40, 40), (40, 200, 40))}


@pytest.mark.parametrize(("outside", "inside"), COLOURS.values(), ids=list(COLOURS))
@pytest.mark.parametrize("shift", [0, 1, 2])
def test_an_outline_moves_to_the_edge_beside_it(outside, inside, shift: int) -> None:
    photo = np.where(square()[..., None] > 0, np.uint8(inside), np.uint8(outside))
    found = follow(square(shift), photo) > 0.5
    before = iou(square(shift) > 0.5, square() > 0.5)
    assert iou(found, square() > 0.5) > (0.99 if shift < 2 else before + 0.03)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_without_an_outline_nothing_changes(value: float) -> None:
    photo = np.random.default_rng(0).integers(0, 255, (40, 50, 3)).astype(np.uint8)
    assert np.allclose(follow(np.full((40, 50), value, np.float32), photo), value, atol=1e-3)


def test_on_an_even_photo_corners_are_rounded_and_nothing_else() -> None:
    found = follow(square(), np.full((64, 80, 3), 90, np.uint8))
    assert iou(found > 0.5, square() > 0.5) > 0.95
    assert (found.dtype, found.shape, found.min() >= 0, found.max() <= 1) == (np.float32, (64, 80), True, True)


def test_what_is_far_from_the_outline_is_not_touched() -> None:
    rng = np.random.default_rng(1)
    found = follow(square(), rng.integers(0, 255, (64, 80, 3)).astype(np.uint8))
    near = np.zeros((64, 80), bool)
    reach = 2 * (2 * RADIUS + 1) + 2  # two boxes of the halved photo, and the pixel that it is enlarged over
    near[16 - reach : 48 + reach, 20 - reach : 60 + reach] = True
    near[16 + reach : 48 - reach, 20 + reach : 60 - reach] = False
    assert np.allclose(found[~near], square()[~near], atol=1e-3)
