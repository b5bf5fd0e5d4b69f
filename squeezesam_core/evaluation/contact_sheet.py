"""The worst cases of an evaluation on one picture, to be looked at."""

from math import ceil
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core.errors import SqueezeSAMError
from squeezesam_core.evaluation.protocols import Case

TILE = (320, 240)
"""(width, height) of a case on the sheet, in pixels."""
CAPTION = 20
COLUMNS = 6
MASK, TRUTH = (64, 96, 255), (64, 255, 64)
"""RGB of the mask's tint and of the true outline."""


class ContactSheet:
    """Keeps the cases with the lowest last IoU, as thumbnails: the photo, the mask blue, the true outline green."""

    def __init__(self, count: int = 24) -> None:
        self._count = count
        self._worst: list[tuple[float, str, int, NDArray[np.uint8]]] = []

    def add(self, case: Case) -> None:
        """Keep the case if it is among the worst so far."""
        iou = case.ious[max(case.ious)]
        if len(self._worst) == self._count and iou >= self._worst[-1][0]:
            return
        self._worst.append((iou, case.sample.name, case.number, _tile(case, iou)))
        self._worst.sort(key=lambda kept: kept[:3])
        del self._worst[self._count :]

    def write(self, path: Path) -> None:
        """Write the sheet, worst first. Raises SqueezeSAMError if the file cannot be written."""
        rows = ceil(len(self._worst) / COLUMNS)
        sheet = np.zeros((rows * (TILE[1] + CAPTION), COLUMNS * TILE[0], 3), np.uint8)
        for place, (*_, tile) in enumerate(self._worst):
            y, x = place // COLUMNS * tile.shape[0], place % COLUMNS * tile.shape[1]
            sheet[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
        _, encoded = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
        try:
            path.write_bytes(encoded.tobytes())
        except OSError as error:
            raise SqueezeSAMError(f"{path} cannot be written ({error.strerror}).", "Name another file.") from error


def _tile(case: Case, iou: float) -> NDArray[np.uint8]:
    height, width = case.mask.shape
    scale = min(TILE[0] / width, TILE[1] / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    photo = cv2.resize(case.image, size, interpolation=cv2.INTER_AREA)
    mask, truth = (
        cv2.resize(part.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        for part in (case.mask, case.truth.object)
    )
    photo[mask > 0] = photo[mask > 0] // 2 + np.array(MASK, np.uint8) // 2
    outlines, _ = cv2.findContours(truth, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(photo, outlines, -1, TRUTH, 2)
    tile = np.zeros((TILE[1] + CAPTION, TILE[0], 3), np.uint8)
    tile[: size[1], : size[0]] = photo
    caption = f"{100 * iou:.0f} %  {case.sample.name} {case.number}"
    cv2.putText(tile, caption, (4, TILE[1] + 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
    return tile
