"""Average precision with given boxes, by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from squeezesam_core.errors import InvalidDatasetError
from squeezesam_core.evaluation.case import Plan
from squeezesam_core.evaluation.detections import average_precision, read_detections

OBJECTS = {1: (slice(10, 60), slice(10, 60)), 2: (slice(70, 120), slice(70, 120))}


def area(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((128, 128), bool)
    mask[rows, columns] = True
    return mask


def rle(mask: np.ndarray) -> dict:
    encoded = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    return {"size": encoded["size"], "counts": encoded["counts"].decode("ascii")}


@pytest.fixture
def written(tmp_path: Path):
    """Results and annotations: two objects of two categories on `photo`, one more on a photo nobody looks at."""
    annotations = [
        {
            "id": number,
            "image_id": 1 if number < 3 else 2,
            "category_id": number if number < 3 else 1,
            "segmentation": rle(area(*OBJECTS.get(number, OBJECTS[1]))),
            "area": 2500,
            "bbox": [10, 10, 50, 50],
            "iscrowd": 0,
        }
        for number in (1, 2, 3)
    ]
    document = {
        "images": [
            {"id": 1, "file_name": "photo.png", "width": 128, "height": 128},
            {"id": 2, "file_name": "other.png", "width": 128, "height": 128},
        ],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "cat"}],
    }
    results = [
        {"image_id": 1, "category_id": 1, "bbox": [10, 10, 50, 50], "score": 0.9},
        {"image_id": 1, "category_id": 2, "bbox": [70, 70, 50, 50], "score": 0.8},
        {"image_id": 2, "category_id": 2, "bbox": [70, 70, 50, 50], "score": 0.7},
    ]
    (tmp_path / "annotations.json").write_text(json.dumps(document))
    (tmp_path / "results.json").write_text(json.dumps(results))
    return tmp_path / "results.json", tmp_path / "annotations.json"


def test_only_photos_that_are_looked_at_count(written) -> None:
    given = read_detections(*written, {"photo"})
    assert {name: len(boxes) for name, boxes in given.by_photo.items()} == {"photo": 2}
    assert len(given.annotations["annotations"]) == 2


@pytest.mark.parametrize(
    ("masks", "ap", "person"),
    [
        ({1: area(*OBJECTS[1]), 2: area(*OBJECTS[2])}, 1.0, 1.0),
        ({1: area(*OBJECTS[2]), 2: area(*OBJECTS[2])}, 0.5, 0.0),
        # 40 of 50 rows: IoU 0.8 reaches seven of the ten thresholds
        ({1: area(slice(10, 50), slice(10, 60)), 2: area(*OBJECTS[2])}, (0.7 + 1) / 2, 0.7),
        ({1: area(*OBJECTS[1])}, 0.5, 1.0),
    ],
    ids=["both right", "person wrong", "person at IoU 0.8", "cat not detected"],
)
def test_average_precision(written, masks: dict[int, np.ndarray], ap: float, person: float) -> None:
    given = read_detections(*written, {"photo"})
    found = [(box, rle(masks[box.category])) for box in given.by_photo["photo"] if box.category in masks]
    figures = average_precision(given, found)
    assert figures["ap"] == pytest.approx(ap)
    assert figures["ap_medium"] == pytest.approx(ap)
    assert figures["ap_person"] == pytest.approx(person)
    assert (figures["ap_small"], figures["ap_large"]) == (-1, -1)


def test_each_box_is_asked_and_scored(ask, written) -> None:
    given = read_detections(*written, {"photo"})
    cases = ask("detections", area(*OBJECTS[1]), area(*OBJECTS[2]), plan=Plan(detections=given), detector=False)
    assert [case.outcome.number for case in cases] == [0, 1]
    assert all(case.outcome.ious[0] > 0.8 for case in cases)


@pytest.mark.parametrize(
    ("results", "named"),
    [
        ("[", "results.json"),
        ('[{"image_id": 1}]', "record 0"),
        ('[{"image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 1}]', "record 0"),
        ('{"boxes": []}', "record 0"),
    ],
    ids=["no JSON", "no box", "no such photo", "no list"],
)
def test_bad_results_are_named(written, results: str, named: str) -> None:
    written[0].write_text(results)
    with pytest.raises(InvalidDatasetError, match=named):
        read_detections(*written, {"photo"})
