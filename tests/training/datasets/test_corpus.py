"""What a recipe draws from: bad records left out and counted, drawing weights, and the model card's shares."""

import json
import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from squeezesam_core.errors import InvalidDatasetError
from squeezesam_core.records import InvalidRecordError, Problem
from training.datasets.corpus import Corpus, read_corpus
from training.datasets.shares import by_kind, shares

POLYGON = [[2, 1, 5, 1, 5, 4, 2, 4]]


def photo(path: Path, size: tuple[int, int] = (8, 6)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)


def coco(path: Path, *annotations: dict, names: tuple[str, ...] = ("a.jpg",)) -> None:
    images = [{"id": i, "file_name": name, "width": 8, "height": 6} for i, name in enumerate(names)]
    records = [{"id": i, "segmentation": POLYGON} | record for i, record in enumerate(annotations)]
    path.write_text(json.dumps({"images": images, "annotations": records}))


def sure_map(path: Path, size: tuple[int, int] = (80, 60)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    grey = np.zeros(size[::-1], np.uint8)
    cv2.circle(grey, (size[0] // 2, size[1] // 2), 20, 255, cv2.FILLED)
    cv2.imwrite(str(path), grey)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """people: a.jpg and b.jpg with 1 and 2 masks; taught: c.jpg by a teacher; d.jpg has a map only."""
    for name in ("people/images/a.jpg", "people/images/b.jpg", "taught/images/c.jpg", "maps-only/images/d.jpg"):
        photo(tmp_path / name)
    coco(
        tmp_path / "people" / "masks.json", {"image_id": 0}, {"image_id": 1}, {"image_id": 1}, names=("a.jpg", "b.jpg")
    )
    coco(tmp_path / "taught.json", {"image_id": 0, "teacher": "mobilesam", "score": 0.9}, names=("c.jpg",))
    sure_map(tmp_path / "maps" / "d.webp")
    return tmp_path


SOURCES = [
    {"directory": "people", "weight": 3},
    {"directory": "taught", "annotations": "taught.json", "weight": 1},
    {"directory": "maps-only", "maps": "maps", "teacher": True, "weight": 1},
]


def test_shares_by_source_and_kind(root: Path) -> None:
    rows = shares(read_corpus(SOURCES, root, masks_only=True))
    found = [(row.source, row.kind, row.photos, row.masks, round(row.share, 6)) for row in rows]
    assert found == [
        ("people", "people", 2, 3, 0.75),
        ("taught.json", "teacher", 1, 1, 0.125),
        ("maps-only", "map", 1, 1, 0.125),
    ]
    assert by_kind(rows) == {"people": 0.75, "teacher": 0.125, "map": 0.125}


def test_a_photo_with_both_kinds_of_masks_counts_for_each(root: Path) -> None:
    coco(root / "people" / "masks.json", {"image_id": 0}, {"image_id": 0, "teacher": "mobilesam"})
    rows = shares(read_corpus(SOURCES[:1], root, masks_only=True))
    assert [(row.kind, row.share) for row in rows] == [("people", 0.5), ("teacher", 0.5)]


def test_draws_follow_the_weights(root: Path) -> None:
    corpus = read_corpus(SOURCES, root, masks_only=True)
    rng = np.random.default_rng(0)
    drawn = [corpus.draw(rng).source for _ in range(2000)]
    assert abs(drawn.count("people") / 2000 - 0.75) < 0.03


@pytest.mark.parametrize(
    ("near", "names"),
    [
        (None, {"0", "1", "2", "3", "4", "5"}),
        ((300, 240), {"1", "2", "3", "4", "5"}),
        ((32, 30), {"1", "2", "3", "4", "5"}),
        ((64, 80), {"0"}),
        ((300, 30), {"0", "1", "2", "3", "4", "5"}),
    ],
    ids=["any", "landscape", "nearly square", "portrait", "an aspect that none has"],
)
def test_photos_of_an_aspect_are_drawn(near: tuple[int, int] | None, names: set[str], aspects_root: Path) -> None:
    source = {"directory": "aspects", "photos_only": True, "maps": "maps"}
    corpus = read_corpus([source], aspects_root, masks_only=False)
    rng = np.random.default_rng(0)
    assert {corpus.draw(rng, near).path.stem for _ in range(200)} == names


def test_weights_hold_among_photos_of_an_aspect(aspects_root: Path) -> None:
    photos = read_corpus(
        [{"directory": "aspects", "photos_only": True, "maps": "maps"}], aspects_root, masks_only=False
    ).photos
    corpus = Corpus(photos, [3.0 if photo.path.stem == "2" else 1.0 for photo in photos])
    rng = np.random.default_rng(0)
    drawn = [corpus.draw(rng, (100, 80)).path.stem for _ in range(2000)]
    assert abs(drawn.count("2") / 2000 - 3 / 7) < 0.04
    assert corpus.chances()[[photo.path.stem for photo in corpus.photos].index("2")] == pytest.approx(3 / 8)


def test_a_photo_without_masks_is_learnt_from_its_map(root: Path) -> None:
    source = {"directory": "maps-only", "maps": "maps"}
    (row,) = shares(read_corpus([source], root, masks_only=False))
    assert (row.kind, row.photos, row.share) == ("map", 1, 1.0)


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (lambda root: (root / "people/images/a.jpg").write_bytes(b"x"), "1 left out, unreadable photo"),
        (lambda root: (root / "people/images/a.jpg").unlink(), "1 left out, missing photo"),
        (lambda root: photo(root / "people/images/a.jpg", (9, 6)), "1 left out, mask of another size"),
    ],
    ids=["unreadable", "missing", "another size"],
)
def test_bad_records_are_left_out_and_counted(spoil, cause: str, root: Path, caplog: pytest.LogCaptureFixture) -> None:
    spoil(root)
    with caplog.at_level(logging.WARNING):
        corpus = read_corpus(SOURCES[:1], root, masks_only=True)
    assert [found.path.name for found in corpus.photos] == ["b.jpg"]
    assert cause in caplog.text
    assert "a.jpg" in caplog.text


def test_mask_files_of_another_size_are_left_out(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("e", "f"):
        photo(root / f"files/images/{name}.png")
        photo(root / f"files/masks/{name}.png", (8, 6) if name == "e" else (8, 7))
    corpus = read_corpus([{"directory": "files"}], root, masks_only=True)
    assert [found.path.name for found in corpus.photos] == ["e.png"]
    assert "f.png" in caplog.text


def test_a_photo_that_is_cut_off_is_found_when_it_is_drawn(root: Path) -> None:
    path = root / "people" / "images" / "a.jpg"
    path.write_bytes(path.read_bytes()[:-2])
    first, second = read_corpus(SOURCES[:1], root, masks_only=True).photos
    with pytest.raises(InvalidRecordError, match=r"a\.jpg") as caught:
        first.image()
    assert caught.value.problem is Problem.UNREADABLE_PHOTO
    assert second.image().shape == (6, 8, 3)


def test_a_misspelt_folder_of_maps_is_named(root: Path) -> None:
    with pytest.raises(InvalidDatasetError, match=r"Source people: .*saliencey"):
        read_corpus([{"directory": "people", "maps": "saliencey"}], root, masks_only=True)


def test_ten_thousand_bad_records_are_one_line(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    coco(root / "people" / "masks.json", {"image_id": 0}, *[{"image_id": 99}] * 10_000)
    read_corpus(SOURCES[:1], root, masks_only=True)
    (line,) = caplog.messages
    assert "10000 left out" in line
    assert len(line) < 1000


@pytest.mark.parametrize(
    ("source", "has_previous"),
    [
        ({"directory": "shapes", "maps": "maps"}, True),
        ({"directory": "shapes", "maps": "maps", "teacher": True, "photos_only": True}, False),
    ],
    ids=["people's masks", "teacher's masks are not given their own map"],
)
def test_maps_as_previous_masks(source: dict[str, object], has_previous: bool, corpus_root: Path) -> None:
    corpus = read_corpus([source], corpus_root, masks_only=True)
    assert all(photo.taught is not has_previous for photo in corpus.photos)


def test_missing_source_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(InvalidDatasetError, match="nowhere"):
        read_corpus([{"directory": "nowhere"}], tmp_path, masks_only=True)
