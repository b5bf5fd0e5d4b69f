"""Flawed masks: as bad as they should be, of every kind, and the same again by seed."""

import numpy as np
import pytest

from squeezesam_core import masks
from squeezesam_core.evaluation.flaws import BEST, FLAWS, WORST, flawed

ROWS, COLUMNS = np.ogrid[:200, :300]
DISC = (ROWS - 100) ** 2 + (COLUMNS - 150) ** 2 < 50**2
PERSON = (np.abs(COLUMNS - 150) < 15) & (ROWS > 40) | ((ROWS - 30) ** 2 + (COLUMNS - 150) ** 2 < 20**2)


@pytest.mark.parametrize("truth", [DISC, PERSON], ids=["disc", "person"])
@pytest.mark.parametrize("seed", range(12))
def test_a_flawed_mask_is_neither_good_nor_useless(truth: np.ndarray, seed: int) -> None:
    found = flawed(truth, np.random.default_rng(seed))
    assert WORST - 0.03 < masks.iou(found, truth) < BEST + 0.01
    assert np.array_equal(found, flawed(truth, np.random.default_rng(seed)))


@pytest.mark.parametrize("flaw", FLAWS, ids=lambda flaw: flaw.__name__)
def test_a_flaw_grows(flaw) -> None:
    weak, strong = (masks.iou(flaw(DISC, strength, np.random.default_rng(0)), DISC) for strength in (0.1, 0.5))
    assert strong < weak <= 1


def test_a_single_pixel_can_be_flawed() -> None:
    dot = np.zeros((9, 9), bool)
    dot[4, 4] = True
    assert all(flawed(dot, np.random.default_rng(seed)).any() for seed in range(10))
