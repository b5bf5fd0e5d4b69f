"""dataset check: each thing that can be wrong is found, counted and named; a sound folder passes."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from training.datasets.cli import app

OBJECT = np.zeros((6, 8), np.uint8)
OBJECT[1:4, 2:5] = 255
POLYGON = [[2, 1, 5, 1, 5, 4, 2, 4]]


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound one: cat.png with its mask."""
    save(tmp_path / "images" / "cat.png", np.zeros((6, 8, 3), np.uint8))
    save(tmp_path / "masks" / "cat.png", OBJECT)
    return tmp_path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["check", *map(str, arguments)], catch_exceptions=False)


def answer(*arguments: object) -> tuple[int, dict]:
    result = run(*arguments, "--json")
    return result.exit_code, json.loads(result.stdout)


def another_photo(folder: Path, name: str, mask: np.ndarray) -> None:
    save(folder / "images" / f"{name}.png", np.zeros((6, 8, 3), np.uint8))
    save(folder / "masks" / f"{name}.png", mask)


def unreadable_photo(folder: Path) -> None:
    another_photo(folder, "dog", OBJECT)
    (folder / "images" / "dog.png").write_bytes(b"no image")


def cut_off_photo(folder: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (6, 8, 3), np.uint8)
    save(folder / "images" / "dog.png", noise)
    save(folder / "masks" / "dog.png", OBJECT)
    content = (folder / "images" / "dog.png").read_bytes()
    (folder / "images" / "dog.png").write_bytes(content[:-60])


def unreadable_mask(folder: Path) -> None:
    another_photo(folder, "dog", OBJECT)
    (folder / "masks" / "dog.png").write_bytes(b"no image")


def duplicate(folder: Path) -> None:
    save(folder / "images" / "cat.webp", np.zeros((6, 8, 3), np.uint8))


@pytest.mark.parametrize(
    ("spoil", "problem", "named"),
    [
        (unreadable_photo, "unreadable photo", "dog.png"),
        (cut_off_photo, "unreadable photo", "dog.png"),
        (unreadable_mask, "unreadable mask", "dog.png"),
        (lambda folder: another_photo(folder, "dog", OBJECT[:5]), "mask of another size", "dog.png"),
        (lambda folder: another_photo(folder, "dog", OBJECT * 0), "empty mask", "dog.png"),
        (lambda folder: save(folder / "masks" / "dog.png", OBJECT), "mask without a photo", "dog.png"),
        (duplicate, "duplicate name", "cat.webp"),
    ],
    ids=["no photo", "photo cut off", "no mask", "size", "empty", "mask without photo", "two photos of a name"],
)
def test_folders(spoil, problem: str, named: str, folder: Path) -> None:
    spoil(folder)
    code, found = answer(folder)
    assert code == 1
    assert found["counts"] == {problem: 1}
    (row,) = found["problems"]
    assert row["problem"] == problem
    assert Path(row["file"]).name == named
    assert named in row["cause"]
    assert row["remedy"]


@pytest.mark.parametrize(
    ("segmentation", "image", "problem"),
    [
        ([[1, 1, 2, 2]], {}, "polygon of fewer than three points"),
        ([*POLYGON, [1, 1, 2, 2]], {}, "polygon of fewer than three points"),
        ({"size": [6, 8], "counts": "04"}, {}, "RLE that does not fit"),
        ({"size": [6, 8], "counts": [48]}, {}, "empty mask"),
        ({"size": [5, 8], "counts": [40]}, {}, "mask of another size"),
        (POLYGON, {"width": 9}, "mask of another size"),
        (POLYGON, {"file_name": "dog.jpg"}, "missing photo"),
        ([[0, 0, 1e6, 0, 0, 9]], {}, "polygon off the photo"),
    ],
    ids=["line", "line beside a polygon", "runs", "empty", "RLE's size", "photo's size", "no photo", "far away"],
)
def test_coco(segmentation: object, image: dict, problem: str, folder: Path) -> None:
    (folder / "masks" / "cat.png").unlink()
    (folder / "masks").rmdir()
    record = {"id": 7, "file_name": "cat.jpg", "width": 8, "height": 6} | image
    annotations = [{"id": 41, "image_id": 7, "segmentation": segmentation}]
    (folder / "annotations.json").write_text(json.dumps({"images": [record], "annotations": annotations}))
    code, found = answer(folder)
    assert code == 1
    assert found["counts"][problem] == 1
    assert "annotations.json" in found["problems"][0]["file"]
    assert found["problems"][0]["record"] in ("annotation 41", "image 7")


def test_a_sound_folder_passes(folder: Path) -> None:
    code, found = answer(folder)
    assert (code, found["kind"], found["photos"], found["masks"], found["problems"]) == (0, "folder", 1, 1, [])
    result = run(folder)
    assert result.exit_code == 0
    assert "1 photos, 1 masks: nothing is wrong." in result.stdout


def test_everything_is_told_in_words(folder: Path) -> None:
    unreadable_photo(folder)
    another_photo(folder, "cow", OBJECT * 0)
    result = run(folder)
    assert result.exit_code == 1
    assert "3 photos, 3 masks: 1 empty mask, 1 unreadable photo." in result.stdout
    assert "dog.png" in result.stdout
    assert "cow.png" in result.stdout


@pytest.mark.parametrize("keys", [[], ["--kind", "coco"], ["--kind", "sa1b"]], ids=["nothing", "no file", "no SA-1B"])
def test_what_cannot_be_read_at_all_is_wrong(keys: list[str], tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    code, found = answer(tmp_path, *keys)
    assert code == 1
    assert found["counts"] == {"unreadable data set": 1}
