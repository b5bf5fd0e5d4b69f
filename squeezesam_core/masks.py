"""Masks: from logits to clean (H, W) bool arrays, and how they compare."""

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core.geometry import Points, Size, Window
from squeezesam_core.runs import Runs

SPECK = 0.02
"""A part of the mask smaller than this share of its largest part is a speck, unless it holds a click."""
PINHOLE = 0.005
"""A hole smaller than this share of the mask is filled, unless it holds a background click."""
PIECE = 0.05
"""A part smaller than this share of the largest one is no piece of its own."""
FAINT = 0.5
"""The logit, of either sign, that takes the place of a dropped speck's or a filled hole's."""


def upsample(logits: NDArray[np.float32], size: Size) -> NDArray[np.bool_]:
    """Network logits (h, w) of the whole photo -> mask (H, W) at `size` (width, height): bilinear, then > 0."""
    return Runs.of_logits(logits, Window(0, 0, *size), size).mask()


def clean(logits: NDArray[np.float32], points: Points, labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """Drop specks and fill pinholes, but for those that were clicked on.

    Works on the network's logits (h, w), so that a large photo costs no more than a small one. points (N, 2) unit
    frame, labels (N,) as Prompt.labels.
    """
    mask = (logits > 0).astype(np.uint8)
    cleaned = logits.copy()
    count, parts, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count > 2:
        areas = statistics[:, cv2.CC_STAT_AREA]
        drop = areas < SPECK * areas[1:].max()
        drop[[0, *_at(parts, points[labels == 1])]] = False
        cleaned[drop[parts]] = -FAINT
    count, parts, statistics, _ = cv2.connectedComponentsWithStats(1 - mask, connectivity=4)
    if count > 2:
        fill = statistics[:, cv2.CC_STAT_AREA] < PINHOLE * mask.sum()
        edges = np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
        fill[[0, *edges.tolist(), *_at(parts, points[labels == 0])]] = False
        cleaned[fill[parts]] = FAINT
    return cleaned


def bounding_box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """x, y, width, height in pixels of the smallest box that holds the mask; all zero if it is empty."""
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    return int(x), int(y), int(width), int(height)


def pieces(mask: NDArray[np.bool_]) -> int:
    """How many connected parts (8 neighbours) a mask (H, W) has, crumbs left out."""
    areas = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)[2][1:, cv2.CC_STAT_AREA]
    return int(np.count_nonzero(areas >= PIECE * areas.max(initial=0)))


def iou(a: NDArray[np.bool_], b: NDArray[np.bool_], ignore: NDArray[np.bool_] | None = None) -> float:
    """Intersection over union of two (H, W) masks, pixels in `ignore` left out; 1 if both are empty."""
    if ignore is not None:
        a, b = a & ~ignore, b & ~ignore
    union = np.count_nonzero(a | b)
    return 1.0 if union == 0 else np.count_nonzero(a & b) / union


def _at(parts: NDArray[np.int32], points: Points) -> list[int]:
    height, width = parts.shape
    columns = np.clip((points[:, 0] * width).astype(int), 0, width - 1)
    rows = np.clip((points[:, 1] * height).astype(int), 0, height - 1)
    return [int(part) for part in parts[rows, columns]]
