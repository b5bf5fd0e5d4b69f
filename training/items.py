"""Training items: a photo's random view with an object, prompt and maybe a previous mask; or with a saliency map."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, cycle, islice

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core.errors import InvalidDatasetError
from squeezesam_core.fusion import normalise
from squeezesam_core.geometry import Frame, Size
from squeezesam_core.samples import Mask, MaskReference
from training.augment import View, background_view, random_colours, random_view
from training.datasets.corpus import Photo
from training.prompts import SEVERAL_SHARE, SEVERAL_SHARE_SMALL, TrainingPrompt, flawed_mask, random_prompt
from training.recipe import Augmentation
from training.split import Photos
from training.whole_object import cut_and_paste, merge_masks

log = logging.getLogger(__name__)

MAP_SHARE = 0.42
"""Share of the items whose previous mask is the photo's saliency map, whichever object is asked for (issue 4.3)."""
FLAWED_SHARE = 0.2
"""Share of the items that start from a flawed mask of the object and a click on its largest error."""
STAND_IN_SHARE = 0.4
"""Share of the corrections in which the mask on screen speaks by clicks too, as the service lets it."""
SMALL_OBJECT = 0.03
"""An object that fills less of the view is small: people often click it several times."""
SMALLEST_OBJECT = 0.002
"""An object must fill this share of the view."""
MOST_TOO_SMALL = 20
"""Of views, one after another, whose objects all fill less. Then the largest is taken: photos of cracks or wires may
have no others. It is so many that other photos are not touched by it: where every third view shows too little, one
item in billions."""
MOST_DRAWS = 1000
"""Of photos for one view, if they have nothing to learn from."""
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


def segmentation_items(
    photos: Photos,
    rng: np.random.Generator,
    like: Frame,
    count: int,
    augmentation: Augmentation,
    *,
    with_previous: bool = True,
) -> list[SegmentationItem]:
    """`count` items of one view of a photo: its objects that the view shows, each with a prompt of its own.

    like: of a photo whose aspect theirs is like, and of the view's size. Photos are drawn until one shows its object
    (_scene_to_learn); where it shows fewer than `count` objects, each is asked for several times. with_previous:
    whether the network has that channel; without it every prompt must do alone. Bad records are logged and skipped.
    Raises InvalidDatasetError if there is nothing to learn from.
    """
    scene = _scene_to_learn(photos, rng, like, count, augmentation)
    photo, image, view = scene.photo, scene.image, scene.view
    saliency = None
    if with_previous and not scene.pasted and not photo.taught:  # a pasted object is on no map
        found = photo.saliency()
        saliency = None if found is None else view.coverage(cv2.resize(found, (image.shape[1], image.shape[0])))
    pixels = normalise(random_colours(rng, view.image(image)))
    items = []
    for truth, ignore in islice(cycle(scene.shown), count):
        prompt, previous = _asked(rng, truth, ignore, saliency, augmentation, with_previous)
        items.append(SegmentationItem(pixels, truth, ignore, prompt, previous))
    return items


@dataclass(frozen=True)
class _Scene:
    """A view of a photo, and the object and ignored pixels (height, width) of what it shows.

    share: 1 if all that is shown is large enough; else one object is, and fills this share of the view.
    """

    photo: Photo
    image: NDArray[np.uint8]
    pasted: bool
    view: View
    shown: list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]
    share: float


def _scene_to_learn(
    photos: Photos, rng: np.random.Generator, like: Frame, count: int, augmentation: Augmentation
) -> _Scene:
    """The first scene drawn that shows an object large enough; of MOST_TOO_SMALL that do not, the one with the largest.

    Raises InvalidDatasetError if MOST_DRAWS photos show none at all. Each item is drawn by itself, so that a run can be
    resumed: what earlier items met is not remembered.
    """
    best: _Scene | None = None
    too_small = 0
    for _ in range(MOST_DRAWS):
        scene = _scene(photos, rng, like, count, augmentation)
        if scene is None:
            continue
        if scene.share == 1:
            return scene
        if best is None or scene.share > best.share:
            best = scene
        too_small += 1
        if too_small == MOST_TOO_SMALL:
            break
    if best is None:
        raise InvalidDatasetError(
            f"Of {MOST_DRAWS} photos drawn none has a mask that can be used.",
            "Look for empty and broken masks: squeezesam dataset check DIR.",
        )
    return best


def _scene(
    photos: Photos, rng: np.random.Generator, like: Frame, count: int, augmentation: Augmentation
) -> _Scene | None:
    """A random view of a photo with up to `count` of its objects; None if it has or shows none."""
    photo, image = _draw(photos, rng, like.image)
    masks = _masks(photo, rng, augmentation)
    first, pasted = next(masks, None), False
    if first is None:
        return None
    if rng.random() < augmentation.cut_and_paste and not photo.taught:
        image, cut = cut_and_paste(rng, image, first.object, _draw(photos, rng)[1])
        first, pasted = Mask.of(cut), True
        masks = iter(())
    x, y, width, height = cv2.boundingRect(first.object.astype(np.uint8))
    photo_size = (image.shape[1], image.shape[0])
    view = random_view(rng, photo_size, like.network, (x, y, x + width, y + height), augmentation.centre_crop)
    shown, share = _shown(view, chain([first], masks), count)
    return _Scene(photo, image, pasted, view, shown, share) if shown else None


def _masks(photo: Photo, rng: np.random.Generator, augmentation: Augmentation) -> Iterator[Mask]:
    """The photo's masks in random order, as the augmentation leaves them; the broken and the empty are left out."""
    order = [photo.masks[index] for index in rng.permutation(len(photo.masks))]
    masks = (mask for mask in (_decoded(photo, reference) for reference in order) if mask is not None)
    if not augmentation.mask_merging:
        return masks
    every = list(masks)
    return (every[index] for index in merge_masks([mask.object for mask in every]))


def _decoded(photo: Photo, reference: MaskReference) -> Mask | None:
    try:
        mask = reference.decode()
    except InvalidDatasetError as error:
        log.warning("%s: a mask is left out. %s", photo.path, error)
        return None
    return mask if mask.object.any() else None


def _shown(
    view: View, masks: Iterable[Mask], count: int
) -> tuple[list[tuple[NDArray[np.bool_], NDArray[np.bool_]]], float]:
    """Object and ignored pixels (height, width) of the first `count` masks that are large enough in the view, and 1.

    If none is: those of the largest alone, and the share of the view that it fills. It may be thinner than a pixel: its
    pixels are those that it covers at least half as well as its best one.
    """
    shown, largest, most = [], [], 0.0
    for mask in masks:
        coverage = view.coverage(mask.object.astype(np.float32))
        truth, ignore = coverage > 0.5, np.zeros(coverage.shape, bool)
        if mask.ignore.any():
            ignore = view.coverage(mask.ignore.astype(np.float32)) > 0.5
        if truth.mean() >= SMALLEST_OBJECT:
            shown.append((truth, ignore))
            if len(shown) == count:
                break
            continue
        coverage[ignore] = 0
        if coverage.mean() > most:
            largest, most = [(coverage > coverage.max() / 2, ignore)], float(coverage.mean())
    return (shown, 1.0) if shown else (largest, most)


def _asked(
    rng: np.random.Generator,
    truth: NDArray[np.bool_],
    ignore: NDArray[np.bool_],
    saliency: NDArray[np.float32] | None,
    augmentation: Augmentation,
    with_previous: bool,
) -> tuple[TrainingPrompt, NDArray[np.float32] | None]:
    """A prompt for an object, and what it starts from: nothing, the photo's map, or a flawed mask of the object."""
    outliers = augmentation.outlier_injection
    kind = rng.random() if with_previous else 1.0
    if kind < MAP_SHARE and saliency is not None:
        return random_prompt(rng, truth, ignore, outliers=outliers), saliency
    if MAP_SHARE <= kind < MAP_SHARE + FLAWED_SHARE:
        prompt = random_prompt(rng, truth, ignore, outliers=outliers)
        flawed = flawed_mask(rng, truth)
        if prompt.box is None:
            prompt.start_again(flawed > 0.5, truth, ignore, stand_ins=rng.random() < STAND_IN_SHARE)
        return prompt, flawed
    small = truth.mean() < SMALL_OBJECT
    several = SEVERAL_SHARE_SMALL if small else SEVERAL_SHARE
    return random_prompt(rng, truth, ignore, several=several, outliers=outliers), None


def saliency_item(photos: Photos, rng: np.random.Generator, like: Frame) -> SaliencyItem:
    """A photo with its teacher's map, or with people's masks where they say better what stands out.

    like: of a photo whose aspect its own is like, and of the view's size. Bad records are logged and skipped.
    Raises InvalidDatasetError if there is nothing to learn from.
    """
    image, target = _told(photos, rng, like.image)
    view = None
    if rng.random() < BACKGROUND_SHARE:
        view = background_view(rng, target, like.network)
    if view is None:
        view = random_view(rng, (image.shape[1], image.shape[0]), like.network, None)
    return SaliencyItem(normalise(random_colours(rng, view.image(image))), np.clip(view.coverage(target), 0, 1))


def _told(photos: Photos, rng: np.random.Generator, near: Size) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The pixels of a photo and its target, at its size. Raises InvalidDatasetError if MOST_DRAWS photos have none."""
    for _ in range(MOST_DRAWS):
        photo, image = _draw(photos, rng, near)
        try:
            return image, _saliency_target(photo, (image.shape[1], image.shape[0]))
        except InvalidDatasetError as error:
            log.warning("%s: left out. %s", photo.path, error)
    raise InvalidDatasetError(
        f"Of {MOST_DRAWS} photos drawn none has a map or masks that can be read.",
        "See what is wrong with them: squeezesam dataset check DIR.",
    )


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


def _draw(photos: Photos, rng: np.random.Generator, near: Size | None = None) -> tuple[Photo, NDArray[np.uint8]]:
    """A photo (split.Photos) and its pixels (H, W, 3); one that cannot be read is logged, and another is drawn.

    Raises InvalidDatasetError if MOST_DRAWS cannot be read.
    """
    for _ in range(MOST_DRAWS):
        photo = photos.draw(rng, near)
        try:
            return photo, photo.image()
        except InvalidDatasetError as error:
            log.warning("left out: %s", error)
    raise InvalidDatasetError(
        f"Of {MOST_DRAWS} photos drawn none can be read.", "See that they are where they were when training began."
    )
