"""A teacher's mask of a box: which of its masks is taken, and when it is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from squeezesam_core.coco_masks import encode
from squeezesam_core.prompts import Box
from squeezesam_core.records import Problem
from training.datasets.box_teacher import draw, jittered, map_agreement
from training.datasets.boxes import overlap, read_boxes

SIZE = (100, 80)
BOX = Box(20, 10, 60, 50)


def filled(box: Box, share: float = 1.0) -> np.ndarray:
    """(80, 100) bool: the box, or its upper part and its corners."""
    mask = np.zeros(SIZE[::-1], bool)
    x0, y0, x1, y1 = (round(value) for value in (box.x0, box.y0, box.x1, box.y1))
    mask[y0 : y0 + round((y1 - y0) * share), x0:x1] = True
    return mask


class Scripted:
    """Answers every box by `answer(box)`, with three masks of which only the second is it."""

    version = "scripted"

    def __init__(self, answer) -> None:
        self._answer = answer

    def embed(self, image: np.ndarray) -> None:
        return None

    def predict(self, embedding, points, labels, box=None, previous_logits=None):
        mask = self._answer(Box(*box))
        nothing = np.zeros_like(mask)
        return np.stack([nothing, mask, mask & filled(Box(20, 10, 30, 20))]), np.array([0.99, 0.9, 0.95]), None


def flickering(box: Box) -> np.ndarray:
    return filled(BOX) if box == BOX else filled(BOX, 0.5)


def ring(box: Box) -> np.ndarray:
    mask = filled(box)
    mask[12:48, 22:58] = False
    return mask


RIGHT, HALF = filled(BOX).astype(np.float32), filled(BOX, 0.65).astype(np.float32)
ELSEWHERE = filled(Box(70, 10, 95, 50)).astype(np.float32)


@pytest.mark.parametrize(
    ("answer", "saliency", "refused"),
    [
        (filled, None, None),
        (lambda box: filled(Box(0, 0, 90, 70)), None, "another extent than the box"),
        (lambda box: filled(box, 0.5), None, "another extent than the box"),
        (lambda box: filled(Box(20, 10, 21, 11)), None, "too small or too large"),
        (lambda box: np.zeros(SIZE[::-1], bool), None, "too small or too large"),
        (ring, None, "hardly fills the box"),
        (flickering, None, "unstable"),
        (filled, RIGHT, None),
        (filled, HALF, "disagrees with the map"),
        (filled, ELSEWHERE, None),
        (filled, RIGHT * 0.5, None),
    ],
    ids=[
        "right", "larger than the box", "half of it", "a speck", "nothing", "a ring", "unstable", "the map agrees",
        "the map shows a part", "the map shows another object", "the map is unsure",
    ],
)  # fmt: skip
def test_checks(answer, saliency: np.ndarray | None, refused: str | None) -> None:
    drawing = draw(Scripted(answer), None, BOX, SIZE, saliency, seed=0)
    assert drawing.refused == refused
    if refused is None:
        assert np.array_equal(drawing.mask, filled(BOX))
        assert drawing.score == pytest.approx(0.9)
        assert drawing.extent == 1
        assert drawing.stability > 0.85


def test_agreement_is_known_only_where_both_speak_of_one_object() -> None:
    assert map_agreement(filled(BOX), BOX, RIGHT) == 1
    assert map_agreement(filled(BOX), BOX, ELSEWHERE) is None
    assert map_agreement(filled(BOX), BOX, np.zeros_like(RIGHT)) is None


@given(st.floats(0, 40), st.floats(0, 30), st.floats(5, 60), st.floats(5, 50), st.integers(0, 99))
def test_jittered_boxes_stay_near_and_inside(x: float, y: float, width: float, height: float, seed: int) -> None:
    box = Box(x, y, x + width, y + height)
    other = jittered(box, SIZE, np.random.default_rng(seed))
    assert 0 <= other.x0 < other.x1 <= SIZE[0]
    assert 0 <= other.y0 < other.y1 <= SIZE[1]
    assert overlap(box, other) > 0.8


def boxes_file(path: Path, *annotations: dict, **image: object) -> Path:
    images = [{"id": 3, "file_name": "a.jpg", "width": 100, "height": 80} | image]
    path.write_text(json.dumps({"images": images, "annotations": list(annotations)}))
    return path


def test_boxes_of_objects_that_have_a_mask_are_left_out(tmp_path: Path, photos, reported: list) -> None:
    rle = encode(filled(BOX))
    mask = {"id": 1, "image_id": 8, "segmentation": {"size": rle["size"], "counts": rle["counts"].decode()}}
    known = boxes_file(tmp_path / "masks.json", mask, id=8, file_name="a.webp")
    records = [
        {"id": 1, "image_id": 3, "bbox": [21, 10, 40, 40]},
        {"id": 2, "image_id": 3, "bbox": [70, 10, 20, 40], "category_id": 5},
        {"id": 3, "image_id": 3, "bbox": [70, 10, 20, 40], "iscrowd": 1},
    ]
    path = boxes_file(tmp_path / "annotations.json", *records)
    (photo,) = read_boxes(path, photos("a.jpg"), reported.append, known)
    assert (photo.name, photo.size) == ("a.jpg", (100, 80))
    assert [(record.identifier, record.category) for record in photo.boxes] == [(2, 5)]
    assert photo.boxes[0].box == Box(70, 10, 90, 50)
    assert not reported


@pytest.mark.parametrize(
    "bbox",
    [None, [1, 2, 3], [1, 2, "x", 4], [200, 0, 10, 10], [1, 1, float("nan"), 5], [1, 1, -5, 5]],
    ids=["none", "three numbers", "a word", "off the photo", "not a number", "negative"],
)
def test_bad_boxes_are_left_out(bbox: object, tmp_path: Path, photos, reported: list) -> None:
    path = boxes_file(tmp_path / "annotations.json", {"id": 7, "image_id": 3, "bbox": bbox})
    assert list(read_boxes(path, photos("a.jpg"), reported.append)) == []
    assert [(error.problem, error.record) for error in reported] == [(Problem.MALFORMED, "annotation 7")]
