"""COCO instances files: polygons, run lengths, packed run lengths; crowds are left out.

The file is indexed once. Outlines are packed into arrays while it is parsed: as Python's lists of numbers, COCO's own
training set would fill several gigabytes.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from squeezesam_core.coco_masks import POINTS, check_size, decode
from squeezesam_core.errors import InvalidDatasetError
from squeezesam_core.geometry import Size
from squeezesam_core.records import (
    BadMaskError,
    InvalidRecordError,
    Mask,
    PhotoFolder,
    Problem,
    Report,
    Sample,
)

Identifier = int | str

KEPT = ("id", "image_id", "category_id", "iscrowd", "bbox", "segmentation", "teacher")
"""What is read of an annotation."""


@dataclass(frozen=True, slots=True)
class CocoAnnotation:
    """One COCO segmentation: polygons, uncompressed or compressed RLE, at the size of the photo."""

    source: Path
    identifier: Identifier
    segmentation: Any
    size: Size
    """(width, height)"""
    teacher: str | None = None
    """The network that drew it; None: people did."""

    @property
    def where(self) -> tuple[Path, str]:
        return self.source, f"annotation {self.identifier}"

    def decode(self) -> Mask:
        """Raises InvalidRecordError."""
        try:
            return Mask.of(decode(self.segmentation, self.size))
        except BadMaskError as error:
            raise error.of(*self.where) from error


@dataclass(frozen=True)
class CocoImage:
    """One image record; name: file_name, or the end of coco_url (LVIS: "train2017/NAME.jpg"); size: (width, height)."""

    identifier: Identifier
    name: str
    size: Size


@dataclass(frozen=True)
class CocoFile:
    """An instances file's usable records: images by id, and the annotations of each (maybe none)."""

    path: Path
    images: Mapping[Identifier, CocoImage]
    annotations: Mapping[Identifier, list[CocoAnnotation]]


def read_coco(path: Path, photos: PhotoFolder, report: Report) -> list[Sample]:
    """The photos of an instances file that have a mask, in the file's order. Bad records are reported and left out.

    Raises InvalidDatasetError if the file is no instances file.
    """
    file = index_coco(path, report)
    return list(to_samples(file, file.annotations, photos, report))


def to_samples(
    file: CocoFile, annotations: Mapping[Identifier, list[CocoAnnotation]], photos: PhotoFolder, report: Report
) -> Iterable[Sample]:
    """Samples of a file's images with the given annotations, in the file's order."""
    drawn = (image for image in file.images.values() if annotations.get(image.identifier))
    for image, photo in with_photos(file.path, drawn, photos, report):
        yield Sample(photo.stem, photo, tuple(annotations[image.identifier]))


def with_photos(
    path: Path, images: Iterable[CocoImage], photos: PhotoFolder, report: Report
) -> Iterator[tuple[CocoImage, Path]]:
    """A file's images, each with its photo; each photo once, missing ones reported."""
    seen: set[Path] = set()
    for image in images:
        record = f"image {image.identifier}"
        photo = photos.find(image.name)
        if photo is None:
            detail = f"{photos.directory} holds no photo {image.name}"
            report(InvalidRecordError(Problem.MISSING_PHOTO, path, record, detail))
        elif photo in seen:
            report(InvalidRecordError(Problem.DUPLICATE, path, record, f"{photo} is listed before"))
        else:
            seen.add(photo)
            yield image, photo


def index_coco(path: Path, report: Report) -> CocoFile:
    """Raises InvalidDatasetError if the file is no instances file."""
    images, records = load(path)
    listed = index_images(path, images, report)
    found: dict[Identifier, list[CocoAnnotation]] = {identifier: [] for identifier in listed}
    for position, record in enumerate(records):
        try:
            annotation = _annotation(path, record, position, listed, report)
        except InvalidRecordError as error:
            report(error)
            continue
        if annotation is not None:
            found[record["image_id"]].append(annotation)
    return CocoFile(path, listed, found)


def load(path: Path) -> tuple[list[Any], list[Any]]:
    """A file's image and annotation records, of these only what is in KEPT if they have an outline.

    Raises InvalidDatasetError if the file is no instances file.
    """
    try:
        document = json.loads(path.read_bytes(), object_hook=_pack)
        images, annotations = document["images"], document["annotations"]
        if not isinstance(images, list) or not isinstance(annotations, list):
            raise TypeError("images and annotations must be lists")
    except FileNotFoundError as error:
        raise InvalidDatasetError(f"There is no file {path}.", "Check the path.") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidDatasetError(
            f"{path} is not a COCO instances file ({error!r}).", "It needs images and annotations."
        ) from error
    return images, annotations


def index_images(path: Path, records: list[Any], report: Report) -> dict[Identifier, CocoImage]:
    """Image records by id; bad ones are reported and left out."""
    listed: dict[Identifier, CocoImage] = {}
    for position, record in enumerate(records):
        try:
            image = _image(record)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            report(InvalidRecordError(Problem.MALFORMED, path, f"images[{position}]", f"it is no image ({error!r})"))
            continue
        if image.identifier in listed:
            detail = "another image has this id"
            report(InvalidRecordError(Problem.DUPLICATE, path, f"image {image.identifier}", detail))
        else:
            listed[image.identifier] = image
    return listed


def _pack(record: dict[str, Any]) -> dict[str, Any]:
    """Called for each object of the file as it is parsed, the innermost first."""
    segmentation, counts = record.get("segmentation"), record.get("counts")
    if "segmentation" in record:
        record = {key: record[key] for key in KEPT if key in record}
    try:
        if isinstance(segmentation, list):
            record["segmentation"] = [np.asarray(polygon, np.float64) for polygon in segmentation]
        elif isinstance(counts, list):
            record["counts"] = np.asarray(counts, np.int64)
    except (TypeError, ValueError, OverflowError):
        return record  # as it is: decoding says what is wrong with it, and where
    return record


def _image(record: Any) -> CocoImage:
    name = record.get("file_name") or "/".join(record["coco_url"].split("/")[-2:])
    size = (int(record["width"]), int(record["height"]))
    check_size(size)
    return CocoImage(record["id"], str(name), size)


def _annotation(
    path: Path, record: Any, position: int, images: Mapping[Identifier, CocoImage], report: Report
) -> CocoAnnotation | None:
    if not isinstance(record, dict) or "image_id" not in record:
        raise InvalidRecordError(Problem.MALFORMED, path, f"annotations[{position}]", "it names no image")
    segmentation = record.get("segmentation")
    if record.get("iscrowd") or not segmentation:  # a crowd's outline, or a box without one
        return None
    image = images.get(record["image_id"]) if isinstance(record["image_id"], Identifier) else None
    identifier = record.get("id", position)
    name = f"annotation {identifier}"
    if image is None:
        raise InvalidRecordError(Problem.MISSING_PHOTO, path, name, f"image {record['image_id']} is not listed")
    if isinstance(segmentation, list):
        short = [polygon for polygon in segmentation if isinstance(polygon, np.ndarray) and polygon.size < 2 * POINTS]
        if short:
            error = InvalidRecordError(
                Problem.SHORT_POLYGON, path, name, f"a polygon of it has {short[0].size // 2} points"
            )
            if len(short) == len(segmentation):
                raise error
            report(error)  # the other polygons are kept
    elif not isinstance(segmentation, dict):
        raise InvalidRecordError(Problem.MALFORMED, path, name, "its segmentation is neither polygons nor RLE")
    return CocoAnnotation(path, identifier, segmentation, image.size, record.get("teacher"))
