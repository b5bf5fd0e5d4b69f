"""Masks as (H, W) bool arrays: from logits, cleaned, compared."""

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core.geometry import Size
from squeezesam_core.prompts import Prompt

SPECK = 0.02
"""A part of the mask smaller than this share of its largest part is a speck, unless it holds a click."""
PINHOLE = 0.002
"""A hole smaller than this share of the mask is filled, unless it holds a background click."""


def upsample(logits: NDArray[np.float32], size: Size) -> NDArray[np.bool_]:
    """Network logits (h, w) of the whole photo -> mask (H, W) at `size` (width, height): bilinear, then > 0.

    Only the part of the photo where a logit is positive is computed at full size: at 12 megapixels the rest costs
    nothing.
    """
    width, height = size
    mask = np.zeros((height, width), bool)
    rows, columns = np.flatnonzero((logits > 0).any(axis=1)), np.flatnonzero((logits > 0).any(axis=0))
    if rows.size == 0:
        return mask
    scale_x, scale_y = width / logits.shape[1], height / logits.shape[0]
    # one logit more on each side: interpolation reaches half a logit past the outermost positive one
    x0, x1 = _span(columns[0] - 1, columns[-1] + 2, scale_x, width)
    y0, y1 = _span(rows[0] - 1, rows[-1] + 2, scale_y, height)
    matrix = np.array([[1 / scale_x, 0, (x0 + 0.5) / scale_x - 0.5], [0, 1 / scale_y, (y0 + 0.5) / scale_y - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    part = cv2.warpAffine(logits, matrix, (x1 - x0, y1 - y0), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    mask[y0:y1, x0:x1] = part > 0
    return mask


def clean(mask: NDArray[np.bool_], prompt: Prompt) -> NDArray[np.bool_]:
    """Drop specks and fill pinholes, keeping what the person clicked on: (H, W) bool -> (H, W) bool."""
    if not mask.any():
        return mask
    x, y, width, height = bounding_box(mask)
    part = mask[y : y + height, x : x + width].astype(np.uint8)
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(part, connectivity=8)
    if count > 2:
        areas = statistics[:, cv2.CC_STAT_AREA]
        keep = areas >= SPECK * areas[1:].max()
        keep[_labels_at(labels, prompt, (x, y), positive=True)] = True
        keep[0] = False
        part = keep[labels].astype(np.uint8)
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(1 - part, connectivity=4)
    if count > 1:
        fill = statistics[:, cv2.CC_STAT_AREA] < PINHOLE * part.sum()
        fill[_labels_at(labels, prompt, (x, y), positive=False)] = False
        fill[0] = False
        edges = (labels[0], labels[-1], labels[:, 0], labels[:, -1])  # a gap at the crop's edge is no hole
        fill[np.unique(np.concatenate(edges))] = False
        part |= fill[labels]
    cleaned = np.zeros_like(mask)
    cleaned[y : y + height, x : x + width] = part > 0
    return cleaned


def bounding_box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """x, y, width, height in pixels of the smallest box that holds the mask; all zero if it is empty."""
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    return int(x), int(y), int(width), int(height)


def iou(a: NDArray[np.bool_], b: NDArray[np.bool_], ignore: NDArray[np.bool_] | None = None) -> float:
    """Intersection over union of two (H, W) masks, pixels in `ignore` left out; 1 if both are empty."""
    if ignore is not None:
        a, b = a & ~ignore, b & ~ignore
    union = np.count_nonzero(a | b)
    return 1.0 if union == 0 else np.count_nonzero(a & b) / union


def _span(first: int, last: int, scale: float, limit: int) -> tuple[int, int]:
    return max(int(np.floor(first * scale)), 0), min(int(np.ceil(last * scale)), limit)


def _labels_at(labels: NDArray[np.int32], prompt: Prompt, origin: tuple[int, int], positive: bool) -> list[int]:
    height, width = labels.shape
    found = []
    for point in prompt.points:
        column, row = int(point.x) - origin[0], int(point.y) - origin[1]
        if point.positive is positive and 0 <= column < width and 0 <= row < height:
            found.append(int(labels[row, column]))
    return found
