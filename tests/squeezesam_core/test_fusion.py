"""Early fusion: which channel shows what, and where."""

import numpy as np
import pytest

from squeezesam_core.fusion import BACKGROUND, BOX, CLICKS, MEAN, PREVIOUS, STD, draw, fuse, prepare
from squeezesam_core.geometry import NetworkInput
from squeezesam_core.prompts import Box, Point, Prompt

SPEC = NetworkInput(128)
PHOTO = np.full((256, 256, 3), 128, np.uint8)


def fused(prompt: Prompt, spec: NetworkInput = SPEC, previous: np.ndarray | None = None) -> np.ndarray:
    return fuse(prepare(PHOTO, spec), prompt, spec, previous)


def test_photo_is_normalised() -> None:
    pixels = prepare(PHOTO, SPEC).pixels
    assert pixels.shape == (3, 128, 128)
    assert np.allclose(pixels[:, 5, 5], (128 - MEAN) / STD)


@pytest.mark.parametrize(
    ("prompt", "channel", "x", "y"),
    [
        (Prompt((Point(40, 200),)), CLICKS, 20, 100),
        (Prompt((Point(40, 200, positive=False),)), BACKGROUND, 20, 100),
    ],
    ids=["click", "background"],
)
def test_a_click_is_a_disc_of_its_own_channel(prompt: Prompt, channel: int, x: int, y: int) -> None:
    drawn = fused(prompt)[3:]
    rows, columns = np.nonzero(drawn[channel - 3])
    assert (rows.mean(), columns.mean()) == (y, x)
    assert (rows.max() - rows.min() + 1) == 2 * round(0.02 * 128) + 1
    assert drawn.sum() == drawn[channel - 3].sum()


def test_box_covers_its_pixels_and_no_others() -> None:
    drawn = fused(Prompt(box=Box(-10, 20, 100, 60)))
    expected = np.zeros((128, 128), np.float32)
    expected[10:30, 0:50] = 1
    assert np.array_equal(drawn[BOX], expected)


def test_click_on_the_far_corner_is_drawn() -> None:
    assert fused(Prompt((Point(256, 256),)))[CLICKS, 127, 127] == 1


def test_previous_mask_of_any_size_fills_its_channel() -> None:
    previous = np.zeros((8, 8), np.float32)
    previous[:4] = 0.5
    drawn = fused(Prompt(), previous=previous)[PREVIOUS]
    assert drawn[:56].min() == 0.5
    assert drawn[72:].max() == 0


def test_five_channels_take_no_background_and_no_previous() -> None:
    spec = NetworkInput(128, channels=5)
    drawn = fused(Prompt((Point(40, 40, positive=False),)), spec, np.ones((4, 4), np.float32))
    assert drawn.shape == (5, 128, 128)
    assert drawn[3:].max() == 0


def test_corners_and_padding_draw_no_disc() -> None:
    image = np.zeros((7, 64, 64), np.float32)
    draw(image, np.array([[9, 9]], np.float32), np.array([-1]))
    assert image.max() == 0
