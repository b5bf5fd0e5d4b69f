"""Coordinate frames and the conversions between them; no other module converts coordinates.

Frames:
- percent: Label Studio's, 0..100 of the upright image's width and height.
- image: continuous pixels of the upright original image; (0, 0) is its top left corner, (width, height) its bottom
  right, so the centre of the first pixel is (0.5, 0.5).
- network: continuous pixels of the network's input, which shows the whole image, stretched to a near-equal aspect.
- unit: 0..1 of width and height, what the network's point tokens take.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Size = tuple[int, int]
"""(width, height) in pixels."""

Points = NDArray[np.float32]
"""(N, 2) float32, x and y in the frame that the name says."""


@dataclass(frozen=True)
class NetworkInput:
    """What a network takes: how large an image, and how many channels.

    side: the square root of the input's area in pixels (a 320-side network sees a 4:3 photo at about 370 x 277).
    multiple: width and height are multiples of it (the encoder's largest stride).
    square: the input is always side x side and the photo is stretched (the paper: 1024 x 1024).
    channels: 3 (detector), 5 (paper: RGB, clicks, box) or 7 (and background clicks, previous mask).
    """

    side: int
    multiple: int = 32
    square: bool = False
    channels: int = 7


@dataclass(frozen=True)
class Frame:
    """An image and the network input that shows the whole of it; sizes are (width, height)."""

    image: Size
    network: Size

    @classmethod
    def fit(cls, image: Size, spec: NetworkInput) -> "Frame":
        """The network size for an image: same area for every photo, its aspect kept up to rounding to `multiple`."""
        width, height = image
        if spec.square:
            return cls(image, (spec.side, spec.side))
        scale = spec.side / math.sqrt(width * height)
        longest = 3 * spec.side  # a panorama is squeezed rather than made expensive
        network = [
            min(max(spec.multiple, round(length * scale / spec.multiple) * spec.multiple), longest)
            for length in (width, height)
        ]
        return cls(image, (network[0], network[1]))

    def to_network(self, points: Points) -> Points:
        """image frame -> network frame; (N, 2) float32."""
        return (points * _ratio(self.network, self.image)).astype(np.float32)

    def to_image(self, points: Points) -> Points:
        """network frame -> image frame; (N, 2) float32."""
        return (points * _ratio(self.image, self.network)).astype(np.float32)

    def to_unit(self, points: Points) -> Points:
        """image frame -> unit frame; (N, 2) float32 in 0..1."""
        return (points / np.asarray(self.image, np.float64)).astype(np.float32)


@dataclass(frozen=True)
class Window:
    """A part of an image: x0 <= x < x1, y0 <= y < y1, in whole pixels of the image frame."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def size(self) -> Size:
        return self.x1 - self.x0, self.y1 - self.y0

    @property
    def area(self) -> int:
        return (self.x1 - self.x0) * (self.y1 - self.y0)

    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index an (H, W) array with."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def scaled(self, of: Size, to: Size) -> "Window":
        """The same part of the same image at another size; each edge is rounded, and no side gets empty."""
        x, y = to[0] / of[0], to[1] / of[1]
        x0, y0 = min(round(self.x0 * x), to[0] - 1), min(round(self.y0 * y), to[1] - 1)
        return Window(x0, y0, max(x0 + 1, round(self.x1 * x)), max(y0 + 1, round(self.y1 * y)))


def percent_to_image(points: Points, image: Size) -> Points:
    """percent frame -> image frame; (N, 2) float32."""
    return (points * (np.asarray(image, np.float64) / 100)).astype(np.float32)


def image_to_percent(points: Points, image: Size) -> Points:
    """image frame -> percent frame; (N, 2) float32."""
    return (points / (np.asarray(image, np.float64) / 100)).astype(np.float32)


def _ratio(to: Size, of: Size) -> NDArray[np.float64]:
    return np.asarray(to, np.float64) / np.asarray(of, np.float64)
