"""One training item: a photo's random view with an object, prompt and maybe a previous mask; or with a saliency map."""

import logging
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core.errors import InvalidDatasetError
from squeezesam_core.fusion import normalise
from squeezesam_core.geometry import Size
from squeezesam_core.samples import Mask
from training.augment import background_view, random_colours, random_view
from training.datasets.corpus import Corpus, Photo
from training.prompts import TrainingPrompt, flawed_mask, random_prompt

log = logging.getLogger(__name__)

MAP_SHARE = 0.42
"""Share of the items whose previous mask is the photo's saliency map, whichever object is asked for (issue 4.3)."""
FLAWED_SHARE = 0.2
"""Share of the items that start from a flawed mask of the object and a click on its largest error."""
SMALLEST_OBJECT = 0.002
"""An object must fill this share of the view."""
BACKGROUND_SHARE = 0.12
"""Share of the detector's items that are a part of a photo where nothing stands out, if it has one."""
TRUSTED_OVERLAP = 0.7
"""Where people's masks and the teacher's map agree this well (IoU), the masks are the better target."""


@dataclass(frozen=True)
class SegmentationItem:
    """Network frame: pixels (3, H, W) float32 normalised; truth, ignore (H, W) bool; previous (H, W) float32 | None."""

    pixels: NDArray[np.float32]
    truth: NDArray[np.bool_]
    ignore: NDArray[np.bool_]
    prompt: TrainingPrompt
    previous: NDArray[np.float32] | None


@dataclass(frozen=True)
class SaliencyItem:
    """pixels (3, H, W) float32 normalised; target (H, W) float32 in 0..1."""

    pixels: NDArray[np.float32]
    target: NDArray[np.float32]


def segmentation_item(corpus: Corpus, rng: np.random.Generator, size: Size) -> SegmentationItem:
    """Draw photos until one shows its object in the view; size is (width, height). Bad records are logged, skipped."""
    while True:
        photo = corpus.draw(rng)
        try:
            mask = photo.masks[int(rng.integers(len(photo.masks)))].decode()
        except InvalidDatasetError as error:
            log.warning("%s: left out. %s", photo.path, error)
            continue
        if not mask.object.any():
            continue
        image = _read(photo)
        x, y, width, height = cv2.boundingRect(mask.object.astype(np.uint8))
        view = random_view(rng, (image.shape[1], image.shape[0]), size, (x, y, x + width, y + height))
        truth = view.coverage(mask.object.astype(np.float32)) > 0.5
        if truth.mean() < SMALLEST_OBJECT:
            continue
        ignore = view.coverage(mask.ignore.astype(np.float32)) > 0.5 if mask.ignore.any() else np.zeros_like(truth)
        prompt = random_prompt(rng, truth, ignore)
        previous = None
        kind = rng.random()
        if kind < MAP_SHARE:
            saliency = None if photo.taught else photo.saliency()
            if saliency is not None:
                previous = view.coverage(cv2.resize(saliency, (image.shape[1], image.shape[0])))
        elif kind < MAP_SHARE + FLAWED_SHARE:
            previous = flawed_mask(rng, truth)
            if prompt.box is None:
                prompt = TrainingPrompt()
                prompt.add_error_click(previous > 0.5, truth, ignore)
        return SegmentationItem(normalise(random_colours(rng, view.image(image))), truth, ignore, prompt, previous)


def saliency_item(corpus: Corpus, rng: np.random.Generator, size: Size) -> SaliencyItem:
    """A photo with its teacher's map, or with people's masks where they say better what stands out.

    Bad records are logged and skipped.
    """
    while True:
        photo = corpus.draw(rng)
        image = _read(photo)
        try:
            target = _saliency_target(photo, (image.shape[1], image.shape[0]))
            break
        except InvalidDatasetError as error:
            log.warning("%s: left out. %s", photo.path, error)
    view = None
    if rng.random() < BACKGROUND_SHARE:
        view = background_view(rng, target, size)
    if view is None:
        view = random_view(rng, (image.shape[1], image.shape[0]), size, None)
    return SaliencyItem(normalise(random_colours(rng, view.image(image))), np.clip(view.coverage(target), 0, 1))


def _saliency_target(photo: Photo, size: Size) -> NDArray[np.float32]:
    saliency = photo.saliency()
    taught = None if saliency is None else cv2.resize(saliency, size)
    if not photo.masks:
        if taught is None:
            raise AssertionError("the corpus holds photos with a mask or a map only")
        return taught
    people = [reference.decode() for reference in photo.masks]
    union = np.any([mask.object for mask in people], axis=0)
    if taught is None or photo.salient:
        return _with_border(union, people[0])
    seen = taught > 0.5
    overlap = (seen & union).sum() / max((seen | union).sum(), 1)
    return union.astype(np.float32) if overlap >= TRUSTED_OVERLAP else taught


def _with_border(union: NDArray[np.bool_], mask: Mask) -> NDArray[np.float32]:
    target = union.astype(np.float32)
    target[mask.ignore] = 0.5  # a trimap's border: half animal
    return target


def _read(photo: Photo) -> NDArray[np.uint8]:
    image = cv2.imread(str(photo.path), cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
