"""What the pictures of docs/images share: masks and clicks drawn on photos, side by side."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

HEIGHT = 240
GAP = 8
OBJECT = (255, 176, 0)

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Colour = tuple[int, int, int]


def tinted(image: Image, mask: Mask, colour: Colour) -> Image:
    """A copy with the mask in colour and outlined."""
    result = image.copy()
    result[mask] = (0.5 * image[mask] + 0.5 * np.array(colour)).astype(np.uint8)
    outline, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(result, outline, -1, (255, 255, 255), 2)
    return result


def clicked(image: Image, x: float, y: float, colour: Colour) -> Image:
    """A copy with a click on it."""
    result = image.copy()
    cv2.circle(result, (int(x), int(y)), 12, (255, 255, 255), cv2.FILLED, cv2.LINE_AA)
    cv2.circle(result, (int(x), int(y)), 9, colour, cv2.FILLED, cv2.LINE_AA)
    return result


def write_strip(path: Path, tiles: Sequence[Image]) -> None:
    """The tiles side by side, at one height."""
    rows = []
    for tile in tiles:
        width = round(tile.shape[1] * HEIGHT / tile.shape[0])
        resized = cv2.resize(tile, (width, HEIGHT), interpolation=cv2.INTER_AREA)
        rows.append(cv2.copyMakeBorder(resized, 0, 0, 0, GAP, cv2.BORDER_CONSTANT, value=(255, 255, 255)))
    strip = np.hstack(rows)[:, :-GAP]
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(strip, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])
