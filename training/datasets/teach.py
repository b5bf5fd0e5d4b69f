"""Masks and maps of a whole folder by a teacher: checked, written as they come, and resumed where they stopped.

Masks go to a COCO file with compressed RLE; each carries `teacher`, `score` and its checks. A journal beside it holds a
line for each photo that is done: after a stop, or with more photos, the same command goes on. Maps are files of their
own, and what is there is kept.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core.coco_masks import encode
from squeezesam_core.errors import InvalidDatasetError, InvalidImageError
from squeezesam_core.records import InvalidRecordError, Problem, Report, read_image, unreadable_photo
from training.datasets.box_teacher import BoxTeacher, Drawing, draw
from training.datasets.boxes import BoxedPhoto, extent
from training.datasets.teacher import is_sure, read_map

MAP_SIDE = 256
"""The long side of a stored map in pixels."""
MAP_LEVELS = 15
"""A stored map has 16 grey levels, multiples of 17: it is a soft outline, and shrinks to a kilobyte."""

MapOf = Callable[[Path], NDArray[np.float32] | None]
"""The saliency map (h, w) float32 in 0..1 of a photo, if it has one."""
Detect = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""A photo (H, W, 3) uint8 RGB -> its saliency map (h, w) float32 in 0..1, showing the whole photo."""


@dataclass
class Lesson:
    """What a teacher gave: photos done, masks (or maps) to learn from, and how many were refused for what."""

    photos: int = 0
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)


class Journal:
    """Lines of {file_name, width, height, annotations, refused}, one for each photo that is done."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[dict[str, Any]] = []
        whole = 0
        if path.exists():
            for line in path.read_bytes().splitlines(keepends=True):
                if line.endswith(b"\n"):  # the last may have been cut off
                    self.entries.append(self._parse(line))
                    whole += len(line)
            os.truncate(path, whole)

    def append(self, entry: dict[str, Any]) -> None:
        self.entries.append(entry)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def _parse(self, line: bytes) -> dict[str, Any]:
        try:
            entry = json.loads(line)
            if not isinstance(entry, dict) or "annotations" not in entry:
                raise ValueError("it holds no annotations")
        except ValueError as error:
            raise InvalidDatasetError(
                f"{self.path} is damaged ({error}).", "Delete it and start again, or take the line out."
            ) from error
        return entry


def teach_boxes(
    teacher: BoxTeacher, photos: Iterable[BoxedPhoto], out: Path, map_of: MapOf, report: Report
) -> Iterator[Lesson]:
    """Ask about every box of every photo that is not in the journal; the lesson so far after each photo.

    What was drawn is in `out` when the iterator ends or is closed. A bad photo is reported, left out and tried again
    next time.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    journal = Journal(out.with_name(out.name + ".journal"))
    done = {entry["file_name"] for entry in journal.entries}
    try:
        for photo in photos:
            if photo.name not in done:
                try:
                    journal.append(_lesson_of(teacher, photo, map_of))
                except InvalidRecordError as error:
                    report(error)
            yield _sum(journal.entries)
    finally:
        write_coco(journal.entries, teacher.version, out)


def write_coco(entries: list[dict[str, Any]], teacher: str, out: Path) -> None:
    """The journal's entries as a COCO instances file, in one step: a reader sees the old one or the new one."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, entry in enumerate(entries, start=1):
        images.append({"id": number} | {key: entry[key] for key in ("file_name", "width", "height")})
        for annotation in entry["annotations"]:
            annotations.append({"id": len(annotations) + 1, "image_id": number} | annotation)
    categories = sorted({annotation["category_id"] for annotation in annotations}, key=str)
    lesson = _sum(entries)
    document = {
        "info": {"teacher": teacher, "accepted": lesson.accepted, "refused": dict(lesson.refused)},
        "images": images,
        "annotations": annotations,
        "categories": [{"id": category, "name": str(category)} for category in categories],
    }
    replace_file(out, json.dumps(document).encode())


def teach_maps(detect: Detect, photos: Iterable[Path], out: Path, report: Report) -> Iterator[Lesson]:
    """Write out/NAME.webp for each photo that has none; the lesson so far after each.

    accepted counts the maps that are sure of an object (teacher.is_sure). A bad photo is reported and left out.
    """
    out.mkdir(parents=True, exist_ok=True)
    lesson = Lesson()
    for photo in photos:
        path = out / f"{photo.stem}.webp"
        try:
            if not path.exists():
                replace_file(path, encode_map(detect, _read(photo)))
            sure = is_sure(read_map(path))
        except InvalidRecordError as error:
            report(error)
        else:
            lesson.photos += 1
            lesson.accepted += sure
            lesson.refused["unsure"] += not sure
        yield lesson


def encode_map(detect: Detect, image: NDArray[np.uint8]) -> bytes:
    """The map of a photo (H, W, 3) uint8 RGB as a lossless WebP of the photo's aspect."""
    height, width = image.shape[:2]
    scale = MAP_SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    saliency = cv2.resize(detect(image), size, interpolation=cv2.INTER_AREA)
    grey = (np.round(np.clip(saliency, 0, 1) * MAP_LEVELS) * (255 // MAP_LEVELS)).astype(np.uint8)
    _, encoded = cv2.imencode(".webp", grey, [cv2.IMWRITE_WEBP_QUALITY, 101])  # above 100: lossless
    return encoded.tobytes()


def _lesson_of(teacher: BoxTeacher, photo: BoxedPhoto, map_of: MapOf) -> dict[str, Any]:
    image = _read(photo.path)
    height, width = image.shape[:2]
    if photo.size != (width, height):
        detail = f"its record says {photo.size[0]}x{photo.size[1]}, and it is {width}x{height}"
        raise InvalidRecordError(Problem.WRONG_SIZE, photo.path, "", detail)
    saliency = map_of(photo.path)
    if saliency is not None:
        saliency = cv2.resize(saliency, (width, height), interpolation=cv2.INTER_LINEAR)
    embedding = teacher.embed(image)
    annotations: list[dict[str, Any]] = []
    refused: Counter[str] = Counter()
    for seed, record in enumerate(photo.boxes):
        drawing = draw(teacher, embedding, record.box, (width, height), saliency, seed)
        if drawing.refused is None:
            annotations.append(_annotation(drawing, teacher.version) | {"category_id": record.category})
        else:
            refused[drawing.refused] += 1
    size = {"width": width, "height": height}
    return {"file_name": photo.name} | size | {"annotations": annotations, "refused": dict(refused)}


def _annotation(drawing: Drawing, teacher: str) -> dict[str, Any]:
    rle = encode(drawing.mask)
    box = extent(drawing.mask)
    return {
        "segmentation": {"size": rle["size"], "counts": rle["counts"].decode("ascii")},
        "bbox": [box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0],
        "area": int(drawing.mask.sum()),
        "iscrowd": 0,
        "teacher": teacher,
        "score": round(drawing.score, 4),
        "checks": {
            "extent": round(drawing.extent, 4),
            "stability": round(drawing.stability, 4),
            "map": None if drawing.agreement is None else round(drawing.agreement, 4),
        },
    }


def _sum(entries: list[dict[str, Any]]) -> Lesson:
    refused: Counter[str] = Counter()
    for entry in entries:
        refused.update(entry.get("refused", {}))
    return Lesson(len(entries), sum(len(entry["annotations"]) for entry in entries), refused)


def _read(path: Path) -> NDArray[np.uint8]:
    try:
        return read_image(path)
    except InvalidImageError as error:
        raise unreadable_photo(path, error) from error


def replace_file(path: Path, content: bytes) -> None:
    """Write a file in one step. Raises InvalidDatasetError if that cannot be done."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    except OSError as error:
        raise InvalidDatasetError(f"{path} cannot be written ({error}).", "Free space or name another path.") from error
