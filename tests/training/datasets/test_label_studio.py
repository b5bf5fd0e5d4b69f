"""Label Studio's export: which annotation and region of a task is a mask, and where its photo is."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from squeezesam_core import rle
from squeezesam_core.errors import InvalidDatasetError
from squeezesam_core.records import Problem
from training.datasets import label_studio

OBJECT = np.zeros((6, 8), bool)
OBJECT[1:4, 2:5] = True


def region(kind: str, value: dict[str, Any], **changes: object) -> dict[str, Any]:
    return {"id": "r1", "type": kind, "value": value, "original_width": 8, "original_height": 6} | changes


BRUSH = region("brushlabels", {"format": "rle", "rle": rle.encode(OBJECT), "brushlabels": ["Object"]})
POLYGON = region("polygonlabels", {"points": [[25, 100 / 6], [62.5, 100 / 6], [62.5, 400 / 6], [25, 400 / 6]]})
RECTANGLE = region("rectanglelabels", {"x": 1, "y": 1, "width": 9, "height": 9})
KEYPOINT = region("keypointlabels", {"x": 10, "y": 10, "width": 0.2})


def annotation(*results: object, **changes: object) -> dict[str, Any]:
    return {"id": 1, "result": list(results), "updated_at": "2026-01-01T00:00:00Z"} | changes


def export(folder: Path, *tasks: list[dict[str, Any]], image: str = "/data/upload/1/1a2b3c4d-cat.jpg") -> Path:
    path = folder / "export.json"
    written = [{"id": 5 + i, "data": {"image": image}, "annotations": found} for i, found in enumerate(tasks)]
    path.write_text(json.dumps(written))
    return path


@pytest.mark.parametrize("drawn", [BRUSH, POLYGON], ids=["brush", "polygon"])
def test_regions_are_masks(drawn: dict, tmp_path: Path, photos, reported: list) -> None:
    path = export(tmp_path, [annotation(RECTANGLE, drawn, KEYPOINT)])
    (sample,) = label_studio.read(path, photos("cat.jpg"), reported.append)
    (reference,) = sample.masks
    assert np.array_equal(reference.decode().object, OBJECT)
    assert reference.size == (8, 6)
    assert reference.where == (path, "task 5, region r1")
    assert not reported


@pytest.mark.parametrize(
    "annotations",
    [
        [annotation(BRUSH, was_cancelled=True)],
        [annotation()],
        [annotation(KEYPOINT, RECTANGLE)],
        [],
    ],
    ids=["skipped", "empty", "stray points and a rectangle", "not annotated"],
)
def test_tasks_without_a_mask_are_passed_over(annotations: list, tmp_path: Path, photos, reported: list) -> None:
    path = export(tmp_path, annotations)
    assert list(label_studio.read(path, photos("cat.jpg"), reported.append)) == []
    assert not reported


@pytest.mark.parametrize(
    ("annotations", "chosen"),
    [
        ([{"updated_at": "2026-01-01"}, {"updated_at": "2026-02-01"}], 1),
        ([{"updated_at": "2026-01-01", "ground_truth": True}, {"updated_at": "2026-02-01"}], 0),
        ([{"updated_at": "2026-01-01"}, {"updated_at": "2026-02-01", "was_cancelled": True}], 0),
    ],
    ids=["the last", "the ground truth", "the last is skipped"],
)
def test_one_annotation_of_a_task_counts(annotations: list[dict], chosen: int) -> None:
    found = [annotation(BRUSH, **changes) for changes in annotations]
    assert label_studio.chosen_annotation({"annotations": found}) is found[chosen]


@pytest.mark.parametrize(
    ("image", "stored"),
    [
        ("/data/upload/1/1a2b3c4d-cat.jpg", "cat.jpg"),
        ("/data/upload/1/1a2b3c4d-cat.jpg", "1a2b3c4d-cat.jpg"),
        ("/data/local-files/?d=animals/a%20cat.jpg", "animals/a cat.jpg"),
        ("https://example.org/photos/a%20cat.jpg?size=big", "a cat.jpg"),
        ("s3://bucket/cat.jpg", "cat.webp"),
    ],
    ids=["uploaded", "uploaded, name kept", "local files", "web", "bucket, stored in another format"],
)
def test_photos_are_found_by_name(image: str, stored: str, tmp_path: Path, photos, reported: list) -> None:
    path = export(tmp_path, [annotation(BRUSH)], image=image)
    (sample,) = label_studio.read(path, photos(stored), reported.append)
    assert sample.path == tmp_path / "images" / stored


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (region("polygon", {"points": [[1, 1], [2, 2]]}), Problem.SHORT_POLYGON),
        (region("brush", {"rle": "text"}), Problem.BAD_RLE),
        (region("brush", {"rle": [999]}), Problem.BAD_RLE),
        (region("brush", {}), Problem.MALFORMED),
        (region("brush", {"rle": [1]}, original_width=None), Problem.MALFORMED),
        (region("ellipselabels", {}), Problem.UNSUPPORTED),
    ],
    ids=["polygon of two points", "RLE of text", "no bytes", "no RLE", "no size", "ellipse"],
)
def test_bad_regions_are_left_out(bad: dict, problem: Problem, tmp_path: Path, photos, reported: list) -> None:
    path = export(tmp_path, [annotation(bad | {"id": "bad"}, BRUSH)])
    (sample,) = label_studio.read(path, photos("cat.jpg"), reported.append)
    assert len(sample.masks) == 1
    assert [(error.problem, error.record) for error in reported] == [(problem, "task 5, region bad")]


def test_missing_and_repeated_photos_are_reported(tmp_path: Path, photos, reported: list) -> None:
    path = export(tmp_path, [annotation(BRUSH)], [annotation(BRUSH)])
    assert len(list(label_studio.read(path, photos("cat.jpg"), reported.append))) == 1
    path = export(tmp_path, [annotation(BRUSH)], image="/data/upload/1/dog.jpg")
    assert list(label_studio.read(path, photos("cat.jpg"), reported.append)) == []
    assert [(error.problem, error.record) for error in reported] == [
        (Problem.DUPLICATE, "task 6"),
        (Problem.MISSING_PHOTO, "task 5"),
    ]


def test_brush_of_another_size_is_refused_before_anything_is_allocated(tmp_path: Path, photos, reported: list) -> None:
    path = export(tmp_path, [annotation(BRUSH | {"original_width": 10**6, "original_height": 10**6})])
    (sample,) = label_studio.read(path, photos("cat.jpg"), reported.append)
    with pytest.raises(InvalidDatasetError, match="task 5, region r1"):
        sample.masks[0].decode()


@pytest.mark.parametrize("content", ["{}", "[1]", '[{"image": "a.jpg", "tag": []}]', "["], ids=str)
def test_other_files_are_refused(content: str, tmp_path: Path, photos, reported: list) -> None:
    path = tmp_path / "export.json"
    path.write_text(content)
    with pytest.raises(InvalidDatasetError, match="not a Label Studio export"):
        list(label_studio.read(path, photos("cat.jpg"), reported.append))


@pytest.mark.parametrize(
    ("recorded", "stored", "size", "masks"),
    [
        ("ui_submit", "set1/c_exif6_800x600.jpg", (600, 800), 2),
        ("ui_submit_maskid", "e_640x480.png", (640, 480), 1),
    ],
    ids=["turned photo", "a replaced mask"],
)
def test_what_the_real_label_studio_saved(
    recorded: str, stored: str, size: tuple[int, int], masks: int, tmp_path: Path, photos, reported: list
) -> None:
    body = json.loads(Path(f"tests/contract/recorded/{recorded}.1.POST_webhook.json").read_text())["body"]
    path = tmp_path / "export.json"
    path.write_text(json.dumps([body["task"] | {"annotations": [body["annotation"]]}]))
    (sample,) = label_studio.read(path, photos(stored, size=size), reported.append)
    assert len(sample.masks) == masks
    for reference in sample.masks:
        mask = reference.decode().object
        assert mask.shape == size[::-1]
        assert 0.005 < mask.mean() < 0.95
    assert not reported
