"""A source's kind by its content, and its keys."""

import json
from pathlib import Path

import pytest

from squeezesam_core.errors import InvalidDatasetError
from training.datasets.sources import Source, detect, parse, photo_folder, read_source


@pytest.mark.parametrize(
    ("files", "keys", "kind"),
    [
        ({"masks/": ""}, {}, "folder"),
        ({"trimaps/": ""}, {}, "folder"),
        ({"annotations.json": "{}"}, {}, "coco"),
        ({"annotations.json": "{}", "coco.json": "{}"}, {"coco": "coco.json"}, "lvis"),
        ({"masks.json": "{}"}, {}, "coco"),
        ({"instances_val2017.json": "{}"}, {}, "coco"),
        ({"export.json": " [ ]"}, {}, "label-studio"),
        ({"sa_1.json": "{}", "sa_2.json": "{}"}, {}, "sa1b"),
        ({"annotations.json": "{}"}, {"photos_only": True}, None),
        ({"annotations.json": "{}", "masks.json": "{}"}, {"photos_only": True}, "coco"),
        ({"masks/": ""}, {"kind": "coco"}, "coco"),
        ({}, {}, None),
        ({"one.json": "{}", "two.json": "[]"}, {}, None),
        ({"masks/": "", "export.json": "[]"}, {"annotations": "export.json"}, "label-studio"),
    ],
    ids=[
        "masks", "trimaps", "annotations.json", "LVIS over COCO", "masks.json", "COCO's own name", "a list", "SA-1B",
        "boxes", "masks beside boxes", "named", "nothing", "two files", "the file is named",
    ],
)  # fmt: skip
def test_detect(files: dict[str, str], keys: dict[str, object], kind: str | None, tmp_path: Path) -> None:
    for name, content in files.items():
        if name.endswith("/"):
            (tmp_path / name).mkdir()
        else:
            (tmp_path / name).write_text(content)
    assert detect(parse({"directory": "."} | keys).under(tmp_path)) == kind


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"wieght": 2}, "wieght"),
        ({"kind": "voc"}, "kind"),
        ({"weight": 0}, "weight"),
        ({"weight": "x"}, "weight"),
        ({"teacher": True}, "maps"),
        ({"kind": "coco", "coco": "instances.json"}, "lvis"),
    ],
    ids=["misspelt", "unknown kind", "never drawn", "no number", "a teacher without maps", "COCO over COCO"],
)
def test_bad_keys_name_the_source(keys: dict[str, object], named: str) -> None:
    with pytest.raises(InvalidDatasetError, match=f"train/pets.*{named}"):
        parse({"directory": "train/pets"} | keys)


def test_photos_beside_their_annotations(tmp_path: Path) -> None:
    assert photo_folder(Source(directory=tmp_path)) == tmp_path
    (tmp_path / "images").mkdir()
    assert photo_folder(Source(directory=tmp_path)) == tmp_path / "images"
    assert photo_folder(Source(directory=tmp_path, images=Path("x"))) == Path("x")


@pytest.mark.parametrize("kind", ["coco", "lvis", "label-studio"])
def test_a_kind_without_its_file_says_which_key_names_it(kind: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidDatasetError, match=f"{kind}.*annotations"):
        read_source(parse({"directory": str(tmp_path), "kind": kind}), pytest.fail)


def test_coco_with_its_photos_elsewhere(tmp_path: Path, photos) -> None:
    photos("val2017/1.jpg")
    image = {"id": 1, "file_name": "val2017/1.jpg", "width": 8, "height": 6}
    mask = {"id": 1, "image_id": 1, "segmentation": [[2, 1, 5, 1, 5, 4]]}
    path = tmp_path / "annotations" / "instances_val2017.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"images": [image], "annotations": [mask]}))
    keys = {"directory": ".", "images": "images", "annotations": "annotations/instances_val2017.json"}
    (sample,) = read_source(parse(keys).under(tmp_path), pytest.fail)
    assert sample.path == tmp_path / "images" / "val2017" / "1.jpg"
