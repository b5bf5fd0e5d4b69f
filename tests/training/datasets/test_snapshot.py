"""A fixed copy of a data set, parted into what is learnt from and what is judged by."""

import errno
import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from squeezesam_core.errors import InvalidDatasetError
from squeezesam_core.records import Problem
from squeezesam_core.samples import read_folder
from training.datasets.snapshot import HELD_OUT, HELD_OUT_SHARE, NAMES, TRAIN, Snapshot, write_snapshot
from training.split import is_held_out


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """60 photos of one object; the third of each ten has two, the first a band to ignore, the second none at all."""
    for folder in ("set/images", "set/masks"):
        (tmp_path / folder).mkdir(parents=True)
    for index in range(60):
        mask = np.zeros((24, 32), np.uint8)
        mask[4:12, 4:20] = 255
        if index % 10 == 0:
            mask[12:14, 4:20] = 128
        cv2.imwrite(str(tmp_path / f"set/images/{index}.png"), mask)
        if index % 10 == 1:
            mask[:] = 0
        if index % 10 == 2:
            cv2.imwrite(str(tmp_path / f"set/masks/{index}_1.png"), mask[::-1])
        cv2.imwrite(str(tmp_path / f"set/masks/{index}{'_0' if index % 10 == 2 else ''}.png"), mask)
    return tmp_path / "set"


def originals(snapshot: Snapshot) -> dict[str, Path]:
    """Name of a sample -> its photo in the data set."""
    names = json.loads((snapshot.directory / NAMES).read_text())
    return {Path(name).stem: Path(original) for name, original in names.items()}


def test_each_side_is_a_folder_of_photos_and_masks(data: Path, tmp_path: Path) -> None:
    snapshot = write_snapshot(data, tmp_path / "round" / "data")
    assert sum(snapshot.photos.values()) == 54, "photos without an object are left out"
    assert sum(snapshot.objects.values()) == 60
    found = {side: list(read_folder(snapshot.directory / side)) for side in (TRAIN, HELD_OUT)}
    assert {side: len(samples) for side, samples in found.items()} == snapshot.photos
    names = originals(snapshot)
    for side, samples in found.items():
        for sample in samples:
            assert is_held_out(names[sample.name], HELD_OUT_SHARE) == (side == HELD_OUT)
            (original,) = (other for other in read_folder(data) if other.path == data / names[sample.name])
            for copied, reference in zip(sample.masks, original.masks, strict=True):
                mask, expected = copied.decode(), reference.decode()
                assert (mask.object == expected.object).all() and (mask.ignore == expected.ignore).all()
    assert Snapshot.read(snapshot.directory) == snapshot


def test_labels_that_change_meanwhile_do_not_change_it(data: Path, tmp_path: Path) -> None:
    snapshot = write_snapshot(data, tmp_path / "data")
    names = originals(snapshot)
    (before,) = (sample for sample in read_folder(snapshot.directory / TRAIN) if names[sample.name].stem == "3")
    area = before.masks[0].decode().object.sum()
    replacement = tmp_path / "new.png"
    cv2.imwrite(str(replacement), np.full((24, 32), 255, np.uint8))
    os.replace(replacement, data / "masks/3.png")
    assert before.masks[0].decode().object.sum() == area


def no_links(*_) -> None:
    raise OSError(errno.EXDEV, "another disk")


@pytest.mark.parametrize("linked", [True, False], ids=["linked", "copied"])
@pytest.mark.parametrize(
    "names", [("a/{}.png", "b/{}.png"), ("IMG_{}.png", "IMG_{}_0.png")], ids=["of two folders", "like a mask's"]
)
def test_photos_whose_names_collide_stay_apart(
    tmp_path: Path, names: tuple[str, str], linked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, annotations, masks = [], [], {}
    for number, name in enumerate(pattern.format(index) for index in range(40) for pattern in names):
        path = tmp_path / "set/images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        x, y = 2 * (number % 10), 2 * (number // 10)
        masks[path] = np.zeros((24, 32), np.uint8)
        masks[path][y : y + 4, x : x + 4] = 255  # one photo like no other: its picture is its mask
        cv2.imwrite(str(path), masks[path])
        images.append({"id": number, "file_name": name, "width": 32, "height": 24})
        square = [[x, y, x + 4, y, x + 4, y + 4, x, y + 4]]
        annotations.append({"id": number, "image_id": number, "segmentation": square})
    (tmp_path / "set/annotations.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    before = {path: path.read_bytes() for path in masks}
    if not linked:
        monkeypatch.setattr("os.link", no_links)

    snapshot = write_snapshot(tmp_path / "set", tmp_path / "data")
    assert {path: path.read_bytes() for path in masks} == before, "nobody's photos are written to"
    seen = set()
    for side in (TRAIN, HELD_OUT):
        for sample in read_folder(snapshot.directory / side):
            original = tmp_path / "set" / originals(snapshot)[sample.name]
            assert is_held_out(original, HELD_OUT_SHARE) == (side == HELD_OUT)
            assert sample.path.read_bytes() == before[original]
            (mask,) = sample.masks
            assert (mask.decode().object == (masks[original] > 0)).all()
            seen.add(original)
    assert seen == set(masks)


def turn(photo: Path, _: pytest.MonkeyPatch) -> None:
    """Lay it on its side, as XMP alone says."""
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    Image.new("RGB", (32, 24)).save(photo, "jpeg", xmp=xmp)


def turn_unnoticed(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turn(photo, monkeypatch)
    monkeypatch.setattr("training.datasets.corpus.image_size", lambda _: (32, 24))


def cut_off(photo: Path, _: pytest.MonkeyPatch) -> None:
    photo.write_bytes(photo.read_bytes()[:60])  # the header is whole


@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        (turn, Problem.WRONG_SIZE),
        (turn_unnoticed, Problem.WRONG_SIZE),
        (cut_off, Problem.UNREADABLE_PHOTO),
    ],
    ids=["turned", "turned but for its header", "cut off"],
)
def test_masks_that_do_not_fit_the_decoded_photo_are_left_out(
    data: Path, tmp_path: Path, harm, problem: Problem, monkeypatch: pytest.MonkeyPatch, caplog
) -> None:
    harmed = ["3", "4", "5", "6", "7"]
    for name in harmed:
        harm(data / f"images/{name}.png", monkeypatch)
    snapshot = write_snapshot(data, tmp_path / "data")
    assert sum(snapshot.photos.values()) == 54 - len(harmed)
    assert not {path.stem for path in originals(snapshot).values()} & set(harmed)
    for side in (TRAIN, HELD_OUT):
        for sample in read_folder(snapshot.directory / side):
            assert all(mask.decode().object.shape == sample.image().shape[:2] for mask in sample.masks)
    assert f"{len(harmed)} left out, {problem}" in caplog.text


@pytest.mark.parametrize(("kept", "side"), [(range(8), "judging"), ((), "usable")], ids=["few", "none"])
def test_too_few_photos_are_refused_and_nothing_is_left(data: Path, tmp_path: Path, kept, side: str) -> None:
    for path in data.glob("*/*.png"):
        if int(path.stem.partition("_")[0]) not in kept:
            path.unlink()
    with pytest.raises(InvalidDatasetError) as caught:
        write_snapshot(data, tmp_path / "round" / "data")
    assert caught.value.remedy
    assert not (tmp_path / "round").exists() or list((tmp_path / "round").iterdir()) == []
