"""What makes a network take whole objects (paper 1.4), and objects cut out and put on other photos.

docs/training.md shows each on the demo's photos (docs/make_augmentations.py).
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core.geometry import Size

INSIDE = 0.9
"""Share of a mask's pixels that must lie in a larger one for it to count as a part of it."""
LARGER = 1.25
"""How many times a mask's area the larger one must have: two outlines of the same object do not merge."""
WHOLE_SCENE = 0.9
"""A mask that fills more of the photo than this is the scene, not an object that others are parts of."""
MERGING_SIDE = 256
"""The longer side at which masks are compared."""

OUTLIER_SHARE = 0.1
"""Share of the prompts of several clicks in which one misses the object."""

CROP_AREAS = (1.3, 16.0)
"""A centre crop's area, as a multiple of the object's bounding box: log-uniform."""

PASTED_SIDES = (0.25, 0.9)
"""The longer side of a pasted object, as a share of the photo's shorter side."""
MOST_OUTSIDE = 0.15
"""Share of its width and height by which a pasted object may stick out of the photo."""
MOST_COLOUR_SHIFT = 0.35
"""A pasted object's mean colour goes up to this share of the way to its new photo's."""


def merge_masks(masks: Sequence[NDArray[np.bool_]]) -> list[int]:
    """Mask merging: which masks of a photo are left when those that lie within a larger one are suppressed.

    masks: (H, W) bool each. A photo with a mask of a person has none of the person's shirt left; masks that only touch
    or overlap (COCO's person beside a chair) all stay. Returns their indices, ascending.
    """
    if len(masks) < 2:
        return list(range(len(masks)))
    height, width = masks[0].shape
    scale = min(1.0, MERGING_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.stack([cv2.resize(m.astype(np.float32), size, interpolation=cv2.INTER_AREA).ravel() for m in masks])
    areas = small.sum(axis=1)
    inside = small @ (small > 0.5).astype(np.float32).T / np.maximum(areas, 1e-6)[:, None]
    larger = areas[None, :] >= LARGER * areas[:, None]
    an_object = areas[None, :] <= WHOLE_SCENE * small.shape[1]
    suppressed = (larger & an_object & (inside >= INSIDE)).any(axis=1)
    return np.flatnonzero(~suppressed).tolist()


def inject_outlier(
    rng: np.random.Generator, clicks: list[tuple[float, float, int]], background: NDArray[np.bool_]
) -> list[tuple[float, float, int]]:
    """Outlier injection: with probability OUTLIER_SHARE, the last click misses the object though it says it does not.

    As clicks from a saliency map may do (paper 1.4). clicks: (x, y, label); background: (H, W) bool, what no object
    covers; without any, or with fewer than two clicks, nothing changes.
    """
    if len(clicks) < 2 or rng.random() >= OUTLIER_SHARE:
        return clicks
    places = np.flatnonzero(background)
    if len(places) == 0:
        return clicks
    y, x = divmod(int(rng.choice(places)), background.shape[1])
    return [*clicks[:-1], (x + 0.5, y + 0.5, 1)]


def crop_around(
    rng: np.random.Generator, photo: Size, box: tuple[float, float, float, float], aspect: float
) -> tuple[float, float, float, float]:
    """Centre crop around an object: a window that holds its box, as (centre x, centre y, width, height) in pixels.

    box: x0, y0, x1, y1 in the photo's pixels; aspect: the window's, width / height, where the box allows it.
    The object stands anywhere in it; the window stays in the photo, or is a tenth larger than it at most.
    """
    width, height = photo
    x0, y0, x1, y1 = box
    least, most = CROP_AREAS
    area = max((x1 - x0) * (y1 - y0), 64.0) * math.exp(rng.uniform(math.log(least), math.log(most)))
    area *= min(1.0, 1.1 * width / math.sqrt(area * aspect), 1.1 * height / math.sqrt(area / aspect)) ** 2
    crop_w = min(max(math.sqrt(area * aspect), (x1 - x0) * 1.05), width * 1.1)
    crop_h = min(max(math.sqrt(area / aspect), (y1 - y0) * 1.05), height * 1.1)
    centre_x = (x0 + x1) / 2 + rng.uniform(-0.5, 0.5) * max(crop_w - (x1 - x0), 0)
    centre_y = (y0 + y1) / 2 + rng.uniform(-0.5, 0.5) * max(crop_h - (y1 - y0), 0)
    centre_x = min(max(centre_x, crop_w / 2), width - crop_w / 2) if crop_w < width else width / 2
    centre_y = min(max(centre_y, crop_h / 2), height - crop_h / 2) if crop_h < height else height / 2
    return centre_x, centre_y, crop_w, crop_h


def cut_and_paste(
    rng: np.random.Generator, photo: NDArray[np.uint8], mask: NDArray[np.bool_], onto: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Put an object on another photo, at another place and scale, mirrored or not, its colours moved towards it.

    photo (H, W, 3) uint8 and mask (H, W) bool, not empty; onto (h, w, 3) uint8. Returns the new photo (h, w, 3) uint8
    and the object's mask in it (h, w) bool. The edge is soft, and a pixel inside the mask, so that no rim of the old
    background comes along. An object that its photo cut off at the bottom is cut off there again, as people often are.
    """
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    cut, shape = photo[y : y + height, x : x + width], mask[y : y + height, x : x + width].astype(np.float32)
    longest = rng.uniform(*PASTED_SIDES) * min(onto.shape[:2])
    scale = longest / max(width, height)
    size = (max(4, round(width * scale)), max(4, round(height * scale)))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    cut, shape = (cv2.resize(array, size, interpolation=interpolation) for array in (cut, shape))
    if rng.random() < 0.5:
        cut, shape = cut[:, ::-1], shape[:, ::-1]
    left = round(rng.uniform(-MOST_OUTSIDE * size[0], onto.shape[1] - (1 - MOST_OUTSIDE) * size[0]))
    top = round(rng.uniform(-MOST_OUTSIDE * size[1], onto.shape[0] - (1 - MOST_OUTSIDE) * size[1]))
    if mask[-1].any():
        top = max(top, onto.shape[0] - size[1])
    rows = slice(max(top, 0), min(top + size[1], onto.shape[0]))
    columns = slice(max(left, 0), min(left + size[0], onto.shape[1]))
    seen = (slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left))
    cut, shape = cut[seen].astype(np.float32), np.ascontiguousarray(shape[seen])
    shift = onto.mean(axis=(0, 1)) - cut[shape > 0.5].mean(axis=0) if (shape > 0.5).any() else np.zeros(3)
    cut = np.clip(cut + rng.uniform(0, MOST_COLOUR_SHIFT) * shift.astype(np.float32), 0, 255)
    edge = cv2.GaussianBlur(cv2.erode(shape, np.ones((3, 3), np.uint8)), (0, 0), 0.8)[..., None]
    pasted, new_mask = onto.copy(), np.zeros(onto.shape[:2], bool)
    pasted[rows, columns] = np.round(edge * cut + (1 - edge) * onto[rows, columns]).astype(np.uint8)
    new_mask[rows, columns] = edge[..., 0] > 0.5
    return pasted, new_mask
