"""Early fusion: the photo and the prompt as the channels of one network input (paper 1.2).

Channels: R, G, B; clicks as discs (4th); the box as a rectangle (5th). Beyond the paper, in networks of 7 channels:
background clicks as discs (6th), so that a click can remove; the previous mask (7th), so that a click refines.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core.geometry import Frame, NetworkInput, Points, Size
from squeezesam_core.prompts import Prompt

MEAN = np.array([123.675, 116.28, 103.53], np.float32)
STD = np.array([58.395, 57.12, 57.375], np.float32)
DISC_RADIUS = 0.02
"""Radius of a click's disc as a share of the input's side."""

CLICKS, BOX, BACKGROUND, PREVIOUS = 3, 4, 5, 6


DETAIL_SIDE = 1536
"""The longer side of the copy of a photo that is kept to zoom in from."""


@dataclass(frozen=True)
class PreparedImage:
    """A photo resized and normalised once for many prompts.

    pixels: (3, height, width) float32, ImageNet-normalised, network frame.
    detail: (h, w, 3) uint8 RGB, the whole photo at no more than DETAIL_SIDE: what zoom.py cuts its views from.
    """

    frame: Frame
    pixels: NDArray[np.float32]
    detail: NDArray[np.uint8]

    @property
    def nbytes(self) -> int:
        """Memory it holds."""
        return self.pixels.nbytes + self.detail.nbytes


def prepare(image: NDArray[np.uint8], spec: NetworkInput, size: Size | None = None) -> PreparedImage:
    """Resize and normalise a photo: (H, W, 3) uint8 RGB, upright.

    size: (width, height) of the photo if `image` is a smaller copy of it, at best no smaller than DETAIL_SIDE.
    """
    frame = Frame.fit(size or (image.shape[1], image.shape[0]), spec)
    detail = detail_of(image)
    return PreparedImage(frame, normalise(resize(detail, frame.network)), detail)


def detail_of(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A photo (H, W, 3), made smaller by area where its longer side exceeds DETAIL_SIDE."""
    shrink = DETAIL_SIDE / max(image.shape)
    if shrink >= 1:
        return image
    fitted = (max(1, round(image.shape[1] * shrink)), max(1, round(image.shape[0] * shrink)))
    return np.asarray(cv2.resize(image, fitted, interpolation=cv2.INTER_AREA))


def resize(image: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """(h, w, 3) -> `size` (width, height): by area where it shrinks, else bilinear."""
    shrinks = image.shape[1] >= size[0] and image.shape[0] >= size[1]
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR))


def normalise(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(H, W, 3) uint8 RGB -> (3, H, W) float32, ImageNet mean and standard deviation."""
    return np.ascontiguousarray(((image.astype(np.float32) - MEAN) / STD).transpose(2, 0, 1))


def fuse(
    prepared: PreparedImage, prompt: Prompt, spec: NetworkInput, previous: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """The network's input: (spec.channels, height, width) float32.

    previous: (h, w) float32 in 0..1 at any resolution, showing the whole image: a mask, a network's own sigmoid or a
    saliency map; None is all zeros. Ignored by networks without that channel.
    """
    width, height = prepared.frame.network
    fused = np.zeros((spec.channels, height, width), np.float32)
    fused[:3] = prepared.pixels
    corners = prepared.frame.to_network(prompt.coordinates())
    draw(fused, corners, prompt.labels())
    if previous is not None and spec.channels > PREVIOUS:
        fused[PREVIOUS] = cv2.resize(previous, (width, height), interpolation=cv2.INTER_AREA)
    return fused


def draw(fused: NDArray[np.float32] | NDArray[np.uint8], points: Points, labels: NDArray[np.int64]) -> None:
    """Draw clicks and box into `fused` (channels, height, width) in place, as ones.

    points: (N, 2) network frame; labels: (N,) as Prompt.labels. A network of 5 channels sees no background click.
    """
    channels, height, width = fused.shape
    radius = max(2, round(DISC_RADIUS * float(np.sqrt(height * width))))
    for (x, y), label in zip(points, labels, strict=True):
        channel = {1: CLICKS, 0: BACKGROUND}.get(int(label))
        if channel is not None and channel < channels:
            centre = (min(int(x), width - 1), min(int(y), height - 1))
            cv2.circle(fused[channel], centre, radius, 1.0, cv2.FILLED)
    if 2 in labels:
        x0, y0 = np.floor(points[labels == 2][0]).astype(int)
        x1, y1 = np.ceil(points[labels == 3][0]).astype(int)
        fused[BOX, max(y0, 0) : y1, max(x0, 0) : x1] = 1.0
