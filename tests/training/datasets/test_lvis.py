"""LVIS's masks over COCO's: which is replaced, which stays."""

import json
from pathlib import Path

import numpy as np
import pytest

from training.datasets import lvis

SQUARE = [[0, 0, 6, 0, 6, 6, 0, 6]]  # 36 pixels of 8 x 6


def rectangle(width: int, height: int = 6) -> list:
    return [[0, 0, width, 0, width, height, 0, height]]


def write(path: Path, prefix: int, segmentations: list, image: dict) -> Path:
    annotations = [
        {"id": prefix + number, "image_id": 9, "segmentation": value} for number, value in enumerate(segmentations)
    ]
    path.write_text(json.dumps({"images": [{"id": 9, "width": 8, "height": 6} | image], "annotations": annotations}))
    return path


@pytest.mark.parametrize(
    ("coco", "over", "kept"),
    [
        ([rectangle(6)], [rectangle(5)], [200]),  # 30 of 36: 83 %
        ([rectangle(6)], [rectangle(4)], [100, 200]),  # 24 of 36: 67 %
        ([rectangle(5)], [rectangle(4)], [100, 200]),  # 80 % exactly
        ([rectangle(6), rectangle(2)], [rectangle(5)], [101, 200]),
        ([rectangle(6)], [], [100]),
        ([], [rectangle(6)], [200]),
        ([rectangle(6)], [rectangle(6), rectangle(5)], [200, 201]),
    ],
    ids=["overlaps", "overlaps less", "at the limit", "one of two", "LVIS has none", "COCO has none", "two over one"],
)
def test_merge(coco: list, over: list, kept: list[int], tmp_path: Path, photos, reported: list) -> None:
    base = write(tmp_path / "coco.json", 100, coco, {"file_name": "a.jpg"})
    path = write(tmp_path / "lvis.json", 200, over, {"coco_url": "http://images.cocodataset.org/train2017/a.jpg"})
    (sample,) = lvis.read(path, photos("a.jpg"), reported.append, base)
    assert [reference.identifier for reference in sample.masks] == kept
    assert not reported


def test_masks_that_cannot_be_compared_are_left_out(tmp_path: Path, photos, reported: list) -> None:
    broken = {"size": [6, 8], "counts": "04"}
    base = write(tmp_path / "coco.json", 100, [broken, rectangle(6)], {"file_name": "a.jpg"})
    path = write(tmp_path / "lvis.json", 200, [rectangle(6)], {"file_name": "a.jpg"})
    (sample,) = lvis.read(path, photos("a.jpg"), reported.append, base)
    assert [reference.identifier for reference in sample.masks] == [200]
    assert [(error.file.name, error.record) for error in reported] == [("coco.json", "annotation 100")]


def test_without_coco_it_is_lvis_alone(tmp_path: Path, photos, reported: list) -> None:
    path = write(tmp_path / "lvis.json", 200, [SQUARE], {"coco_url": "http://a.org/train2017/a.jpg"})
    (sample,) = lvis.read(path, photos("train2017/a.jpg"), reported.append)
    assert sample.path == tmp_path / "images" / "train2017" / "a.jpg"
    assert np.count_nonzero(sample.masks[0].decode().object) == 36
