"""SA-1B's files: masks decoded from them on demand, bad ones named."""

import json
from pathlib import Path

import numpy as np
import pytest

from squeezesam_core.coco_masks import encode
from squeezesam_core.records import InvalidRecordError, Problem
from training.datasets import sa1b

OBJECT = np.zeros((6, 8), bool)
OBJECT[1:4, 2:5] = True


def segmentation(mask: np.ndarray) -> dict:
    rle = encode(mask)
    return {"size": list(rle["size"]), "counts": rle["counts"].decode()}


def write(folder: Path, number: int, *segmentations: object) -> None:
    image = {"image_id": number, "width": 8, "height": 6, "file_name": f"sa_{number}.jpg"}
    annotations = [{"id": 100 + i, "segmentation": value, "area": 9} for i, value in enumerate(segmentations)]
    (folder / f"sa_{number}.json").write_text(json.dumps({"image": image, "annotations": annotations}))


def test_masks_in_order(tmp_path: Path, photos, reported: list) -> None:
    write(tmp_path, 7, segmentation(~OBJECT), segmentation(OBJECT))
    write(tmp_path, 3, segmentation(OBJECT))
    first, second = sa1b.read(tmp_path, photos("sa_3.jpg", "sa_7.jpg"), reported.append)
    assert (first.name, second.name) == ("sa_3", "sa_7")
    masks = [reference.decode().object for reference in second.masks]
    assert np.array_equal(masks, [~OBJECT, OBJECT])
    assert not reported


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("nothing", Problem.MALFORMED),
        ({"counts": "abc"}, Problem.MALFORMED),
        (segmentation(np.ones((3, 3), bool)), Problem.WRONG_SIZE),
    ],
    ids=["no segmentation", "no size", "another size"],
)
def test_bad_masks_are_left_out(value: object, problem: Problem, tmp_path: Path, photos, reported: list) -> None:
    write(tmp_path, 3, value, segmentation(OBJECT))
    (sample,) = sa1b.read(tmp_path, photos("sa_3.jpg"), reported.append)
    assert len(sample.masks) == 1
    assert np.array_equal(sample.masks[0].decode().object, OBJECT)
    (error,) = reported
    assert (error.problem, error.file.name, error.record) == (problem, "sa_3.json", "annotations[0]")


def test_runs_that_do_not_fit_are_found_when_they_are_decoded(tmp_path: Path, photos, reported: list) -> None:
    write(tmp_path, 3, {"size": [6, 8], "counts": "04"})
    (sample,) = sa1b.read(tmp_path, photos("sa_3.jpg"), reported.append)
    with pytest.raises(InvalidRecordError, match=r"sa_3\.json, annotations\[0\]") as caught:
        sample.masks[0].decode()
    assert caught.value.problem is Problem.BAD_RLE


@pytest.mark.parametrize(
    ("content", "problem"),
    [("{", Problem.MALFORMED), ('{"image": {}}', Problem.MALFORMED), (None, Problem.MISSING_PHOTO)],
    ids=["cut off", "no size", "no photo"],
)
def test_bad_files_are_left_out(content: str | None, problem: Problem, tmp_path: Path, photos, reported: list) -> None:
    write(tmp_path, 3, segmentation(OBJECT))
    write(tmp_path, 4, segmentation(OBJECT))
    if content is not None:
        (tmp_path / "sa_4.json").write_text(content)
    (sample,) = sa1b.read(tmp_path, photos("sa_3.jpg"), reported.append)
    assert sample.name == "sa_3"
    assert [(error.problem, error.file.name) for error in reported] == [(problem, "sa_4.json")]
