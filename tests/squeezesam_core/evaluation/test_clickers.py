"""Simulated annotators against RITM's rule, worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from squeezesam_core.evaluation.clickers import error_centre, random_clicks
from squeezesam_core.prompts import Point


def area(*parts: tuple[slice, slice]) -> np.ndarray:
    mask = np.zeros((9, 15), bool)
    for part in parts:
        mask[part] = True
    return mask


LEFT = slice(1, 6), slice(1, 6)
RIGHT = slice(1, 6), slice(8, 13)
SMALL = slice(1, 4), slice(8, 11)
EDGE = slice(0, 9), slice(0, 3)
EMPTY = area()


@pytest.mark.parametrize(
    ("mask", "truth", "click"),
    [
        (EMPTY, area(LEFT), Point(3.5, 3.5)),
        (area(LEFT), EMPTY, Point(3.5, 3.5, positive=False)),
        (area(RIGHT), area(LEFT), Point(10.5, 3.5, positive=False)),
        (area(SMALL), area(LEFT), Point(3.5, 3.5)),
        (area(LEFT), area(SMALL), Point(3.5, 3.5, positive=False)),
        (EMPTY, area(LEFT, RIGHT), Point(3.5, 3.5)),
        (EMPTY, area(EDGE), Point(1.5, 1.5)),
        (EMPTY, area((slice(2, 4), slice(2, 4))), Point(2.5, 2.5)),
        (area(LEFT), area(LEFT), None),
    ],
    ids=[
        "missing",
        "surplus",
        "tie goes to the negative",
        "larger missing",
        "larger surplus",
        "tie goes to the first in raster order",
        "the border counts as background",
        "even width: first pixel",
        "nothing left",
    ],
)
def test_error_centre(mask: np.ndarray, truth: np.ndarray, click: Point | None) -> None:
    assert error_centre(mask, truth) == click


def test_ignored_pixels_are_no_error() -> None:
    assert error_centre(EMPTY, area(LEFT, SMALL), ignore=area(LEFT)) == Point(9.5, 2.5)
    assert error_centre(EMPTY, area(LEFT), ignore=area(LEFT)) is None


def test_no_pixel_is_clicked_twice() -> None:
    clicked = EMPTY.copy()
    clicked[3, 3] = True
    click = error_centre(EMPTY, area(LEFT), clicked=clicked)
    assert click == Point(2.5, 2.5)


@given(arrays(np.bool_, (6, 7)), arrays(np.bool_, (6, 7)))
def test_a_click_lies_on_an_error_of_its_sign(mask: np.ndarray, truth: np.ndarray) -> None:
    click = error_centre(mask, truth)
    if click is None:
        assert np.array_equal(mask, truth)
    else:
        x, y = int(click.x), int(click.y)
        assert truth[y, x] == click.positive
        assert mask[y, x] != truth[y, x]


@given(st.integers(0, 99), st.integers(1, 5))
def test_random_clicks_lie_in_the_object_and_repeat_by_seed(seed: int, count: int) -> None:
    truth = area(LEFT, SMALL)
    clicks = random_clicks(np.random.default_rng(seed), truth, count)
    assert len(clicks) == count
    assert all(truth[int(click.y), int(click.x)] and click.positive for click in clicks)
    assert clicks == random_clicks(np.random.default_rng(seed), truth, count)


def ritm(mask: np.ndarray, truth: np.ndarray, ignore: np.ndarray, clicked: np.ndarray) -> Point | None:
    """The rule as RITM's paper and evaluation describe it, by brute force and without a distance transform.

    False negatives and false positives, each padded by one pixel that is no error; an error pixel's depth is its
    distance to the nearest pixel that is no error of its kind; pixels clicked before have none. The kind whose deepest
    pixel is deeper is clicked (a positive click needs to be strictly deeper), there at its first pixel in raster order.
    """
    height, width = truth.shape

    def deepest(error: np.ndarray) -> tuple[int, tuple[int, int] | None]:
        rest = [
            (y, x)
            for y in range(-1, height + 1)
            for x in range(-1, width + 1)
            if not (0 <= y < height and 0 <= x < width and error[y, x])
        ]
        best, where = 0, None
        for y in range(height):
            for x in range(width):
                if error[y, x] and not clicked[y, x]:
                    squared = min((y - b) ** 2 + (x - a) ** 2 for b, a in rest)
                    if squared > best:
                        best, where = squared, (y, x)
        return best, where

    missing, there = deepest(truth & ~mask & ~ignore)
    surplus, here = deepest(~truth & mask & ~ignore)
    place = there if missing > surplus else here
    return None if place is None else Point(place[1] + 0.5, place[0] + 0.5, missing > surplus)


@given(*(arrays(np.bool_, (7, 9)) for _ in range(2)), st.integers(0, 2**32 - 1))
def test_clicker_agrees_with_a_reference_of_ritms_rule(mask: np.ndarray, truth: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ignore, clicked = rng.random((7, 9)) < 0.1, rng.random((7, 9)) < 0.1
    assert error_centre(mask, truth, ignore, clicked) == ritm(mask, truth, ignore, clicked)


@pytest.mark.parametrize("seed", range(20))
def test_clicker_agrees_on_larger_shapes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, columns = np.ogrid[:17, :23]
    truth, mask = (
        sum(((rows - y) ** 2 + (columns - x) ** 2 <= r**2) for y, x, r in rng.uniform(2, 14, (3, 3))) > 0
        for _ in range(2)
    )
    nothing = np.zeros_like(truth)
    assert error_centre(mask, truth) == ritm(mask, truth, nothing, nothing)
