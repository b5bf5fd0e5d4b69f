import numpy as np
import pytest

from backend.labeling_config import ConfigurationError, Control, LabelingConfig
from backend.regions import LabelledPrompt, Region, read_prompt, region_id, region_on_screen, write_region
from squeezesam_core.errors import InvalidImageError, InvalidPromptError
from squeezesam_core.prompts import Box, Point, Prompt

IMAGE = (200, 100)
CONFIG = LabelingConfig(
    "image", "image", Control("brush", ("Cat", "Dog")), Control("kp", ("Cat",)), Control("box", ("Cat",))
)
FRAME = {"original_width": 200, "original_height": 100, "image_rotation": 0}


def keypoint(x=50, y=50, label="Cat", identifier="k", **more):
    value = {"x": x, "y": y, "width": 0.2, "keypointlabels": [label]}
    return {**FRAME, "type": "keypointlabels", "from_name": "kp", "id": identifier, "value": value, **more}


def rectangle(label="Cat", **value):
    value = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0, "rectanglelabels": [label], **value}
    return {**FRAME, "type": "rectanglelabels", "from_name": "box", "id": "r", "value": value}


def square(x, y, size=20):
    mask = np.zeros((100, 200), bool)
    mask[y : y + size, x : x + size] = True
    return mask


def brush(identifier, mask, label="Cat"):
    return write_region(Region(identifier, label, mask), 0.5, CONFIG)


@pytest.mark.parametrize(
    ("drawn", "points", "label"),
    [
        ([keypoint(is_positive=True)], [(100, 50, True)], "Cat"),
        ([keypoint(is_positive=False)], [(100, 50, False)], "Cat"),
        ([keypoint()], [(100, 50, True)], "Cat"),
        ([keypoint(identifier="forgotten")], [(100, 50, False)], "Cat"),
        ([keypoint(label="background", is_positive=True)], [(100, 50, False)], None),
        ([keypoint(0, 0), keypoint(100.00001, 100)], [(0, 0, True), (200, 100, True)], "Cat"),
        ([keypoint(label="Dog", is_positive=True)], [(100, 50, True)], "Dog"),
    ],
    ids=["add", "remove", "no-sign", "sign-in-draft", "background-label", "corners", "other-label"],
)
def test_clicks(drawn, points, label):
    task = {"drafts": [{"result": [{"id": "forgotten", "is_positive": False}, {"id": "no-sign"}]}]}
    asked = read_prompt(task, drawn, CONFIG, IMAGE)
    assert [(p.x, p.y, p.positive) for p in asked.prompt.points] == points
    assert asked.label == label


@pytest.mark.parametrize(
    ("value", "box"),
    [
        ({}, (20, 20, 80, 60)),
        ({"rotation": 90, "x": 50}, (60, 20, 100, 80)),
        ({"rotation": 45, "x": 50, "y": 10, "width": 10, "height": 20}, (85.858, 10, 114.142, 38.284)),
        ({"rotation": 360}, (20, 20, 80, 60)),
        ({"x": 90, "y": 80}, (180, 80, 200, 100)),
    ],
    ids=["upright", "quarter", "eighth", "full", "clipped"],
)
def test_rectangles_become_the_box_around_them(value, box):
    asked = read_prompt({}, [rectangle(**value)], CONFIG, IMAGE).prompt.box
    assert (asked.x0, asked.y0, asked.x1, asked.y1) == pytest.approx(box, abs=1e-3)


def test_the_last_rectangle_counts():
    assert read_prompt({}, [rectangle(), rectangle(x=0)], CONFIG, IMAGE).prompt.box.x0 == 0


@pytest.mark.parametrize(
    ("drawn", "error", "cause"),
    [
        ([], InvalidPromptError, "neither"),
        ([brush("b", square(0, 0))], InvalidPromptError, "neither"),
        ([keypoint(x=None)], InvalidPromptError, "not a number"),
        ([keypoint(x="left")], InvalidPromptError, "cannot be read"),
        ([keypoint(x=float("nan"))], InvalidPromptError, "not a number"),
        ([{"type": "keypointlabels"}], InvalidPromptError, "cannot be read"),
        ([rectangle(width=0)], InvalidPromptError, "empty"),
        ([keypoint(image_rotation=90)], InvalidPromptError, "turned"),
        ([keypoint(original_width=100, original_height=200)], InvalidImageError, "100x200"),
        ([keypoint(label="Cow")], ConfigurationError, "Cow"),
    ],
    ids=["empty", "brush-only", "null", "text", "nan", "bare", "empty-box", "turned", "other-size", "unknown-label"],
)
def test_what_cannot_be_used_is_named(drawn, error, cause):
    with pytest.raises(error, match=cause):
        read_prompt({}, drawn, CONFIG, IMAGE)


LEFT, RIGHT, DOG = brush("left", square(10, 10)), brush("right", square(150, 60)), brush("dog", square(100, 40), "Dog")
OLD = "2026-01-01T00:00:00Z"
NEW = "2026-01-02T00:00:00Z"


@pytest.mark.parametrize(
    ("task", "prompt", "label", "found"),
    [
        ({}, Prompt((Point(20, 20),)), "Cat", None),
        ({"predictions": [{"result": [LEFT]}]}, Prompt((Point(190, 90),)), "Cat", "left"),
        ({"predictions": [{"result": [LEFT, RIGHT]}]}, Prompt((Point(160, 70),)), "Cat", "right"),
        ({"predictions": [{"result": [LEFT, RIGHT]}]}, Prompt((Point(50, 20),)), "Cat", "left"),
        ({"predictions": [{"result": [LEFT, RIGHT]}]}, Prompt((Point(190, 90), Point(20, 20, False))), "Cat", "right"),
        ({"predictions": [{"result": [LEFT, RIGHT]}]}, Prompt((Point(160, 70, False),)), None, "right"),
        ({"predictions": [{"result": [LEFT, RIGHT]}]}, Prompt(box=Box(140, 50, 180, 90)), "Cat", "right"),
        ({"predictions": [{"result": [LEFT, DOG]}]}, Prompt((Point(20, 20),)), "Dog", "dog"),
        ({"predictions": [{"result": [LEFT]}]}, Prompt((Point(20, 20),)), "Dog", None),
        (
            {"predictions": [{"result": [LEFT], "updated_at": OLD}, {"result": [RIGHT], "updated_at": NEW}]},
            Prompt((Point(20, 20),)),
            "Cat",
            "right",
        ),
        (
            {"predictions": [{"result": [LEFT]}], "drafts": [{"result": [RIGHT]}]},
            Prompt((Point(20, 20),)),
            "Cat",
            "right",
        ),
        ({"predictions": [{"result": [LEFT]}], "drafts": [{"result": []}]}, Prompt((Point(20, 20),)), "Cat", None),
        (
            {
                "annotations": [{"result": [LEFT], "updated_at": OLD}],
                "drafts": [{"result": [RIGHT], "updated_at": NEW}],
            },
            Prompt((Point(20, 20),)),
            "Cat",
            "right",
        ),
        (
            {"predictions": [{"result": [LEFT]}], "annotations": [{"result": [], "was_cancelled": True}]},
            Prompt((Point(20, 20),)),
            "Cat",
            "left",
        ),
        ({"predictions": [{"result": [{**LEFT, "original_width": 100}]}]}, Prompt((Point(20, 20),)), "Cat", None),
        ({"predictions": [{"result": [{**LEFT, "from_name": "x"}]}]}, Prompt((Point(20, 20),)), "Cat", None),
        (
            {"predictions": [{"result": [brush("none", square(0, 0, 0)), RIGHT]}]},
            Prompt((Point(9, 9),)),
            "Cat",
            "right",
        ),
    ],
    ids=[
        "nothing",
        "only-one",
        "under",
        "nearest",
        "positive-decides",
        "background-click",
        "box",
        "same-label",
        "no-such-label",
        "newest-prediction",
        "draft-over-prediction",
        "deleted-in-draft",
        "newest-saved",
        "skipped",
        "other-image",
        "other-brush",
        "empty-mask",
    ],
)
def test_which_region_a_prompt_edits(task, prompt, label, found):
    region = region_on_screen(task, LabelledPrompt(prompt, label), CONFIG, IMAGE)
    assert (region and region.id) == found


def test_a_region_keeps_its_mask_size_and_id_through_label_studio():
    mask = square(10, 10)
    written = write_region(Region("an id", "Dog", mask), 0.5, CONFIG)
    assert (written["original_width"], written["original_height"]) == IMAGE
    assert (written["from_name"], written["to_name"], written["value"]["format"]) == ("brush", "image", "rle")
    read = region_on_screen({"predictions": [{"result": [written]}]}, LabelledPrompt(Prompt(), None), CONFIG, IMAGE)
    assert (read.id, read.label) == ("an id", "Dog")
    np.testing.assert_array_equal(read.mask, mask)


def test_ids_are_the_same_every_time_and_differ_between_objects():
    assert region_id(7, CONFIG, "Cat") == region_id(7, CONFIG, "Cat")
    ids = {
        region_id(task, CONFIG, label, index) for task in range(50) for label in ("Cat", "Dog") for index in range(3)
    }
    assert len(ids) == 300
    assert {len(identifier) for identifier in ids} == {20}
