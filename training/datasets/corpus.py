"""The photos a network is trained on: several sources (training.datasets.sources), each with a weight, drawn from at
random."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from squeezesam_core.errors import InvalidDatasetError, InvalidImageError
from squeezesam_core.geometry import Size
from squeezesam_core.records import (
    InvalidRecordError,
    MaskReference,
    PhotoFolder,
    Report,
    image_size,
    read_image,
    unreadable_photo,
)
from training.datasets.check import check_fits
from training.datasets.problems import Tally
from training.datasets.sources import Source, parse, photo_folder, read_source
from training.datasets.teacher import MapMask, find_map, is_sure, read_map

log = logging.getLogger(__name__)

STRETCH = 1.2
"""Photos whose aspects differ by no more than this factor are alike: a batch shows them at one of the aspects."""


@dataclass(frozen=True)
class Photo:
    """A photo of `size` (width, height), its objects' masks (maybe none), its saliency map (maybe none), and the source
    it is of."""

    path: Path
    size: Size
    masks: tuple[MaskReference, ...]
    map_path: Path | None
    salient: bool
    source: str = ""

    def image(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB, upright. Raises InvalidRecordError: the header was read before, the pixels were not."""
        try:
            return read_image(self.path)
        except InvalidImageError as error:
            raise unreadable_photo(self.path, error) from error

    def saliency(self) -> NDArray[np.float32] | None:
        """(h, w) float32 in 0..1, at the map's own size."""
        return None if self.map_path is None else read_map(self.map_path)

    @property
    def taught(self) -> bool:
        """Whether its mask is its own map: given that as the previous mask, there would be nothing to learn."""
        return any(isinstance(mask, MapMask) for mask in self.masks)


class Corpus:
    """Photos, by aspect, with their drawing weights."""

    def __init__(self, photos: list[Photo], weights: list[float]) -> None:
        if not photos:
            raise InvalidDatasetError("The recipe's sources hold no usable photo.", "Check its paths and --root.")
        aspects = np.log([photo.size[0] / photo.size[1] for photo in photos])
        order = np.argsort(aspects, kind="stable")
        self.photos = [photos[index] for index in order]
        self._aspects = aspects[order]
        self._cumulative = np.cumsum(np.asarray(weights)[order])

    def draw(self, rng: np.random.Generator, near: Size | None = None) -> Photo:
        """A photo by weight: of those whose aspect is like that of `near` (width, height), if there are any."""
        first, end = 0, len(self.photos)
        if near is not None:
            span = np.log(near[0] / near[1]) + np.log(STRETCH) * np.array([-1, 1])
            first, end = np.searchsorted(self._aspects, span)
            first, end = (first, end) if first < end else (0, len(self.photos))
        before = self._cumulative[first - 1] if first else 0.0
        drawn = before + rng.random() * (self._cumulative[end - 1] - before)
        return self.photos[min(int(np.searchsorted(self._cumulative, drawn, side="right")), end - 1)]

    def chances(self) -> NDArray[np.float64]:
        """(N,) the chance of each photo to be the one that is drawn."""
        return np.diff(self._cumulative, prepend=0.0) / self._cumulative[-1]


def read_corpus(sources: list[dict[str, Any]], root: Path, *, masks_only: bool) -> Corpus:
    """Read a recipe's sources. masks_only: leave out photos that have no mask; else those with neither mask nor map.

    Bad records are left out, and counted in the log. Raises InvalidDatasetError that names a source that cannot be read
    at all.
    """
    photos: list[Photo] = []
    weights: list[float] = []
    for table in sources:
        named = parse(table)
        tally = Tally()
        for photo in _photos(named, root, tally):
            if photo.masks or (photo.map_path is not None and not masks_only):
                photos.append(photo)
                weights.append(named.weight)
        tally.log(log, str(named.annotations or named.directory))
    return Corpus(photos, weights)


def _photos(named: Source, root: Path, report: Report) -> Iterator[Photo]:
    source, name = named.under(root), str(named.annotations or named.directory)
    if source.maps is not None and not source.maps.is_dir():
        raise InvalidDatasetError(f"Source {name}: {source.maps} is not a folder.", "Correct its key maps.")
    try:
        masks = {} if source.teacher else {sample.path: sample.masks for sample in read_source(source, report)}
        others = () if source.maps is None else PhotoFolder(photo_folder(source), _ignore)
    except InvalidDatasetError as error:
        raise InvalidDatasetError(f"Source {name}: {error.cause}", error.remedy) from error
    for path in dict.fromkeys([*others, *masks]):
        map_path = find_map(path, source.maps)
        if path not in masks and map_path is None:
            continue
        try:
            size = image_size(path)
            found = _taught(map_path, size) if source.teacher else _fitting(masks.get(path, ()), path, size, report)
        except InvalidImageError as error:
            report(unreadable_photo(path, error))
        except InvalidRecordError as error:
            report(error)
        else:
            yield Photo(path, size, found, map_path, source.salient, name)


def _fitting(masks: tuple[MaskReference, ...], photo: Path, size: Size, report: Report) -> tuple[MaskReference, ...]:
    """Those masks whose record says the photo's own size; none is decoded."""
    fitting = []
    for mask in masks:
        try:
            check_fits(mask, photo, size)
        except InvalidRecordError as error:
            report(error)
        else:
            fitting.append(mask)
    return tuple(fitting)


def _taught(map_path: Path | None, size: Size) -> tuple[MaskReference, ...]:
    return () if map_path is None or not is_sure(read_map(map_path)) else (MapMask(map_path, size),)


def _ignore(_: InvalidRecordError) -> None:
    """The reader of the masks reports the same photos."""
