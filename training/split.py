"""Photos that are held out of training, so that choices are judged on others than the test sets.

Whether a photo is held out depends on its name alone: not on order, sources or seeds. So every recipe with the same
share holds out the same photos, and a photo that two sources hold under one name is on one side for both.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from zlib import crc32

import numpy as np

from squeezesam_core.errors import InvalidDatasetError
from squeezesam_core.geometry import Size
from training.datasets.corpus import Photo

MOST_TRIES = 50
"""Of drawing a photo of an aspect: the few that have it may all be held out."""
MOST_DRAWS = 10_000
"""Of drawing a photo at all: then every one is held out."""


class Photos(Protocol):
    """Photos that are drawn at random: datasets.corpus.Corpus, or a part of it."""

    def draw(self, rng: np.random.Generator, near: Size | None = None) -> Photo:
        """near: (width, height); photos of another aspect only where there are none of its own."""
        ...


def is_held_out(photo: Path, share: float) -> bool:
    """Whether a photo is among the `share` (0..1) of all that are never trained on."""
    return crc32(photo.stem.encode()) < share * 2**32


@dataclass(frozen=True)
class TrainingPart:
    """Photos without those that are held out."""

    photos: Photos
    share: float

    def draw(self, rng: np.random.Generator, near: Size | None = None) -> Photo:
        """As Photos. Raises InvalidDatasetError if all photos are held out."""
        for tries in range(MOST_DRAWS):
            photo = self.photos.draw(rng, near if tries < MOST_TRIES else None)
            if not is_held_out(photo.path, self.share):
                return photo
        raise InvalidDatasetError(
            f"Of {MOST_DRAWS} photos drawn all are held out of training.",
            "Add photos, or hold out a smaller share (held_out).",
        )


@dataclass(frozen=True)
class OfAnyAspect:
    """Photos for a network whose input is a square: each is stretched to it, in training as in serving."""

    photos: Photos

    def draw(self, rng: np.random.Generator, near: Size | None = None) -> Photo:
        return self.photos.draw(rng)
