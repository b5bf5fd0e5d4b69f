"""The worst cases on one PNG, for those who want no page."""

from collections.abc import Sequence
from math import ceil
from pathlib import Path

import cv2
import numpy as np

from squeezesam_core.errors import SqueezeSAMError
from squeezesam_core.evaluation.worst import TILE, Picture

CAPTION = 20
COLUMNS = 6


def write_sheet(pictures: Sequence[Picture], path: Path) -> None:
    """Write the pictures, in their order, six a row. Raises SqueezeSAMError if the file cannot be written."""
    cell_width, cell_height = TILE[0], TILE[1] + CAPTION
    sheet = np.zeros((max(1, ceil(len(pictures) / COLUMNS)) * cell_height, COLUMNS * cell_width, 3), np.uint8)
    for place, picture in enumerate(pictures):
        y, x = place // COLUMNS * cell_height, place % COLUMNS * cell_width
        height, width = picture.pixels.shape[:2]
        sheet[y : y + height, x : x + width] = picture.pixels
        outcome = picture.outcome
        caption = f"{100 * outcome.last:.0f} %  {outcome.photo} {outcome.number}"
        where = (x + 4, y + TILE[1] + 14)
        cv2.putText(sheet, caption, where, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
    _, encoded = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    try:
        path.write_bytes(encoded.tobytes())
    except OSError as error:
        raise SqueezeSAMError(f"{path} cannot be written ({error.strerror}).", "Name another file.") from error
