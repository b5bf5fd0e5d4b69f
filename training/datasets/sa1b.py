"""SA-1B as Meta publishes it: sa_N.jpg with sa_N.json, a hundred masks a photo, compressed RLE.

Only where a mask is stays in memory (a shard of 11,000 photos holds a million); its file is read again to decode it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from squeezesam_core.coco_masks import decode
from squeezesam_core.geometry import Size
from squeezesam_core.records import BadMaskError, InvalidRecordError, Mask, PhotoFolder, Problem, Report, Sample

PATTERN = "sa_*.json"


@dataclass(frozen=True, slots=True)
class Sa1bMask:
    """The mask at `position` of a photo's file; size: (width, height) of the photo."""

    source: Path
    position: int
    size: Size

    @property
    def where(self) -> tuple[Path, str]:
        return self.source, f"annotations[{self.position}]"

    def decode(self) -> Mask:
        """Raises InvalidRecordError."""
        _, annotations = _load(self.source)
        try:
            return Mask.of(decode(annotations[self.position]["segmentation"], self.size))
        except BadMaskError as error:
            raise error.of(*self.where) from error


def read(directory: Path, photos: PhotoFolder, report: Report) -> Iterator[Sample]:
    """The photos of a folder of sa_*.json that have a mask, in the order of their names."""
    for path in sorted(directory.glob(PATTERN)):
        try:
            size, annotations = _load(path)
        except InvalidRecordError as error:
            report(error)
            continue
        masks = []
        for position, record in enumerate(annotations):
            problem = _problem(record, size)
            if problem is None:
                masks.append(Sa1bMask(path, position, size))
            else:
                report(problem.of(path, f"annotations[{position}]"))
        photo = photos.find(path.name)
        if photo is None:
            detail = f"{photos.directory} holds no photo {path.stem}"
            report(InvalidRecordError(Problem.MISSING_PHOTO, path, "", detail))
        elif masks:
            yield Sample(photo.stem, photo, tuple(masks))


def _load(path: Path) -> tuple[Size, list[Any]]:
    try:
        document = json.loads(path.read_bytes())
        image = document["image"]
        size, annotations = (int(image["width"]), int(image["height"])), document["annotations"]
        if not isinstance(annotations, list):
            raise TypeError("annotations must be a list")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidRecordError(Problem.MALFORMED, path, "", f"it is no file of SA-1B ({error!r})") from error
    return size, annotations


def _problem(record: Any, size: Size) -> BadMaskError | None:
    """What can be seen without decoding a million masks."""
    try:
        declared = list(record["segmentation"]["size"])
    except (KeyError, TypeError):
        return BadMaskError(Problem.MALFORMED, "it has no segmentation with a size")
    if declared != [size[1], size[0]]:
        return BadMaskError(Problem.WRONG_SIZE, f"the mask is {declared[::-1]}, the photo {size[0]}x{size[1]}")
    return None
