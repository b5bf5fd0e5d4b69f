"""Outlines moved to the photo's own edges: the guided filter (He, Sun and Tang, «Guided Image Filtering», 2010).

A network's mask has a quarter of the resolution that it sees the photo at. Within a few pixels the filter explains the
mask by the photo's colours, linearly: where the mask's edge lies beside one of the photo's, it moves there, and where
the photo is even, the mask is smoothed a little. How the photo explains the mask is asked at half the size, which takes
less than half the time and is as good (He and Sun, «Fast Guided Filter», 2015; docs/model.md).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

RADIUS = 2
"""Pixels of the halved photo around a pixel that explain it (docs/model.md)."""
EVEN = 1e-3
"""Variance of colours, in 0..1, below which the photo counts as even."""

Floats = NDArray[np.float32]


def follow(probabilities: Floats, photo: NDArray[np.uint8]) -> Floats:
    """The probabilities (h, w) float32 in 0..1 of what a photo (h, w, 3) uint8 RGB shows, moved to its edges; alike."""
    height, width = probabilities.shape
    photo_guide = photo.astype(np.float32) / np.float32(255)
    guide, mask = (_halved(values) for values in (photo_guide, probabilities))
    mean, mean_mask = _box(guide), _box(mask)
    slope = _solve(guide, mean, _box(guide * mask[..., None]) - mean * mean_mask[..., None])
    offset = mean_mask - (slope * mean).sum(-1)
    line = cv2.resize(_box(np.dstack([slope, offset])), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip((line[..., :3] * photo_guide).sum(-1) + line[..., 3], 0, 1), np.float32)


def _halved(values: Floats) -> Floats:
    height, width = values.shape[:2]
    half = (max(1, width // 2), max(1, height // 2))
    return np.asarray(cv2.resize(values, half, interpolation=cv2.INTER_AREA), np.float32)


def _solve(guide: Floats, mean: Floats, covariance: Floats) -> Floats:
    """(colours' covariance + EVEN)⁻¹ covariance for each pixel, by the adjugate of a symmetric matrix: (h, w, 3)."""
    red, green, blue = np.moveaxis(guide, -1, 0)
    products = (
        np.stack([red * red, green * green, blue * blue], -1),
        np.stack([red * green, red * blue, green * blue], -1),
    )
    (rr, gg, bb), (rg, rb, gb) = (np.moveaxis(_box(product), -1, 0) for product in products)
    r, g, b = np.moveaxis(mean, -1, 0)
    rr, gg, bb = rr - r * r + EVEN, gg - g * g + EVEN, bb - b * b + EVEN
    rg, rb, gb = rg - r * g, rb - r * b, gb - g * b
    first = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    second = first[1], rr * bb - rb * rb, rb * rg - rr * gb
    third = first[2], second[2], rr * gg - rg * rg
    determinant = rr * first[0] + rg * first[1] + rb * first[2]
    c = np.moveaxis(covariance, -1, 0)
    slopes = [sum(factor * part for factor, part in zip(row, c, strict=True)) for row in (first, second, third)]
    return np.asarray(np.stack(slopes, -1) / determinant[..., None], np.float32)


def _box(values: Floats) -> Floats:
    size = 2 * RADIUS + 1
    return np.asarray(cv2.boxFilter(values, -1, (size, size), borderType=cv2.BORDER_REFLECT), np.float32)
