import numpy as np
import pytest

from backend.dialogues import Region
from backend.labeling_config import ConfigurationError, Control, LabelingConfig
from backend.regions import fingerprint, on_screen, read_region, read_request, region_id, write_region
from squeezesam_core import masks
from squeezesam_core.errors import InvalidImageError, InvalidPromptError
from squeezesam_core.shapes import Shape

IMAGE = (200, 100)
BRUSH = Control("brush", ("Cat", "Dog"), "brushlabels")
POLYGON = Control("poly", ("Cat",), "polygonlabels")
CONFIG = LabelingConfig(
    "image",
    "image",
    (BRUSH, POLYGON),
    Control("kp", ("Cat",), "keypointlabels"),
    Control("box", ("Cat",), "rectanglelabels"),
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


def drawn(identifier, mask, label="Cat", control="brush"):
    return write_region(Region(identifier, label, control, Shape.of(mask)), 0.5, CONFIG)


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
    task = {"drafts": [{"result": [keypoint(identifier="forgotten", is_positive=False), {"id": "no-sign"}]}]}
    marks = read_request(task, drawn, CONFIG, IMAGE).marks
    assert [(mark.drawn.x, mark.drawn.y, mark.drawn.positive) for mark in marks] == points
    assert [mark.label for mark in marks] == [label] * len(points)


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
    asked = read_request({}, [rectangle(**value)], CONFIG, IMAGE).marks[0].drawn
    assert (asked.x0, asked.y0, asked.x1, asked.y1) == pytest.approx(box, abs=1e-3)


@pytest.mark.parametrize(
    ("prompts", "error", "cause"),
    [
        ([drawn("b", square(0, 0))], InvalidPromptError, "neither"),
        ([rectangle("Background")], InvalidPromptError, "background"),
        ([keypoint(x=None)], InvalidPromptError, "not a number"),
        ([keypoint(x="left")], InvalidPromptError, "cannot be read"),
        ([keypoint(x=float("nan"))], InvalidPromptError, "not a number"),
        ([{"type": "keypointlabels"}], InvalidPromptError, "cannot be read"),
        ([rectangle(width=0)], InvalidPromptError, "empty"),
        ([keypoint(image_rotation=90)], InvalidPromptError, "turned"),
        ([keypoint(original_width=100, original_height=200)], InvalidImageError, "100x200"),
        ([keypoint(label="Cow")], ConfigurationError, "Cow"),
        ([{**keypoint(), "value": {"x": 1, "y": 1, "keypointlabels": []}}], InvalidPromptError, "cannot be read"),
    ],
    ids=[
        "brush-only",
        "background-box",
        "null",
        "text",
        "nan",
        "bare",
        "empty-box",
        "turned",
        "other-size",
        "unknown-label",
        "no-label",
    ],
)
def test_what_cannot_be_used_is_named(prompts, error, cause):
    with pytest.raises(error, match=cause):
        read_request({}, prompts, CONFIG, IMAGE)


def test_the_draft_tells_whose_request_it_is_and_what_is_drawn():
    draft = {
        "id": 5,
        "user": "ann@example.com",
        "updated_at": "2026-01-02T00:00:00Z",
        "result": [
            keypoint(identifier="k", is_positive=False),
            rectangle(),
            drawn("b", square(0, 0)),
            {"from_name": "kp"},
        ],
    }
    annotation = {"id": 7, "updated_at": "2026-01-01T00:00:00Z"}
    asked = read_request({"drafts": [draft], "annotations": [annotation]}, [keypoint()], CONFIG, IMAGE)
    assert asked.user == "ann@example.com"
    assert [(mark.id, mark.type) for mark in asked.saved] == [("k", "keypointlabels"), ("r", "rectanglelabels")]
    assert asked.stamp == (("drafts", "5", draft["updated_at"]), ("annotations", "7", annotation["updated_at"]))
    assert [mark.drawn.positive for mark in asked.marks] == [False]


def test_nothing_drawn_is_a_request_too():
    assert read_request({"drafts": None}, [], CONFIG, IMAGE).marks == ()


LEFT, RIGHT = drawn("left", square(10, 10)), drawn("right", square(150, 60))
OLD = "2026-01-01T00:00:00Z"
NEW = "2026-01-02T00:00:00Z"


@pytest.mark.parametrize(
    ("task", "found"),
    [
        ({}, []),
        ({"predictions": [{"result": [LEFT, RIGHT]}]}, ["left", "right"]),
        ({"predictions": [{"result": [LEFT], "updated_at": OLD}, {"result": [RIGHT], "updated_at": NEW}]}, ["right"]),
        ({"predictions": [{"result": [LEFT]}], "drafts": [{"result": [RIGHT]}]}, ["right"]),
        ({"predictions": [{"result": [LEFT]}], "drafts": [{"result": []}]}, []),
        (
            {
                "annotations": [{"result": [LEFT], "updated_at": OLD}],
                "drafts": [{"result": [RIGHT], "updated_at": NEW}],
            },
            ["right"],
        ),
        (
            {"predictions": [{"result": [LEFT]}], "annotations": [{"result": [], "was_cancelled": True}]},
            ["left"],
        ),
        ({"predictions": [{"result": [{**LEFT, "original_width": 100}]}]}, []),
        ({"predictions": [{"result": [{**LEFT, "from_name": "x"}]}]}, []),
        ({"predictions": [{"result": [{**LEFT, "to_name": "second"}]}]}, []),
        ({"predictions": [{"result": [drawn("poly", square(0, 0), control="poly"), keypoint()]}]}, ["poly"]),
        ({"predictions": [{"result": [None, {"value": None}, {**LEFT, "value": {"rle": []}}]}]}, []),
    ],
    ids=[
        "nothing",
        "a prediction",
        "newest prediction",
        "draft over prediction",
        "deleted in draft",
        "newest saved",
        "skipped",
        "other size",
        "other control",
        "other image",
        "polygon",
        "damaged",
    ],
)
def test_what_is_on_screen(task, found):
    assert [result["id"] for result in on_screen(task, CONFIG, IMAGE)] == found


@pytest.mark.parametrize("control", ["brush", "poly"])
def test_a_region_keeps_its_mask_size_and_id_through_label_studio(control):
    mask = square(10, 10)
    written = drawn("an id", mask, control=control)
    assert (written["original_width"], written["original_height"]) == IMAGE
    assert (written["from_name"], written["to_name"]) == (control, "image")
    [result] = on_screen({"predictions": [{"result": [written]}]}, CONFIG, IMAGE)
    read = read_region(result, CONFIG)
    assert (read.id, read.label, read.control) == ("an id", "Cat", control)
    np.testing.assert_array_equal(read.shape.mask(), mask)


def test_a_polygon_is_a_closed_ring_in_percent():
    value = drawn("p", square(10, 10), control="poly")["value"]
    assert value["closed"]
    assert value["polygonlabels"] == ["Cat"]
    assert sorted(map(tuple, value["points"])) == [(5, 10), (5, 30), (15, 10), (15, 30)]


def test_a_hole_survives_a_polygon():
    mask = square(10, 10, 60)
    mask[30:50, 30:50] = False
    written = drawn("p", mask, control="poly")
    assert masks.iou(read_region(written, CONFIG).shape.mask(), mask) > 0.97


def test_a_damaged_polygon_is_named():
    broken = drawn("p", square(0, 0), control="poly")
    broken["value"]["points"] = [[1, 2, 3], "x"]
    with pytest.raises(InvalidPromptError, match="polygon p"):
        read_region(broken, CONFIG)


def test_a_changed_region_has_another_fingerprint():
    same, moved, renamed = drawn("left", square(10, 10)), drawn("left", square(11, 10)), drawn("x", square(10, 10))
    assert fingerprint(LEFT) == fingerprint(same)
    assert len({fingerprint(region) for region in (LEFT, moved, renamed, RIGHT)}) == 4


def test_ids_are_the_same_every_time_and_differ_between_objects():
    assert region_id(7, "brush", "Cat") == region_id(7, "brush", "Cat")
    ids = {
        region_id(task, "brush", label, at) for task in range(50) for label in ("Cat", "Dog") for at in ("", "a", "b")
    }
    assert len(ids) == 300
    assert {len(identifier) for identifier in ids} == {20}
