"""Masks as runs against the same masks as arrays."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from squeezesam_core import masks
from squeezesam_core.geometry import Window
from squeezesam_core.runs import Runs

BITMAPS = arrays(np.bool_, st.tuples(st.integers(1, 30), st.integers(1, 30)))


@settings(max_examples=60)
@given(BITMAPS)
def test_runs_hold_the_mask_its_area_and_its_box(mask):
    runs = Runs.of(mask)
    np.testing.assert_array_equal(runs.mask(), mask)
    assert runs.area == mask.sum()
    assert runs.box == cv2.boundingRect(mask.view(np.uint8))


@settings(max_examples=60)
@given(BITMAPS, st.data())
def test_the_part_within_a_window(mask, data):
    height, width = mask.shape
    x0, y0 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    window = Window(x0, y0, data.draw(st.integers(x0 + 1, width)), data.draw(st.integers(y0 + 1, height)))
    kept = np.zeros_like(mask)
    kept[window.slices()] = mask[window.slices()]
    np.testing.assert_array_equal(Runs.of(mask).inside(window).mask(), kept)


@settings(max_examples=60)
@given(BITMAPS, st.data())
def test_coverage_is_the_mean_over_each_cell(mask, data):
    height, width = mask.shape
    size = (data.draw(st.integers(1, width)), data.draw(st.integers(1, height)))
    whole = np.kron(mask.astype(np.float64), np.ones((size[1], size[0])))  # every cell a whole number of pixels
    means = whole.reshape(size[1], height, size[0], width).mean(axis=(1, 3))
    np.testing.assert_allclose(Runs.of(mask).coverage(size), means, atol=1e-6)


@pytest.mark.parametrize(
    ("window", "image"),
    [
        (Window(0, 0, 401, 303), (401, 303)),
        (Window(30, 20, 230, 160), (401, 303)),
        (Window(0, 7, 401, 9), (401, 303)),
        (Window(5, 5, 25, 17), (40, 30)),
        (Window(3, 3, 4, 4), (40, 30)),
    ],
    ids=["whole photo", "window", "as wide as the photo", "fewer pixels than logits", "one pixel"],
)
@pytest.mark.parametrize("smooth", [0, 5], ids=["noise", "smooth"])
def test_a_mask_from_logits_is_that_of_enlarged_logits(window, image, smooth):
    logits = np.random.default_rng(0).normal(size=(33, 44)).astype(np.float32)
    logits = cv2.GaussianBlur(logits, (0, 0), smooth) if smooth else logits
    enlarged = np.full(image[::-1], -1, np.float32)
    enlarged[window.slices()] = cv2.resize(logits, window.size, interpolation=cv2.INTER_LINEAR)
    runs = Runs.of_logits(logits, window, image)
    differ = runs.mask() != (enlarged > 0)
    assert np.abs(enlarged[differ]).max(initial=0) < 1e-5  # but for rounding, the same
    again = Runs.of(runs.mask())
    np.testing.assert_array_equal(runs.starts, again.starts)
    np.testing.assert_array_equal(runs.ends, again.ends)


@pytest.mark.parametrize("value", [-1.0, 0.0, 1.0])
def test_flat_logits_are_all_or_nothing(value):
    runs = Runs.of_logits(np.full((3, 4), value, np.float32), Window(2, 1, 7, 5), (9, 8))
    assert runs.area == (20 if value > 0 else 0)


@settings(max_examples=60)
@given(arrays(np.bool_, st.tuples(st.just(2), st.integers(1, 20), st.integers(1, 20))))
def test_union_difference_iou_and_single_pixels(pair):
    a, b = pair
    runs, others = Runs.of(a), Runs.of(b)
    for made, expected in ((runs.union(others), a | b), (runs.without(others), a & ~b)):
        np.testing.assert_array_equal(made.mask(), expected)
        np.testing.assert_array_equal(made.starts, Runs.of(expected).starts)
    assert runs.iou(others) == pytest.approx(masks.iou(a, b))
    held = [[runs.holds(x, y) for x in range(a.shape[1])] for y in range(a.shape[0])]
    np.testing.assert_array_equal(held, a)
