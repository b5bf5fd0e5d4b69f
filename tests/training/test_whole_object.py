"""Whole-object augmentations (paper 1.4) and objects put on other photos."""

import cv2
import numpy as np
import pytest

from training.whole_object import (
    LARGER,
    MOST_OUTSIDE,
    OUTLIER_SHARE,
    PASTED_SIDES,
    crop_around,
    cut_and_paste,
    inject_outlier,
    merge_masks,
)


def rectangle(x0: int, y0: int, x1: int, y1: int, size: tuple[int, int] = (100, 80)) -> np.ndarray:
    mask = np.zeros(size[::-1], bool)
    mask[y0:y1, x0:x1] = True
    return mask


PERSON, SHIRT, CUP = rectangle(20, 10, 60, 70), rectangle(25, 30, 55, 50), rectangle(70, 50, 90, 70)


@pytest.mark.parametrize(
    ("masks", "expected"),
    [
        ([], []),
        ([SHIRT], [0]),
        ([SHIRT, PERSON, CUP], [1, 2]),
        ([PERSON, SHIRT, rectangle(30, 35, 40, 45)], [0]),
        ([PERSON, rectangle(50, 30, 80, 50)], [0, 1]),
        ([PERSON, rectangle(25, 30, 63, 50)], [0]),
        ([PERSON, rectangle(20, 11, 60, 69)], [0, 1]),
        ([rectangle(0, 0, 100, 80), PERSON], [0, 1]),
        ([PERSON & ~SHIRT, SHIRT], [0, 1]),
    ],
    ids=[
        "none",
        "one",
        "shirt in person",
        "a chain",
        "overlapping objects stay",
        "nearly inside",
        "two outlines of one object",
        "the whole scene is no object",
        "a hole is not inside",
    ],
)
def test_mask_merging(masks: list[np.ndarray], expected: list[int]) -> None:
    assert merge_masks(masks) == expected


def test_mask_merging_of_large_photos_and_many_masks() -> None:
    big = rectangle(100, 100, 1100, 900, (2000, 1500))
    parts = [rectangle(120 + 10 * i, 120, 124 + 10 * i, 124, (2000, 1500)) for i in range(20)]
    beside = rectangle(1500, 100, 1504, 104, (2000, 1500))
    assert big.sum() > LARGER * parts[0].sum()
    assert merge_masks([*parts, big, beside]) == [20, 21]


def test_outliers_miss_now_and_then() -> None:
    clicks = [(30.5, 20.5, 1), (40.5, 30.5, 1)]
    rng = np.random.default_rng(0)
    results = [inject_outlier(rng, clicks, ~PERSON) for _ in range(600)]
    missed = [result for result in results if result != clicks]
    assert len(missed) / len(results) == pytest.approx(OUTLIER_SHARE, abs=0.03)
    for result in missed:
        (x, y, label), first = result[-1], result[0]
        assert not PERSON[int(y), int(x)]
        assert label == 1  # the network is told that it hits
        assert first == clicks[0]


@pytest.mark.parametrize(
    ("clicks", "background"),
    [([(30.5, 20.5, 1)], ~PERSON), ([(30.5, 20.5, 1)] * 2, np.zeros((80, 100), bool))],
    ids=["a single click", "no background"],
)
def test_outliers_need_a_second_click_and_a_place(
    clicks: list[tuple[float, float, int]], background: np.ndarray
) -> None:
    rng = np.random.default_rng(0)
    assert all(inject_outlier(rng, clicks, background) == clicks for _ in range(100))


@pytest.mark.parametrize("aspect", [0.6, 1.0, 1.8])
def test_centre_crops_hold_the_object_and_keep_the_aspect(aspect: float) -> None:
    rng = np.random.default_rng(0)
    box = (200.0, 150.0, 280.0, 240.0)
    areas = []
    for _ in range(200):
        x, y, width, height = crop_around(rng, (640, 480), box, aspect)
        assert x - width / 2 <= box[0] and x + width / 2 >= box[2]
        assert y - height / 2 <= box[1] and y + height / 2 >= box[3]
        assert width <= 640 * 1.1 and height <= 480 * 1.1
        assert width > 640 or (x - width / 2 >= -1e-6 and x + width / 2 <= 640 + 1e-6)
        assert width / height == pytest.approx(aspect, rel=0.6)
        areas.append(width * height / (80 * 90))
    assert min(areas) < 3 and max(areas) > 10


def test_a_centre_crop_of_a_large_object_is_the_photo() -> None:
    _, _, width, height = crop_around(np.random.default_rng(0), (640, 480), (5, 5, 635, 475), 1.0)
    assert 635 < width <= 704 and 475 < height <= 528


@pytest.mark.parametrize("seed", range(12))
def test_a_pasted_object_is_where_its_mask_is(seed: int) -> None:
    rng = np.random.default_rng(seed)
    photo = np.full((80, 100, 3), 40, np.uint8)
    photo[PERSON] = (250, 200, 30)
    onto = rng.integers(0, 60, (120, 160, 3), np.uint8)
    image, mask = cut_and_paste(rng, photo, PERSON, onto)
    assert image.shape == onto.shape and mask.shape == onto.shape[:2]
    longest = max(cv2.boundingRect(mask.astype(np.uint8))[2:])
    assert (PASTED_SIDES[0] * (1 - 2 * MOST_OUTSIDE)) * 120 - 4 <= longest <= PASTED_SIDES[1] * 120 + 1
    core, far = cv2.erode(mask.astype(np.uint8), np.ones((5, 5))), cv2.dilate(mask.astype(np.uint8), np.ones((9, 9)))
    red_over_blue = image[..., 0].astype(int) - image[..., 2]
    assert (red_over_blue[core > 0] > 90).all()  # the object, whatever its colours were moved by
    assert (image[far == 0] == onto[far == 0]).all()


def test_the_edge_is_soft_and_has_no_rim_of_the_old_photo() -> None:
    rng = np.random.default_rng(0)
    photo = np.zeros((80, 100, 3), np.uint8)  # a black rim would show on a grey photo
    photo[PERSON] = 128
    image, mask = cut_and_paste(rng, photo, PERSON, np.full((120, 160, 3), 128, np.uint8))
    assert mask.any()
    assert image.min() > 120


def test_what_was_cut_off_at_the_bottom_is_again() -> None:
    person = rectangle(20, 30, 60, 80)
    rng = np.random.default_rng(0)
    photo = np.full((80, 100, 3), 90, np.uint8)
    masks = [cut_and_paste(rng, photo, person, np.zeros((120, 160, 3), np.uint8))[1] for _ in range(20)]
    assert all(mask[-2:].any() for mask in masks)
