"""Prompts: what is refused, and what the network is told."""

import math

import pytest

from squeezesam_core.errors import InvalidPromptError
from squeezesam_core.prompts import MAX_POINTS, Box, Point, Prompt

IMAGE = (200, 100)


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt(),
        Prompt((Point(0, 0), Point(200, 100, positive=False))),
        Prompt(box=Box(-5, -5, 205, 105)),
        Prompt(tuple(Point(1, 1) for _ in range(MAX_POINTS))),
    ],
    ids=["empty", "corners", "box beyond the edges", "most clicks"],
)
def test_accepted(prompt: Prompt) -> None:
    prompt.check(IMAGE)


@pytest.mark.parametrize(
    ("prompt", "named"),
    [
        (Prompt((Point(math.nan, 1),)), "not a number"),
        (Prompt((Point(1, math.inf),)), "not a number"),
        (Prompt((Point(200.1, 1),)), "200.1"),
        (Prompt((Point(1, -0.1),)), "200x100"),
        (Prompt(tuple(Point(1, 1) for _ in range(MAX_POINTS + 1))), str(MAX_POINTS + 1)),
        (Prompt(box=Box(1, 1, math.nan, 2)), "numbers"),
        (Prompt(box=Box(5, 5, 5, 9)), "empty"),
        (Prompt(box=Box(9, 5, 5, 9)), "empty"),
        (Prompt(box=Box(200, 5, 220, 9)), "outside"),
        (Prompt(box=Box(-9, 5, 0, 9)), "outside"),
    ],
    ids=["nan", "inf", "right", "above", "too many", "nan box", "flat box", "swapped box", "box right", "box left"],
)
def test_refused(prompt: Prompt, named: str) -> None:
    with pytest.raises(InvalidPromptError, match=named) as caught:
        prompt.check(IMAGE)
    assert caught.value.remedy


def test_coordinates_and_labels_are_clicks_then_corners() -> None:
    prompt = Prompt((Point(1, 2), Point(3, 4, positive=False)), Box(5, 6, 7, 8))
    assert prompt.coordinates().tolist() == [[1, 2], [3, 4], [5, 6], [7, 8]]
    assert prompt.labels().tolist() == [1, 0, 2, 3]
    assert prompt.positive == (Point(1, 2),)
    assert Prompt().coordinates().shape == (0, 2)
