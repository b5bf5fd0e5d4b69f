"""Random views of a photo (crop, flip, rotation, aspect) and random colours."""

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core.geometry import Size
from training.whole_object import crop_around

MOST_BACKGROUND = 0.1
"""Saliency below which a pixel belongs to the background for certain."""


@dataclass(frozen=True)
class View:
    """An affine map from the photo's pixels to those of a training image of `size` (width, height).

    matrix: (2, 3) float64, pixel-corner frame of geometry.py on both sides.
    """

    matrix: NDArray[np.float64]
    size: Size

    def image(self, photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W, 3) -> (height, width, 3), anti-aliased; outside the photo is mid grey."""
        return self._warp(photo, cv2.INTER_LINEAR, (124, 116, 104))

    def coverage(self, mask: NDArray[np.float32]) -> NDArray[np.float32]:
        """A mask or map (h, w) of 0..1 at any resolution of the same photo -> (height, width); outside is 0."""
        return self._warp(mask, cv2.INTER_LINEAR, 0)

    def _warp(self, source: NDArray[Any], interpolation: int, border: Any) -> NDArray[Any]:
        matrix = self.matrix.copy()
        scale = math.sqrt(abs(matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0]))
        if scale < 0.7:  # shrink by area first: an affine warp alone would alias
            factor = scale * 1.2
            source = cv2.resize(source, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
            matrix[:, :2] /= factor
        # OpenCV warps between pixel centres; ours are half a pixel away from corners
        matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
        return cv2.warpAffine(source, matrix, self.size, flags=interpolation, borderValue=border)


def random_view(
    rng: np.random.Generator,
    photo: Size,
    size: Size,
    around: tuple[float, float, float, float] | None,
    centre_crop: float = 0.5,
) -> View:
    """A view of the whole photo, or (probability `centre_crop`, if `around` is given) of a part around an object.

    around: x0, y0, x1, y1 in the photo's pixels; centre_crop: the paper crops half of its views (1.4).
    """
    width, height = photo
    aspect = size[0] / size[1] * math.exp(rng.uniform(-0.2, 0.2))
    if around is not None and rng.random() < centre_crop:
        centre_x, centre_y, crop_w, crop_h = crop_around(rng, photo, around, aspect)
    else:
        zoom = rng.uniform(0.8, 1.05)
        crop_w, crop_h = width * zoom, height * zoom
        centre_x = width / 2 + rng.uniform(-0.5, 0.5) * max(width - crop_w, 0)
        centre_y = height / 2 + rng.uniform(-0.5, 0.5) * max(height - crop_h, 0)
    angle = math.radians(rng.uniform(-15, 15)) if rng.random() < 0.2 else 0.0
    flip = -1.0 if rng.random() < 0.5 else 1.0
    scale_x, scale_y = size[0] / crop_w, size[1] / crop_h
    cos, sin = math.cos(angle), math.sin(angle)
    linear = np.array([[flip * scale_x * cos, -flip * scale_x * sin], [scale_y * sin, scale_y * cos]])
    offset = np.array(size) / 2 - linear @ (centre_x, centre_y)
    return View(np.column_stack([linear, offset]), size)


def background_view(rng: np.random.Generator, saliency: NDArray[np.float32], size: Size) -> View | None:
    """A view of a part of the photo where nothing stands out; None if a few tries find none.

    saliency: (H, W) float32 in 0..1, of the photo's size.
    """
    height, width = saliency.shape
    for _ in range(8):
        share = rng.uniform(0.25, 0.7)
        crop_w = min(width, share * math.sqrt(width * height * size[0] / size[1]))
        crop_h = min(height, crop_w * size[1] / size[0])
        x, y = rng.uniform(0, width - crop_w), rng.uniform(0, height - crop_h)
        part = saliency[int(y) : math.ceil(y + crop_h), int(x) : math.ceil(x + crop_w)]
        if part.max() < MOST_BACKGROUND:
            scale_x, scale_y = size[0] / crop_w, size[1] / crop_h
            return View(np.array([[scale_x, 0, -scale_x * x], [0, scale_y, -scale_y * y]]), size)
    return None


def random_colours(rng: np.random.Generator, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Brightness, contrast, white balance, saturation; now and then grey, blurred or JPEG-compressed. (H, W, 3)."""
    if rng.random() < 0.8:
        levels = np.arange(256, dtype=np.float32) / 255
        curve = levels ** math.exp(rng.uniform(-0.3, 0.3)) * math.exp(rng.uniform(-0.25, 0.25))
        tints = np.exp(rng.uniform(-0.1, 0.1, 3))
        table = np.clip(curve[:, None] * tints * 255 + rng.uniform(-12, 12), 0, 255).astype(np.uint8)
        image = cv2.LUT(image, table[None])
    kind = rng.random()
    if kind < 0.25:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
        amount = 0.0 if kind < 0.04 else rng.uniform(0.5, 1.4)
        image = np.clip(grey + (image.astype(np.float32) - grey) * amount, 0, 255).astype(np.uint8)
    if rng.random() < 0.08:
        image = cv2.GaussianBlur(image, (3, 3), 0)
    if rng.random() < 0.08:
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 85))])
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return image
