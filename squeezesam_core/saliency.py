"""From a saliency map to the five clicks of its most salient blob (paper, section Application)."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core.geometry import Size
from squeezesam_core.prompts import Point, Prompt

FAINTEST = 0.35
"""A map whose highest value is below this shows no salient object (detectors' maps are not stretched)."""
LEAST_PEAK = 0.9
"""A blob whose highest value is below this is texture that the detector half believes in (docs/choices.md, gate)."""
SMALLEST = 0.0005
"""A blob smaller than this share of the map is noise."""


@dataclass(frozen=True)
class Blob:
    """The most salient blob.

    mask: (h, w) bool at the map's resolution; clicks: five (x, y) pixels of it, first the blob's own centre, then those
    of its four sections (fewer where the blob has fewer pixels); peak: the map's highest value in it, 0..1.
    """

    mask: NDArray[np.bool_]
    clicks: tuple[tuple[int, int], ...]
    peak: float

    def prompt(self, image: Size) -> Prompt:
        """The clicks in the image frame of a photo of `image` (width, height) pixels."""
        height, width = self.mask.shape
        scale_x, scale_y = image[0] / width, image[1] / height
        return Prompt(tuple(Point((x + 0.5) * scale_x, (y + 0.5) * scale_y) for x, y in self.clicks))


def otsu(saliency: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """The map (h, w) float32 in 0..1 under Otsu's threshold: (h, w) bool; None if it shows no salient object."""
    grey = _grey(saliency)
    if grey.max() < FAINTEST * 255 or grey.min() == grey.max():
        return None  # OpenCV calls a flat map all foreground
    return np.asarray(cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1] > 0)


def most_salient_blob(saliency: NDArray[np.float32]) -> Blob | None:
    """The blob with the highest value; a tie goes to the one that has it more often, then to the first in raster order.

    saliency: (h, w) float32 in 0..1. Values are compared as bytes: on floats ties would never happen. None if the map
    is flat, faint, or holds nothing but noise and half-lit texture: no salient object.
    """
    foreground = otsu(saliency)
    if foreground is None:
        return None
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(foreground.astype(np.uint8), connectivity=8)
    histogram = np.bincount(labels.ravel() * 256 + _grey(saliency).ravel().astype(np.int64), minlength=count * 256)
    histogram = histogram.reshape(count, 256)
    histogram[0] = 0
    histogram[statistics[:, cv2.CC_STAT_AREA] < SMALLEST * labels.size] = 0
    if not histogram.any():
        return None
    peaks = np.where(histogram.any(axis=1), 255 - np.argmax(histogram[:, ::-1] > 0, axis=1), -1)
    frequencies = histogram[np.arange(count), np.maximum(peaks, 0)]
    best = int(np.lexsort((-np.arange(count), frequencies, peaks))[-1])
    if peaks[best] < LEAST_PEAK * 255:
        return None
    mask = labels == best
    return Blob(mask, section_clicks(mask), float(peaks[best] / 255))


def section_clicks(mask: NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
    """Centres of mass of a blob and of its four sections about that centre, each moved to the nearest pixel of the
    blob. A section without pixels (a thin blob has such) gives the blob's pixel farthest from the clicks so far.

    mask: (h, w) bool, not empty. Returns up to five (x, y) pixels of it, none twice.
    """
    rows, columns = np.nonzero(mask)
    pixels = np.stack([columns, rows])
    centre = pixels.mean(axis=1)
    clicks = [_nearest(pixels, centre)]
    right, below = pixels[0] > centre[0], pixels[1] > centre[1]
    for section in (~right & ~below, right & ~below, ~right & below, right & below):
        inside = pixels[:, section]
        clicks.append(_nearest(pixels, inside.mean(axis=1)) if inside.size else _farthest(pixels, clicks))
    return tuple(dict.fromkeys(clicks))


def _grey(saliency: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.asarray(np.clip(saliency, 0, 1) * 255 + 0.5, np.uint8)


def _nearest(pixels: NDArray[np.int64], target: NDArray[np.float64]) -> tuple[int, int]:
    x, y = pixels[:, np.argmin(_distances(pixels, target))]
    return int(x), int(y)


def _farthest(pixels: NDArray[np.int64], clicks: list[tuple[int, int]]) -> tuple[int, int]:
    x, y = pixels[:, np.argmax(np.min([_distances(pixels, np.array(click)) for click in clicks], axis=0))]
    return int(x), int(y)


def _distances(pixels: NDArray[np.int64], target: NDArray[Any]) -> NDArray[Any]:
    """Squared distances (N,) of pixels (2, N) to a target (2,)."""
    return (pixels[0] - target[0]) ** 2 + (pixels[1] - target[1]) ** 2
