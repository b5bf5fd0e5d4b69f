"""Label Studio's export as JSON: brush and polygon regions as masks.

Of each task one annotation counts: the ground truth, else the last one updated. Skipped tasks, empty annotations,
rectangles and the key points that a refused suggestion leaves behind are no masks and are passed over. Photos are found
by their name in a folder: nothing is fetched here.
"""

import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from squeezesam_core import coco_masks, rle
from squeezesam_core.errors import InvalidDatasetError
from squeezesam_core.geometry import Points, Size, percent_to_image
from squeezesam_core.records import (
    IMAGE_SUFFIXES,
    BadMaskError,
    InvalidRecordError,
    Mask,
    PhotoFolder,
    Problem,
    Report,
    Sample,
)

BRUSH = ("brush", "brushlabels")
POLYGON = ("polygon", "polygonlabels")
UNSUPPORTED = ("bitmask", "bitmasklabels", "ellipse", "ellipselabels", "vector", "vectorlabels")
UPLOAD_PREFIX = re.compile(r"^[0-9a-f]{8}-")
"""What Label Studio puts before the name of an uploaded file."""


@dataclass(frozen=True, slots=True)
class Region:
    """What was drawn on a photo of `size` (width, height).

    drawn: a brush's RLE as bytes, deflated, or a polygon's points, (N, 2) x, y in percent of the photo.
    """

    source: Path
    record: str
    drawn: bytes | Points
    size: Size

    @property
    def where(self) -> tuple[Path, str]:
        return self.source, self.record

    def decode(self) -> Mask:
        """Raises InvalidRecordError."""
        try:
            if isinstance(self.drawn, bytes):
                coco_masks.check_size(self.size)
                return Mask.of(rle.decode(zlib.decompress(self.drawn), self.size))
            pixels = percent_to_image(self.drawn, self.size)
            return Mask.of(coco_masks.decode([pixels.ravel()], self.size))
        except BadMaskError as error:
            raise error.of(self.source, self.record) from error
        except rle.InvalidRLEError as error:
            raise InvalidRecordError(Problem.BAD_RLE, self.source, self.record, error.cause.rstrip(".")) from error


def read(path: Path, photos: PhotoFolder, report: Report) -> Iterator[Sample]:
    """The photos of an export that have a mask, in the export's order. Bad records are reported and left out.

    Raises InvalidDatasetError if the file is no export as JSON (JSON_MIN is none: it lacks the regions' sizes).
    """
    seen: set[Path] = set()
    for position, task in enumerate(_load(path)):
        name = f"task {task.get('id', position)}"
        regions = list(_regions(path, name, chosen_annotation(task), report))
        if not regions:
            continue
        photo = next((found for value in image_names(task) if (found := photos.find(value)) is not None), None)
        if photo is None:
            wanted = ", ".join(image_names(task)) or "named in its data"
            detail = f"{photos.directory} holds no photo {wanted}"
            report(InvalidRecordError(Problem.MISSING_PHOTO, path, name, detail))
        elif photo in seen:
            report(InvalidRecordError(Problem.DUPLICATE, path, name, f"an earlier task has the photo {photo.name}"))
        else:
            seen.add(photo)
            yield Sample(photo.stem, photo, tuple(regions))


def chosen_annotation(task: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The annotation of a task that counts; None if nobody finished one."""
    found = task.get("annotations")
    finished = [
        annotation
        for annotation in (found if isinstance(found, list) else [])
        if isinstance(annotation, dict) and not annotation.get("was_cancelled") and annotation.get("result")
    ]
    truths = [annotation for annotation in finished if annotation.get("ground_truth")]
    return max(truths or finished, key=lambda annotation: str(annotation.get("updated_at", "")), default=None)


def image_names(task: Mapping[str, Any]) -> list[str]:
    """Under which names a task's photo may stand in a folder, the likeliest first."""
    data = task.get("data")
    names: dict[str, None] = {}
    for value in (data if isinstance(data, dict) else {}).values():
        if not isinstance(value, str):
            continue
        parts = urlsplit(value)
        local = parse_qs(parts.query).get("d", [""])[0]  # /data/local-files/?d=folder/name.jpg
        name = local or unquote(parts.path)
        if name.lower().endswith(IMAGE_SUFFIXES):
            last = name.rpartition("/")[2]
            names |= dict.fromkeys([name.lstrip("/"), last, UPLOAD_PREFIX.sub("", last)])
    return list(names)


def _load(path: Path) -> list[dict[str, Any]]:
    try:
        tasks = json.loads(path.read_bytes(), object_hook=_pack)
        if not isinstance(tasks, list) or not all(isinstance(task, dict) and "data" in task for task in tasks):
            raise TypeError("it is no list of tasks with data")
    except FileNotFoundError as error:
        raise InvalidDatasetError(f"There is no file {path}.", "Check the path.") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidDatasetError(
            f"{path} is not a Label Studio export ({error}).", "Export the project in the format JSON, not JSON-MIN."
        ) from error
    return tasks


def _pack(record: dict[str, Any]) -> dict[str, Any]:
    """Deflate a region's RLE as it is parsed: a list of a hundred thousand numbers else."""
    if isinstance(record.get("rle"), list):
        try:
            record["rle"] = zlib.compress(bytes(record["rle"]), 1)
        except (TypeError, ValueError):
            record["rle"] = None
    return record


def _regions(path: Path, task: str, annotation: Mapping[str, Any] | None, report: Report) -> Iterator[Region]:
    results = None if annotation is None else annotation.get("result")
    for position, result in enumerate(results if isinstance(results, list) else []):
        kind = result.get("type") if isinstance(result, dict) else None
        record = f"{task}, region {result.get('id', position) if isinstance(result, dict) else position}"
        if kind in UNSUPPORTED:
            report(InvalidRecordError(Problem.UNSUPPORTED, path, record, f"regions of type {kind} are not read"))
        if kind not in (*BRUSH, *POLYGON):
            continue
        try:
            size = (int(result["original_width"]), int(result["original_height"]))
            value = result["value"]
            yield Region(path, record, _rle(value) if kind in BRUSH else _points(value), size)
        except BadMaskError as error:
            report(error.of(path, record))
        except (KeyError, TypeError, ValueError) as error:
            report(InvalidRecordError(Problem.MALFORMED, path, record, f"it is no region ({error!r})"))


def _rle(value: Mapping[str, Any]) -> bytes:
    if not isinstance(value["rle"], bytes):
        raise BadMaskError(Problem.BAD_RLE, "its rle is no list of bytes")
    return value["rle"]


def _points(value: Mapping[str, Any]) -> Points:
    points = np.asarray(value["points"], np.float32).reshape(-1, 2)
    if len(points) < coco_masks.POINTS:
        raise BadMaskError(Problem.SHORT_POLYGON, f"it has {len(points)} points")
    return points
