"""The photos a network is trained on: several folders, each with a weight, drawn from at random.

A recipe (training/recipes/*.toml) lists the sources:

    [[source]]
    directory = "train/pets"       # a folder that squeezesam_core.samples reads; may be missing for photos only
    images = "photos/pets/images"  # optional: where the photos are, if not in directory/images
    maps = "saliency/pets"         # optional: a saliency map NAME.webp or NAME.png for each photo, grey, any size
    weight = 1.0                   # how often a photo of it is drawn, against 1 for the others
    salient = true                 # optional: its masks, taken together, are all that stands out in the photo
    photos_only = true             # optional: its annotations are no masks (boxes, say)
    teacher = true                 # optional: it has no masks; take those that its maps are sure of
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from squeezesam_core.errors import InvalidDatasetError
from squeezesam_core.samples import IMAGE_SUFFIXES, MaskReference, read_folder
from training.datasets.teacher import MapMask, is_sure, read_map


@dataclass(frozen=True)
class Photo:
    """A photo, its objects' masks (maybe none), and its saliency map (maybe none)."""

    path: Path
    masks: tuple[MaskReference, ...]
    map_path: Path | None
    salient: bool

    def saliency(self) -> NDArray[np.float32] | None:
        """(h, w) float32 in 0..1, at the map's own size."""
        return None if self.map_path is None else read_map(self.map_path)

    @property
    def taught(self) -> bool:
        """Whether its mask is its own map: given that as the previous mask, there would be nothing to learn."""
        return any(isinstance(mask, MapMask) for mask in self.masks)


class Corpus:
    """Photos with their drawing weights."""

    def __init__(self, photos: list[Photo], weights: list[float]) -> None:
        if not photos:
            raise InvalidDatasetError("The recipe's sources hold no usable photo.", "Check its paths and --root.")
        self.photos = photos
        self._cumulative = np.cumsum(weights)

    def draw(self, rng: np.random.Generator) -> Photo:
        index = int(np.searchsorted(self._cumulative, rng.random() * self._cumulative[-1], side="right"))
        return self.photos[min(index, len(self.photos) - 1)]


def read_corpus(sources: list[dict[str, Any]], root: Path, *, masks_only: bool) -> Corpus:
    """Read a recipe's sources. masks_only: leave out photos that have no mask; else those with neither mask nor map.

    Raises InvalidDatasetError that names the source.
    """
    photos: list[Photo] = []
    weights: list[float] = []
    for source in sources:
        for photo in _read_source(source, root):
            if photo.masks or (photo.map_path is not None and not masks_only):
                photos.append(photo)
                weights.append(float(source.get("weight", 1.0)))
    return Corpus(photos, weights)


def _read_source(source: dict[str, Any], root: Path) -> list[Photo]:
    directory = root / source["directory"]
    images = root / source["images"] if "images" in source else directory / "images"
    if not images.is_dir():
        raise InvalidDatasetError(f"Source {source['directory']}: {images} is not a folder.", "Check --root.")
    has_masks = any((directory / name).exists() for name in ("masks", "labels", "trimaps", "masks.json")) or (
        (directory / "annotations.json").exists() and not source.get("photos_only", False)
    )
    masks = {sample.name: sample.masks for sample in read_folder(directory, images)} if has_masks else {}
    salient, teacher = bool(source.get("salient", False)), bool(source.get("teacher", False))
    maps = root / source["maps"] if "maps" in source else None
    photos = []
    for path in sorted(images.iterdir()):
        if path.suffix.lower() in IMAGE_SUFFIXES:
            map_path = _map_of(path, maps)
            found = _taught(path, map_path) if teacher else masks.get(path.stem, ())
            photos.append(Photo(path, found, map_path, salient))
    return photos


def _taught(path: Path, map_path: Path | None) -> tuple[MaskReference, ...]:
    if map_path is None or not is_sure(read_map(map_path)):
        return ()
    with Image.open(path) as image:
        return (MapMask(map_path, image.size),)


def _map_of(photo: Path, maps: Path | None) -> Path | None:
    if maps is None:
        return None
    for suffix in (".webp", ".png"):
        candidate = maps / (photo.stem + suffix)
        if candidate.exists():
            return candidate
    return None
