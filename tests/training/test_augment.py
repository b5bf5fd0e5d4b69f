"""Views of photos."""

import cv2
import numpy as np
import pytest

from tests.training.drawings import disc
from training.augment import random_view


@pytest.mark.parametrize("seed", range(20))
def test_image_and_mask_of_a_view_stay_aligned(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = disc(240, 320, 70)
    image = np.repeat(mask[..., None], 3, axis=2).astype(np.uint8) * 255
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    view = random_view(rng, (320, 240), (96, 64), (x, y, x + width, y + height))
    seen = view.image(image)[..., 0] > 127
    truth = view.coverage(mask.astype(np.float32)) > 0.5
    half = view.coverage(cv2.resize(mask.astype(np.float32), (160, 120), interpolation=cv2.INTER_AREA))
    inside = view.coverage(np.ones((240, 320), np.float32)) > 0.99
    assert (seen == truth)[inside].mean() > 0.98
    assert truth.any()
    assert half.shape == truth.shape
