"""Teachers over folders: what is written, that a stop loses nothing, and that a bad photo stops nothing."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from squeezesam_core.coco import read_coco
from squeezesam_core.errors import InvalidDatasetError
from squeezesam_core.prompts import Box
from squeezesam_core.records import Mask, PhotoFolder, Problem, Sample
from training.datasets.boxes import BoxedPhoto, BoxRecord
from training.datasets.measure import ACCEPTED, Measured, Quality, by_verdict, measure
from training.datasets.teach import teach_boxes, teach_maps
from training.datasets.teacher import is_sure, read_map

BOX = Box(20, 10, 60, 50)


class FillsBoxes:
    """Every box is its own mask; counts the photos it was shown."""

    version = "fills-boxes"

    def __init__(self) -> None:
        self.shown = 0

    def embed(self, image: np.ndarray) -> tuple[int, int]:
        self.shown += 1
        return image.shape[:2]

    def predict(self, embedding, points, labels, box=None, previous_logits=None):
        mask = np.zeros(embedding, bool)
        x0, y0, x1, y1 = np.round(box).astype(int)
        mask[y0:y1, x0:x1] = True
        return mask[None], np.array([0.9]), None


def boxed(folder: Path, *names: str, boxes: tuple[Box, ...] = (BOX,)) -> list[BoxedPhoto]:
    folder.mkdir(exist_ok=True)
    for name in names:
        Image.new("RGB", (100, 80)).save(folder / name)
    records = tuple(BoxRecord(number, 1, box) for number, box in enumerate(boxes))
    return [BoxedPhoto(name, folder / name, (100, 80), records) for name in names]


def nothing(_: Path) -> None:
    return None


def test_masks_are_written_as_coco_with_teacher_and_score(tmp_path: Path) -> None:
    photos = boxed(tmp_path / "images", "a.png", "b.png", boxes=(BOX, Box(0, 0, 2, 2)))
    out = tmp_path / "taught" / "masks.json"
    *_, lesson = teach_boxes(FillsBoxes(), photos, out, nothing, pytest.fail)
    assert (lesson.photos, lesson.accepted, dict(lesson.refused)) == (2, 2, {"too small or too large": 2})
    document = json.loads(out.read_text())
    assert document["info"]["teacher"] == "fills-boxes"
    first = document["annotations"][0]
    assert (first["teacher"], first["score"], first["checks"]["extent"]) == ("fills-boxes", 0.9, 1.0)
    assert first["bbox"] == [20, 10, 40, 40]
    samples = read_coco(out, PhotoFolder(tmp_path / "images", pytest.fail), pytest.fail)
    assert [sample.name for sample in samples] == ["a", "b"]
    (reference,) = samples[0].masks
    assert reference.teacher == "fills-boxes"
    assert reference.decode().object[10:50, 20:60].all()


def test_a_stopped_lesson_goes_on_where_it_was(tmp_path: Path) -> None:
    photos = boxed(tmp_path / "images", "a.png", "b.png", "c.png")
    out, teacher = tmp_path / "masks.json", FillsBoxes()
    lessons = teach_boxes(teacher, photos, out, nothing, pytest.fail)
    next(lessons)
    lessons.close()  # as Ctrl-C does
    assert len(json.loads(out.read_text())["images"]) == 1
    with (tmp_path / "masks.json.journal").open("a") as journal:
        journal.write('{"file_name": "b.p')  # as a power cut does
    *_, lesson = teach_boxes(teacher, photos, out, nothing, pytest.fail)
    assert lesson.photos == 3
    assert teacher.shown == 3
    written = json.loads(out.read_text())
    assert [image["file_name"] for image in written["images"]] == ["a.png", "b.png", "c.png"]
    assert [annotation["id"] for annotation in written["annotations"]] == [1, 2, 3]


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda path: path.write_bytes(b"x"), Problem.UNREADABLE_PHOTO),
        (lambda path: Image.new("RGB", (90, 80)).save(path), Problem.WRONG_SIZE),
    ],
    ids=["unreadable", "another size"],
)
def test_a_bad_photo_is_left_out_and_tried_again(spoil, problem: Problem, tmp_path: Path, reported: list) -> None:
    photos = boxed(tmp_path / "images", "a.png", "b.png")
    spoil(tmp_path / "images" / "a.png")
    *_, lesson = teach_boxes(FillsBoxes(), photos, tmp_path / "m.json", nothing, reported.append)
    assert lesson.photos == 1
    assert [error.problem for error in reported] == [problem]
    photos = boxed(tmp_path / "images", "a.png", "b.png")
    *_, lesson = teach_boxes(FillsBoxes(), photos, tmp_path / "m.json", nothing, pytest.fail)
    assert lesson.photos == 2


def test_the_map_of_a_photo_is_asked(tmp_path: Path) -> None:
    photos = boxed(tmp_path / "images", "a.png")
    saliency = np.zeros((40, 50), np.float32)
    saliency[5:19, 10:30] = 1  # two thirds of the box
    *_, lesson = teach_boxes(FillsBoxes(), photos, tmp_path / "m.json", lambda _: saliency, pytest.fail)
    assert dict(lesson.refused) == {"disagrees with the map": 1}


def test_a_damaged_journal_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.json.journal").write_text("[]\n")
    with pytest.raises(InvalidDatasetError, match=r"m\.json\.journal"):
        next(teach_boxes(FillsBoxes(), [], tmp_path / "m.json", nothing, pytest.fail))


def disc(image: np.ndarray) -> np.ndarray:
    """A square map of a photo, as U2-Net's is, whose photo may be of any aspect."""
    saliency = np.zeros((64, 64), np.float32)
    cv2.circle(saliency, (32, 32), 16, 1.0, cv2.FILLED)
    return saliency


def test_maps_are_small_lossless_and_kept(tmp_path: Path, reported: list) -> None:
    (tmp_path / "images").mkdir()
    for name, size in (("wide.png", (512, 256)), ("bad.png", (8, 8))):
        Image.new("RGB", size).save(tmp_path / "images" / name)
    (tmp_path / "images" / "bad.png").write_bytes(b"x")
    photos = sorted((tmp_path / "images").iterdir())
    *_, lesson = teach_maps(disc, photos, tmp_path / "maps", reported.append)
    assert (lesson.photos, lesson.accepted) == (1, 1)
    assert [error.problem for error in reported] == [Problem.UNREADABLE_PHOTO]
    saliency = read_map(tmp_path / "maps" / "wide.webp")
    assert saliency.shape == (128, 256)
    assert set(np.unique(np.round(saliency * 255)) % 17) == {0}
    assert is_sure(saliency)
    assert not list((tmp_path / "maps").glob("*.partial"))
    *_, lesson = teach_maps(pytest.fail, photos[1:], tmp_path / "maps", reported.append)
    assert lesson.photos == 1


class MaskAt:
    """A reference to a mask in memory."""

    def __init__(self, mask: np.ndarray) -> None:
        self._mask = mask

    def decode(self) -> Mask:
        return Mask.of(self._mask)


def rows(first: int, last: int) -> np.ndarray:
    mask = np.zeros((80, 100), bool)
    mask[first:last, 20:60] = True
    return mask


def test_a_teacher_is_measured_against_people(tmp_path: Path, reported: list) -> None:
    boxed(tmp_path, "a.png", "b.png", "c.png", "d.png")
    ring = rows(10, 50) & ~rows(12, 48)  # its extent is the box that the teacher fills
    masks = {"a": rows(10, 50), "b": ring, "c": rows(10, 10), "d": rows(10, 50)}
    samples = [Sample(name, tmp_path / f"{name}.png", (MaskAt(mask),)) for name, mask in masks.items()]
    (tmp_path / "d.png").write_bytes(b"x")
    found = list(measure(FillsBoxes(), samples, 9, 0, reported.append))
    assert sorted(one.iou for one in found) == [pytest.approx(0.1), 1]  # c has no object, d is unreadable
    assert by_verdict(found) == {ACCEPTED: Quality(2, pytest.approx(0.55))}
    assert [error.file.name for error in reported] == ["d.png"]


def test_qualities_by_verdict() -> None:
    found = [Measured(0.2, "unstable"), Measured(0.9, ACCEPTED), Measured(0.4, "unstable"), Measured(0.7, ACCEPTED)]
    expected = {ACCEPTED: Quality(2, pytest.approx(0.8)), "unstable": Quality(2, pytest.approx(0.3))}
    assert by_verdict(found) == expected
    assert next(iter(by_verdict(found))) == ACCEPTED
