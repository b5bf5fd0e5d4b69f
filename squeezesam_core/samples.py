"""Folders of photos and masks, as evaluation and training read them.

DIR/images/NAME.{jpg,jpeg,png,webp} and one of
- DIR/masks/NAME.png, or NAME_0.png, NAME_1.png ... one for each object: 0 background, 128 band to ignore, else object;
  beside a photo cat_0 the mask cat_0.png is that photo's, not one of a photo cat
- DIR/labels/NAME.png: an 8-bit class map, > 0 is the object
- DIR/trimaps/NAME.png: 1 object, 2 background, 3 border to ignore
- DIR/annotations.json or DIR/masks.json: COCO instances (squeezesam_core.coco)
"""

import logging
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2

from squeezesam_core.coco import read_coco
from squeezesam_core.errors import InvalidDatasetError, InvalidImageError
from squeezesam_core.geometry import Size
from squeezesam_core.records import (
    IMAGE_SUFFIXES,
    InvalidRecordError,
    Mask,
    MaskReference,
    PhotoFolder,
    Problem,
    Report,
    Sample,
    image_size,
    read_image,
)

__all__ = ["IMAGE_SUFFIXES", "Mask", "MaskFile", "MaskReference", "Sample", "read_folder", "read_image"]

log = logging.getLogger(__name__)

LAYOUT = "Lay the folder out as images/ with masks/, labels/ or trimaps/, or with a COCO annotations.json."
MASK_FOLDERS = ("masks", "labels", "trimaps")
COCO_FILES = ("masks.json", "annotations.json")
"""The first that is there: the other may hold boxes only."""


@dataclass(frozen=True, slots=True)
class MaskFile:
    """A PNG whose grey values mean object, background or ignore, as `kind` (the folder's name) says."""

    path: Path
    kind: str

    @property
    def where(self) -> tuple[Path, str]:
        return self.path, ""

    @property
    def size(self) -> Size:
        """(width, height) from the file's header. Raises InvalidRecordError."""
        try:
            return image_size(self.path, upright=False)
        except InvalidImageError as error:
            raise InvalidRecordError(Problem.UNREADABLE_MASK, self.path, "", "it is not a readable image") from error

    def decode(self) -> Mask:
        """Raises InvalidRecordError."""
        grey = cv2.imread(str(self.path), cv2.IMREAD_UNCHANGED)
        if grey is None:
            raise InvalidRecordError(Problem.UNREADABLE_MASK, self.path, "", "it is not a readable image")
        if grey.ndim == 3:
            grey = grey[..., :3].max(axis=2)
        if self.kind == "trimaps":
            return Mask(grey == 1, grey == 3)
        if self.kind == "labels":
            return Mask.of(grey > 0)
        return Mask((grey > 0) & (grey != 128), grey == 128)


def read_folder(directory: Path, images: Path | None = None, report: Report | None = None) -> Iterator[Sample]:
    """The samples of a folder, ordered by name; photos without a mask are left out.

    images: where the photos are, if not in directory/images. report: told of each bad record, which is left out;
    without it they are logged. Raises InvalidDatasetError if the folder has none of the layouts above, or holds
    nothing.
    """
    report = report or log_record
    images = images or directory / "images"
    if not images.is_dir():
        raise InvalidDatasetError(f"{images} is not a folder.", LAYOUT)
    photos = PhotoFolder(images, report)
    samples = _read(directory, photos, report)
    if not samples:
        raise InvalidDatasetError(f"No photo in {images} has a mask.", LAYOUT)
    return iter(sorted(samples, key=lambda sample: sample.path))


def log_record(error: InvalidRecordError) -> None:
    """The report that only logs."""
    log.warning("left out: %s", error)


def _read(directory: Path, photos: PhotoFolder, report: Report) -> list[Sample]:
    for kind in MASK_FOLDERS:
        if (directory / kind).is_dir():
            return _mask_files(directory / kind, photos, report)
    for name in COCO_FILES:
        if (directory / name).is_file():
            return read_coco(directory / name, photos, report)
    raise InvalidDatasetError(f"{directory} holds no masks.", LAYOUT)


def _mask_files(folder: Path, photos: PhotoFolder, report: Report) -> list[Sample]:
    found: dict[str, list[MaskReference]] = defaultdict(list)
    for path in sorted(folder.glob("*.png")):
        name, _, number = path.stem.rpartition("_")
        owner = path.stem if path.stem in photos else name
        if owner in photos and (owner == path.stem or number.isdigit()):
            found[owner].append(MaskFile(path, folder.name))
        else:
            detail = f"{photos.directory} holds no photo of that name"
            report(InvalidRecordError(Problem.MISSING_MASK, path, "", detail))
    return [Sample(photo.stem, photo, tuple(found[photo.stem])) for photo in photos if photo.stem in found]
