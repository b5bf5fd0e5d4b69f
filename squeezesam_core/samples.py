"""Folders of photos and masks, as evaluation and training read them.

DIR/images/NAME.{jpg,jpeg,png,webp} and one of
- DIR/masks/NAME.png, or NAME_0.png, NAME_1.png ... one for each object: 0 background, 128 band to ignore, else object
- DIR/labels/NAME.png: an 8-bit class map, > 0 is the object
- DIR/trimaps/NAME.png: 1 object, 2 background, 3 border to ignore
- DIR/annotations.json or DIR/masks.json: COCO instances (polygons or RLE); crowds, and outlines of
  one or two points, are left out
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from pycocotools import mask as coco_mask

from squeezesam_core.errors import InvalidDatasetError, InvalidImageError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
LAYOUT = "Lay the folder out as images/ with masks/, labels/ or trimaps/, or with a COCO annotations.json."


@dataclass(frozen=True)
class Mask:
    """One object's outline: both (H, W) bool of the upright image; `ignore` pixels count neither way."""

    object: NDArray[np.bool_]
    ignore: NDArray[np.bool_]


class MaskReference(Protocol):
    """Where a mask is; decoded on demand."""

    def decode(self) -> Mask:
        """Raises InvalidDatasetError, naming the file and record, if it cannot be read."""
        ...


@dataclass(frozen=True)
class MaskFile:
    """A PNG whose grey values mean object, background or ignore, as `kind` (the folder's name) says."""

    path: Path
    kind: str

    def decode(self) -> Mask:
        grey = cv2.imread(str(self.path), cv2.IMREAD_UNCHANGED)
        if grey is None:
            raise InvalidDatasetError(f"{self.path} is not a readable image.", "Replace it by an 8-bit PNG.")
        if grey.ndim == 3:
            grey = grey[..., :3].max(axis=2)
        if self.kind == "trimaps":
            return Mask(grey == 1, grey == 3)
        if self.kind == "labels":
            return Mask(grey > 0, np.zeros(grey.shape, bool))
        return Mask((grey > 0) & (grey != 128), grey == 128)


@dataclass(frozen=True)
class CocoAnnotation:
    """One COCO segmentation: polygons, uncompressed or compressed RLE, at the size of the photo."""

    source: Path
    identifier: int
    segmentation: Any
    size: tuple[int, int]
    """(width, height)"""

    def decode(self) -> Mask:
        width, height = self.size
        try:
            rle = self.segmentation
            if isinstance(rle, list):
                polygons = [np.asarray(polygon, np.float64).reshape(-1, 2) for polygon in rle]
                outlines = [polygon.ravel().tolist() for polygon in polygons if len(polygon) >= 3]
                rle = coco_mask.merge(coco_mask.frPyObjects(outlines, height, width))
            elif isinstance(rle["counts"], list):
                rle = coco_mask.frPyObjects(rle, height, width)
            grey = coco_mask.decode(rle)
        except (ValueError, TypeError, KeyError) as error:
            raise self._broken(str(error)) from error
        if grey.shape != (height, width):
            raise self._broken(f"the mask is {grey.shape[1]}x{grey.shape[0]}, the photo {width}x{height}")
        return Mask(grey > 0, np.zeros(grey.shape, bool))

    def _broken(self, why: str) -> InvalidDatasetError:
        return InvalidDatasetError(
            f"{self.source}, annotation {self.identifier}: the segmentation cannot be read ({why}).",
            "Correct the record or take it out.",
        )


@dataclass(frozen=True)
class Sample:
    """A photo and its objects."""

    name: str
    path: Path
    masks: tuple[MaskReference, ...]

    def image(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB, upright."""
        return read_image(self.path)


def read_image(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB, turned upright by its EXIF orientation. Raises InvalidImageError."""
    try:
        with Image.open(path) as image:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except FileNotFoundError as error:
        raise InvalidImageError(f"There is no file {path}.", "Check the path.") from error
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise InvalidImageError(
            f"{path} is not a readable image ({error}).", "Use a JPEG, PNG or WebP file of at most 178 megapixels."
        ) from error


def read_folder(directory: Path, images: Path | None = None) -> Iterator[Sample]:
    """The samples of a folder, ordered by name; photos without a mask are left out.

    images: where the photos are, if not in directory/images. Raises InvalidDatasetError if the folder has none of the
    layouts above, or holds nothing.
    """
    images = images or directory / "images"
    if not images.is_dir():
        raise InvalidDatasetError(f"{images} is not a folder.", LAYOUT)
    photos = {path.stem: path for path in sorted(images.iterdir()) if path.suffix.lower() in IMAGE_SUFFIXES}
    references = _references(directory, photos)
    samples = [Sample(name, path, tuple(references[name])) for name, path in photos.items() if references.get(name)]
    if not samples:
        raise InvalidDatasetError(f"No photo in {images} has a mask.", LAYOUT)
    return iter(samples)


def problems(directory: Path, images: Path | None = None) -> Iterator[InvalidDatasetError | InvalidImageError]:
    """Decode everything and give every problem found, instead of stopping at the first."""
    try:
        samples = list(read_folder(directory, images))
    except InvalidDatasetError as error:
        yield error
        return
    for sample in samples:
        try:
            shape = sample.image().shape[:2]
        except InvalidImageError as error:
            yield error
            continue
        for reference in sample.masks:
            try:
                mask = reference.decode()
            except InvalidDatasetError as error:
                yield error
                continue
            if mask.object.shape != shape:
                yield InvalidDatasetError(
                    f"{sample.path} is {shape[1]}x{shape[0]}, a mask of it {mask.object.shape[::-1]}.",
                    "Store masks at the size of their upright photo.",
                )
            elif not mask.object.any():
                yield InvalidDatasetError(f"A mask of {sample.path} is empty.", "Take it out.")


def _references(directory: Path, photos: dict[str, Path]) -> dict[str, list[MaskReference]]:
    for kind in ("masks", "labels", "trimaps"):
        if (directory / kind).is_dir():
            return _mask_files(directory / kind, photos)
    for name in ("masks.json", "annotations.json"):  # masks first: the other may hold boxes only
        if (directory / name).is_file():
            return _coco(directory / name, photos)
    raise InvalidDatasetError(f"{directory} holds no masks.", LAYOUT)


def _mask_files(folder: Path, photos: dict[str, Path]) -> dict[str, list[MaskReference]]:
    found: dict[str, list[MaskReference]] = defaultdict(list)
    for path in sorted(folder.glob("*.png")):
        name, _, number = path.stem.rpartition("_")
        owner = path.stem if path.stem in photos else name if number.isdigit() else None
        if owner in photos:
            found[owner].append(MaskFile(path, folder.name))
    return found


def _coco(path: Path, photos: dict[str, Path]) -> dict[str, list[MaskReference]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        images = {record["id"]: record for record in document["images"]}
        annotations = document["annotations"]
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidDatasetError(
            f"{path} is not a COCO instances file ({error!r}).", "It needs images and annotations."
        ) from error
    found: dict[str, list[MaskReference]] = defaultdict(list)
    for annotation in annotations:
        segmentation = annotation.get("segmentation")
        if annotation.get("iscrowd") or not segmentation or _has_no_area(segmentation):
            continue
        image = images.get(annotation["image_id"])
        if image is None:
            raise InvalidDatasetError(
                f"{path}, annotation {annotation.get('id')}: image {annotation['image_id']} is not listed.",
                "Add it to images, or take the annotation out.",
            )
        name = Path(image["file_name"]).stem
        if name in photos:
            size = (int(image["width"]), int(image["height"]))
            found[name].append(CocoAnnotation(path, annotation.get("id", 0), segmentation, size))
    return found


def _has_no_area(segmentation: Any) -> bool:
    return isinstance(segmentation, list) and all(len(polygon) in (2, 4) for polygon in segmentation)
