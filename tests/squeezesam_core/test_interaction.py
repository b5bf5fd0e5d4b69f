"""What a prediction starts from."""

import numpy as np
import pytest

from squeezesam_core.interaction import correction, edited, first_previous, inside_box, obeying, obeying_runs
from squeezesam_core.prompts import MAX_POINTS, Box, Point, Prompt
from squeezesam_core.runs import Runs
from squeezesam_core.shapes import Shape

IMAGE = (200, 100)
MAP = np.zeros((50, 50), np.float32)
MAP[10:30, 10:30] = 0.9
MAP[40:, 40:] = 0.4


@pytest.mark.parametrize(
    ("prompt", "starts"),
    [
        (Prompt((Point(60, 40),)), True),
        (Prompt((Point(10, 10),)), False),
        (Prompt((Point(190, 95),)), False),
        (Prompt((Point(60, 40), Point(10, 10))), False),
        (Prompt((Point(60, 40), Point(10, 10, positive=False))), True),
        (Prompt((Point(200, 100),)), False),
        (Prompt((Point(60, 40, positive=False),)), False),
        (Prompt(), False),
        (Prompt(box=Box(40, 20, 120, 60)), True),
        (Prompt(box=Box(100, 20, 200, 60)), True),
        (Prompt(box=Box(116, 20, 200, 100)), False),
        (Prompt(box=Box(-9, -9, 20, 15)), False),
        (Prompt((Point(10, 10),), Box(40, 20, 120, 60)), False),
    ],
    ids=[
        "on it",
        "beside it",
        "on a faint part",
        "one beside it",
        "background beside it",
        "far corner",
        "background only",
        "nothing",
        "box around it",
        "box over enough",
        "box over too little",
        "box elsewhere",
        "box and a click beside it",
    ],
)
def test_map_is_the_start_where_it_agrees(prompt: Prompt, starts: bool) -> None:
    assert first_previous(MAP, prompt, IMAGE) is (MAP if starts else None)


def test_no_map_no_start() -> None:
    assert first_previous(None, Prompt((Point(60, 40),)), IMAGE) is None


SHOWN = np.zeros((100, 200), bool)
SHOWN[20:80, 40:120] = True
SHOWN[90:95, 150:155] = True
ADDED = Point(150, 50)
OFF_LEFT = Point(60, 35, positive=False)
LARGE = np.kron(SHOWN, np.ones((10, 10), bool))


@pytest.mark.parametrize(
    ("mask", "prompt", "stand_ins"),
    [
        (SHOWN, Prompt((ADDED,)), [(80, 50), (60, 35), (100, 35), (60, 65), (100, 65)]),
        (LARGE, Prompt((Point(1500, 500),)), [(800, 500), (600, 350), (1000, 350), (600, 650), (1000, 650)]),
        (SHOWN, Prompt((OFF_LEFT,)), [(80, 50), (100, 35), (60, 65), (100, 65)]),
        (SHOWN, Prompt((OFF_LEFT, OFF_LEFT)), [(100, 35), (100, 65)]),
        (SHOWN, Prompt((ADDED,) * MAX_POINTS), []),
        (SHOWN, Prompt(box=Box(40, 20, 120, 80)), []),
        (np.zeros_like(SHOWN), Prompt((ADDED,)), []),
    ],
    ids=[
        "of the largest part",
        "of a large photo",
        "not where a background click is",
        "nor near several",
        "no room",
        "a box",
        "no mask",
    ],
)
def test_mask_on_screen_speaks_by_clicks_of_its_own(
    mask: np.ndarray, prompt: Prompt, stand_ins: list[tuple[float, float]]
) -> None:
    asked = correction(prompt, mask)
    count = len(asked.points) - len(prompt.points)
    assert asked.points[count:] == prompt.points
    assert asked.box == prompt.box
    pixel = max(mask.shape) / 200
    assert np.array([(p.x, p.y) for p in asked.points[:count]]).reshape(-1, 2) == pytest.approx(
        np.array(stand_ins).reshape(-1, 2), abs=1.5 * pixel
    )
    assert all(p.positive for p in asked.points[:count])


@pytest.mark.parametrize(
    ("box", "left"),
    [
        (None, 20 * 20),
        (Box(0, 0, 100, 50), 20 * 20),
        (Box(15, 12, 200, 20), 15 * 8),
        (Box(15.5, 12.5, 17.5, 13.5), 3 * 2),
        (Box(60, 40, 90, 50), 0),
        (Box(-9, -9, -1, -1), 0),
    ],
    ids=["no box", "around it", "part of it", "pixels that it touches", "elsewhere", "outside the image"],
)
def test_a_box_leaves_what_lies_inside(box: Box | None, left: int) -> None:
    mask = np.zeros((50, 100), bool)
    mask[10:30, 10:30] = True
    kept = inside_box(mask, box)
    assert kept.sum() == left
    assert not (kept & ~mask).any()
    assert mask.sum() == 20 * 20


def rectangle(x, y, width, height):
    mask = np.zeros((300, 400), bool)
    mask[y : y + height, x : x + width] = True
    return Shape.of(mask)


LEFT, RIGHT, INNER = rectangle(20, 20, 100, 100), rectangle(280, 180, 100, 100), rectangle(50, 50, 20, 20)
NOTHING = rectangle(0, 0, 0, 0)
ALL = (LEFT, RIGHT, INNER, NOTHING)


@pytest.mark.parametrize(
    ("drawn", "shapes", "under_way", "found"),
    [
        (Point(30, 30), (), 0, None),
        (Point(30, 30), (NOTHING,), 0, None),
        (Point(110, 110), ALL, 0, LEFT),
        (Point(55, 55), ALL, 0, INNER),
        (Point(55, 55), ALL, 1, LEFT),
        (Point(55, 55), ALL, 3, INNER),
        (Point(260, 200), ALL, 0, RIGHT),
        (Point(165, 100), ALL, 0, LEFT),
        (Point(180, 20), ALL, 0, None),
        (Point(180, 20), ALL, 1, LEFT),
        (Point(180, 20), ALL, 3, LEFT),
        (Point(240, 20), ALL, 1, None),
        (Point(399, 10, positive=False), ALL, 0, RIGHT),
        (Point(110, 110, positive=False), ALL, 0, LEFT),
        (Point(0, 0), (RIGHT,), 0, None),
        (Box(10, 10, 130, 130), ALL, 0, LEFT),
        (Box(45, 45, 75, 75), ALL, 0, INNER),
        (Box(20, 20, 75, 60), ALL, 0, LEFT),
        (Box(20, 20, 60, 50), ALL, 0, None),
        (Box(20, 20, 60, 50), ALL, 1, LEFT),
        (Box(150, 20, 250, 120), ALL, 0, None),
        (Box(0, 0, 400, 300), ALL, 0, None),
    ],
    ids=[
        "nothing on screen",
        "only an empty mask",
        "inside",
        "inside two: the smaller",
        "inside two: the one being corrected",
        "inside two being corrected: the smaller",
        "beside",
        "within reach",
        "far from all",
        "farther from what is being corrected",
        "of several being corrected, the one in reach",
        "far from that too",
        "a background click never asks for a new object",
        "a background click inside",
        "far from the only one",
        "box around",
        "box around the inner one",
        "box on a part",
        "box on a small part",
        "box on a small part of what is being corrected",
        "box elsewhere",
        "box around everything",
    ],
)
def test_which_mask_a_prompt_edits(drawn, shapes, under_way, found):
    index = edited(drawn, shapes, under_way)
    assert (None if index is None else shapes[index]) is found


HALF = np.zeros((100, 200), bool)
HALF[:, :100] = True


@pytest.mark.parametrize(
    ("points", "holds", "lacks"),
    [
        ([Point(50, 50)], [(50, 50)], [(150, 50)]),
        ([Point(150, 50)], [(150, 50), (152, 50), (50, 50)], [(160, 50)]),
        ([Point(50, 50, positive=False)], [(60, 50)], [(50, 50), (48, 50)]),
        ([Point(150, 50), Point(150, 50, positive=False)], [(50, 50)], [(150, 50)]),
        ([Point(200, 100), Point(0, 0, positive=False)], [(199, 99)], [(0, 0)]),
    ],
    ids=["followed already", "drawn in", "cut out", "the later click wins", "corners"],
)
@pytest.mark.parametrize("dtype", [bool, np.float32])
def test_every_click_has_effect(points, holds, lacks, dtype):
    shown = HALF.astype(dtype)
    drawn = obeying(shown, points, (200, 100))
    assert drawn.dtype == shown.dtype
    assert all(drawn[y, x] for x, y in holds)
    assert not any(drawn[y, x] for x, y in lacks)
    np.testing.assert_array_equal(shown, HALF)
    np.testing.assert_array_equal(obeying_runs(Runs.of(HALF), points).mask(), drawn > 0.5)


def test_a_click_on_a_map_of_another_size():
    drawn = obeying(HALF.astype(np.float32), [Point(1500, 500)], (2000, 1000))
    assert drawn[50, 150] == 1
    assert drawn.sum() - HALF.sum() < 100
