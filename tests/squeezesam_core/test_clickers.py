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
