"""Boxes of a COCO file that have no mask yet: what a teacher is asked about."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from squeezesam_core.coco import Identifier, index_coco, index_images, load, with_photos
from squeezesam_core.geometry import Size
from squeezesam_core.masks import bounding_box
from squeezesam_core.prompts import Box
from squeezesam_core.records import InvalidRecordError, PhotoFolder, Problem, Report

KNOWN = 0.7
"""A box that overlaps the extent of a mask as much (IoU) is of the same object."""


@dataclass(frozen=True)
class BoxRecord:
    """A box in the image frame, and the annotation it is of."""

    identifier: Identifier
    category: Any
    box: Box


@dataclass(frozen=True)
class BoxedPhoto:
    """A photo of `size` (width, height) as its record says, and its boxes (at least one); name: in its folder."""

    name: str
    path: Path
    size: Size
    boxes: tuple[BoxRecord, ...]


def read_boxes(path: Path, photos: PhotoFolder, report: Report, known: Path | None = None) -> Iterator[BoxedPhoto]:
    """The photos of an instances file with their boxes, crowds left out, in the file's order.

    known: an instances file of masks; boxes of objects that it outlines are left out. Bad records are reported and
    left out. Raises InvalidDatasetError if a file is no instances file.
    """
    images, records = load(path)
    listed = index_images(path, images, report)
    outlined = {} if known is None else _extents(known, report)
    found: dict[Identifier, list[BoxRecord]] = defaultdict(list)
    for position, record in enumerate(records):
        name = f"annotations[{position}]"
        try:
            if record.get("iscrowd"):
                continue
            name = f"annotation {record.get('id', position)}"
            image = listed[record["image_id"]]
            box = _box(record["bbox"], image.size)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            report(InvalidRecordError(Problem.MALFORMED, path, name, f"it has no usable box ({error})"))
            continue
        if not any(overlap(box, other) > KNOWN for other in outlined.get(Path(image.name).stem, ())):
            found[image.identifier].append(BoxRecord(record.get("id", position), record.get("category_id"), box))
    for image, photo in with_photos(path, (listed[identifier] for identifier in found), photos, report):
        name = photo.relative_to(photos.directory).as_posix()
        yield BoxedPhoto(name, photo, image.size, tuple(found[image.identifier]))


def overlap(a: Box, b: Box) -> float:
    """IoU of two boxes."""
    width = max(0.0, min(a.x1, b.x1) - max(a.x0, b.x0))
    height = max(0.0, min(a.y1, b.y1) - max(a.y0, b.y0))
    common = width * height
    whole = (a.x1 - a.x0) * (a.y1 - a.y0) + (b.x1 - b.x0) * (b.y1 - b.y0) - common
    return common / whole if whole > 0 else 0.0


def extent(mask: np.ndarray[Any, np.dtype[np.bool_]]) -> Box:
    """The smallest box around a mask (H, W) bool, which is not empty."""
    x, y, width, height = bounding_box(mask)
    return Box(x, y, x + width, y + height)


def _box(bbox: Any, size: Size) -> Box:
    x, y, width, height = (float(value) for value in bbox)
    box = Box(max(x, 0.0), max(y, 0.0), min(x + width, size[0]), min(y + height, size[1]))
    if not (box.x1 - box.x0 >= 1 and box.y1 - box.y0 >= 1):  # not a number fails this, too
        raise ValueError(f"{bbox} holds no pixel of the photo")
    return box


def _extents(known: Path, report: Report) -> dict[str, list[Box]]:
    """Extents of a file's masks by the stem of their photo's name: ids differ from file to file."""
    file = index_coco(known, report)
    found: dict[str, list[Box]] = defaultdict(list)
    for identifier, annotations in file.annotations.items():
        for annotation in annotations:
            try:
                mask = annotation.decode().object
            except InvalidRecordError as error:
                report(error)
                continue
            if mask.any():
                found[Path(file.images[identifier].name).stem].append(extent(mask))
    return found
