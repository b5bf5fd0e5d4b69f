"""Some photos of a data set with their masks on one picture: what is learnt from is looked at first."""

from collections.abc import Sequence
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core.errors import InvalidDatasetError, InvalidImageError
from squeezesam_core.records import Sample

TILE = (320, 240)
"""(width, height) of a photo on the sheet, in pixels."""
CAPTION = 20
COLUMNS = 6
COLOURS = ((255, 64, 64), (64, 160, 255), (64, 220, 64), (255, 200, 0), (220, 64, 255), (0, 220, 220))
"""RGB of the masks, in turn."""


def draw_sheet(samples: Sequence[Sample], count: int, seed: int) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB: `count` samples drawn at random, in their order; those that cannot be read are left out.

    Raises InvalidDatasetError if none can be read.
    """
    order = np.random.default_rng(seed).permutation(len(samples))
    tiles: list[tuple[int, NDArray[np.uint8]]] = []
    for index in order.tolist():
        if len(tiles) == count:
            break
        try:
            tiles.append((index, _tile(samples[index])))
        except (InvalidDatasetError, InvalidImageError):
            continue  # dataset check names it
    if not tiles:
        raise InvalidDatasetError("No photo can be shown with its masks.", "Run `squeezesam dataset check`.")
    tiles.sort(key=lambda tile: tile[0])
    columns = min(COLUMNS, len(tiles))
    sheet = np.zeros((ceil(len(tiles) / columns) * (TILE[1] + CAPTION), columns * TILE[0], 3), np.uint8)
    for place, (_, tile) in enumerate(tiles):
        y, x = place // columns * tile.shape[0], place % columns * TILE[0]
        sheet[y : y + tile.shape[0], x : x + TILE[0]] = tile
    return sheet


def _tile(sample: Sample) -> NDArray[np.uint8]:
    image = sample.image()
    height, width = image.shape[:2]
    scale = min(TILE[0] / width, TILE[1] / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    photo = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    for number, reference in enumerate(sample.masks):
        colour = COLOURS[number % len(COLOURS)]
        mask = cv2.resize(reference.decode().object.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        photo[mask > 0] = photo[mask > 0] // 2 + np.array(colour, np.uint8) // 2
        outlines, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(photo, outlines, -1, colour, 1)
    tile = np.zeros((TILE[1] + CAPTION, TILE[0], 3), np.uint8)
    tile[: size[1], : size[0]] = photo
    caption = f"{sample.name[:36]}  {len(sample.masks)}"
    cv2.putText(tile, caption, (4, TILE[1] + 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
    return tile
