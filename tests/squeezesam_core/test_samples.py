"""Folders of photos and masks: every layout, and broken records named."""

import json
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from squeezesam_core.errors import InvalidDatasetError, InvalidImageError
from squeezesam_core.records import InvalidRecordError, PhotoFolder, Problem, image_size
from squeezesam_core.samples import read_folder, read_image

OBJECT = np.zeros((6, 8), bool)
OBJECT[1:4, 2:5] = True
BAND = np.zeros((6, 8), bool)
BAND[4] = True


def write(path: Path, grey: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(grey.astype(np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "images" / "cat.png", np.zeros((6, 8, 3)))
    return tmp_path


def coco(folder: Path, *annotations: dict) -> None:
    image = {"id": 7, "file_name": "any/where/cat.jpg", "width": 8, "height": 6}
    (folder / "annotations.json").write_text(json.dumps({"images": [image], "annotations": list(annotations)}))


RUNS = [13, 3, 3, 3, 3, 3, 20]  # columns 2..4 of OBJECT, column by column


@pytest.mark.parametrize(
    ("kind", "grey", "ignored"),
    [
        ("masks", np.where(OBJECT, 255, np.where(BAND, 128, 0)), True),
        ("masks", np.where(OBJECT, 1, 0), False),
        ("labels", np.where(OBJECT, 128, 0), False),
        ("trimaps", np.where(OBJECT, 1, np.where(BAND, 3, 2)), True),
    ],
    ids=["masks with band", "masks of 1", "labels", "trimaps"],
)
def test_mask_files(folder: Path, kind: str, grey: np.ndarray, ignored: bool) -> None:
    write(folder / kind / "cat.png", grey)
    (sample,) = read_folder(folder)
    mask = sample.masks[0].decode()
    assert np.array_equal(mask.object, OBJECT)
    assert np.array_equal(mask.ignore, BAND & ignored)


@pytest.mark.parametrize(
    "segmentation",
    [[[2, 1, 5, 1, 5, 4, 2, 4]], {"counts": RUNS, "size": [6, 8]}],
    ids=["polygon", "runs"],
)
def test_coco(folder: Path, segmentation: object) -> None:
    crowd = {"id": 2, "image_id": 7, "iscrowd": 1, "segmentation": segmentation}
    line = {"id": 3, "image_id": 7, "segmentation": [[1, 1, 2, 2]]}
    coco(folder, {"id": 1, "image_id": 7, "segmentation": segmentation}, crowd, line)
    (sample,) = read_folder(folder)
    (reference,) = sample.masks
    assert np.array_equal(reference.decode().object, OBJECT)


def test_several_objects_of_a_photo_and_photos_without_any(folder: Path) -> None:
    write(folder / "images" / "dog.png", np.zeros((6, 8, 3)))
    for number in (0, 1):
        write(folder / "masks" / f"cat_{number}.png", OBJECT * 255)
    (sample,) = read_folder(folder)
    assert (sample.name, len(sample.masks)) == ("cat", 2)


def test_photo_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (8, 6)).save(tmp_path / "turned.jpg", exif=exif)
    assert read_image(tmp_path / "turned.jpg").shape == (8, 6, 3)


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [("gone.jpg", None, "no file"), ("text.jpg", b"hello", "not a readable image")],
    ids=["missing", "no image"],
)
def test_unreadable_photo(tmp_path: Path, name: str, content: bytes | None, named: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidImageError, match=f"{name}.*|{named}") as caught:
        read_image(tmp_path / name)
    assert name in caught.value.cause
    assert named in caught.value.cause


def test_folder_without_masks(folder: Path) -> None:
    with pytest.raises(InvalidDatasetError, match="holds no masks"):
        read_folder(folder)


def test_folder_without_images(tmp_path: Path) -> None:
    with pytest.raises(InvalidDatasetError, match="images is not a folder"):
        read_folder(tmp_path)


def test_folder_whose_masks_fit_no_photo(folder: Path) -> None:
    write(folder / "masks" / "dog.png", OBJECT * 255)
    with pytest.raises(InvalidDatasetError, match="has a mask"):
        read_folder(folder)


SQUARE = [[2, 1, 5, 1, 5, 4, 2, 4]]


@pytest.mark.parametrize(
    ("annotation", "problem", "named"),
    [
        ({"id": 41, "image_id": 8, "segmentation": SQUARE}, Problem.MISSING_PHOTO, "annotation 41.*image 8"),
        ({"id": 42, "image_id": 7, "segmentation": [[1, 1, 2, 2]]}, Problem.SHORT_POLYGON, "annotation 42.*2 points"),
        ({"id": 43, "image_id": 7, "segmentation": "?"}, Problem.MALFORMED, "annotation 43"),
        ({"segmentation": SQUARE}, Problem.MALFORMED, r"annotations\[1\]"),
    ],
    ids=["image not listed", "line", "text", "no image"],
)
def test_bad_coco_records_are_reported_and_left_out(
    folder: Path, annotation: dict, problem: Problem, named: str
) -> None:
    coco(folder, {"id": 1, "image_id": 7, "segmentation": SQUARE}, annotation)
    reported: list[InvalidRecordError] = []
    (sample,) = read_folder(folder, report=reported.append)
    assert len(sample.masks) == 1
    (error,) = reported
    assert error.problem is problem
    assert re.search(f"annotations.json, {named}", error.cause)


@pytest.mark.parametrize(
    ("segmentation", "problem"),
    [
        ([[1, 2, 3, 4, 5, 6, 7]], Problem.MALFORMED),
        ([[1, 2, 3, "x", 5, 6]], Problem.MALFORMED),
        ({"counts": [4], "size": [2, 2]}, Problem.WRONG_SIZE),
        ({"counts": [4], "size": [6, 8]}, Problem.BAD_RLE),
        ({"size": [6, 8]}, Problem.BAD_RLE),
    ],
    ids=["odd polygon", "words", "RLE of another size", "runs too short", "RLE without counts"],
)
def test_bad_masks_name_their_record(folder: Path, segmentation: object, problem: Problem) -> None:
    coco(folder, {"id": 42, "image_id": 7, "segmentation": segmentation})
    (reference,) = next(read_folder(folder)).masks
    with pytest.raises(InvalidRecordError, match=r"annotations\.json, annotation 42") as caught:
        reference.decode()
    assert caught.value.problem is problem


def test_only_the_short_outline_of_several_is_left_out(folder: Path) -> None:
    coco(folder, {"id": 1, "image_id": 7, "segmentation": [*SQUARE, [1, 1, 2, 2]]})
    reported: list[InvalidRecordError] = []
    (sample,) = read_folder(folder, report=reported.append)
    assert np.array_equal(sample.masks[0].decode().object, OBJECT)
    assert [error.problem for error in reported] == [Problem.SHORT_POLYGON]


def test_photos_of_one_name_are_reported(folder: Path) -> None:
    write(folder / "images" / "cat.webp", np.zeros((6, 8, 3)))
    write(folder / "masks" / "cat.png", OBJECT * 255)
    write(folder / "masks" / "dog.png", OBJECT * 255)
    reported: list[InvalidRecordError] = []
    (sample,) = read_folder(folder, report=reported.append)
    assert sample.path.name == "cat.png"
    assert [error.problem for error in reported] == [Problem.DUPLICATE, Problem.MISSING_MASK]


def test_photo_in_a_folder_of_its_own_and_none_outside(folder: Path, tmp_path: Path) -> None:
    report = pytest.fail
    write(folder / "images" / "train" / "cat.png", np.zeros((6, 8, 3)))
    write(tmp_path / "secret.png", np.zeros((6, 8, 3)))
    photos = PhotoFolder(folder / "images", report)
    assert photos.find("train/cat.png") == folder / "images" / "train" / "cat.png"
    assert photos.find("val/cat.jpg") == folder / "images" / "cat.png"
    assert photos.find("../secret.png") is None
    assert photos.find(str(tmp_path / "secret.png")) is None


EXIF = Image.Exif()
EXIF[0x0112] = 6
XMP = '<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


def itxt(name: str, text: str) -> PngInfo:
    info = PngInfo()
    info.add_itxt(name, text)
    return info


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


PROFILE = b"\nexif\n%8d\n%s\n" % (len(EXIF.tobytes()), EXIF.tobytes().hex().encode())


@pytest.mark.parametrize(
    ("kind", "options", "late"),
    [
        ("jpeg", {"exif": EXIF}, b""),
        ("jpeg", {"xmp": XMP.encode()}, b""),
        ("webp", {"exif": EXIF}, b""),
        ("webp", {"xmp": XMP.encode()}, b""),
        ("png", {"exif": EXIF}, b""),
        ("png", {"pnginfo": itxt("XML:com.adobe.xmp", XMP)}, b""),
        ("png", {}, chunk(b"eXIf", EXIF.tobytes()[6:])),
        ("png", {}, chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP.encode())),
        ("png", {}, chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(PROFILE))),
        ("tiff", {"exif": EXIF}, b""),
    ],
    ids=[
        *("JPEG", "JPEG, XMP", "WebP", "WebP, XMP", "PNG", "PNG, XMP"),
        *("late in a PNG", "late in a PNG, XMP", "late in a PNG, profile", "TIFF"),
    ],
)
def test_size_is_that_of_the_photo_as_it_is_decoded(tmp_path: Path, kind: str, options: dict, late: bytes) -> None:
    path = tmp_path / "turned.jpg"
    Image.new("RGB", (8, 6)).save(path, kind, **options)
    end = chunk(b"IEND", b"")
    path.write_bytes(path.read_bytes().replace(end, late + end))
    assert read_image(path).shape == (8, 6, 3)
    assert image_size(path) == (6, 8)


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_size_without_pixels(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (8, 6)).save(tmp_path / "plain", kind)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda _: pytest.fail("decoded"))
    assert image_size(tmp_path / "plain") == (8, 6)


def test_masks_are_never_turned(folder: Path) -> None:
    (folder / "masks").mkdir()
    Image.fromarray(OBJECT.astype(np.uint8) * 255).save(folder / "masks" / "cat.png", exif=EXIF)
    (sample,) = read_folder(folder)
    assert sample.masks[0].size == (8, 6)
    assert np.array_equal(sample.masks[0].decode().object, OBJECT)
