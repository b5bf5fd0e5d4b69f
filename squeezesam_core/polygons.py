"""Masks as polygons, for tools that know no holes: one closed ring for a whole object, however many parts it has.

Label Studio's polygon region is a single ring. A hole is cut open by a bridge of no width to the ring around it, and
separate parts are joined the same way. So an object stays one region (accepting a refined one replaces it, an export
counts it once), and filling the ring gives the mask back under the even-odd and the non-zero rule alike.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from squeezesam_core import masks
from squeezesam_core.geometry import Points, Size
from squeezesam_core.runs import Runs

KEPT_IOU = 0.97
"""The polygon with the fewest vertices that keeps at least this IoU with the mask is chosen."""
MOST_VERTICES = 300
"""Nobody drags more than this by hand; a mask that needs more keeps the best polygon within it."""
SEARCH_SIDE = 512
"""The object is cut out, and its longer side brought down to this, to find the polygon: large photos cost no more."""
SMALLEST_PART = 0.002
"""Parts and holes smaller than this share of the mask are left out: each costs vertices and no IoU."""
_TOLERANCES = np.geomspace(0.03, 0.0005, 18)
"""Tolerances of the simplification to try, coarse to fine: shares of the square root of the mask's area."""


def from_mask(mask: NDArray[np.bool_], kept_iou: float = KEPT_IOU, most: int = MOST_VERTICES) -> Points:
    """The ring with the fewest vertices whose IoU with the mask is at least `kept_iou`.

    mask: (H, W) bool. Returns (N, 2) float32, image frame, N <= most; no vertices if the mask is empty. If no candidate
    keeps that IoU, the best one is returned.
    """
    if not mask.any():
        return np.zeros((0, 2), np.float32)
    x, y, width, height = masks.bounding_box(mask)
    scale = min(1.0, SEARCH_SIDE / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    cut = mask[y : y + height, x : x + width].astype(np.uint8)
    small = cv2.resize(cut * 255, size, interpolation=cv2.INTER_AREA) > 127
    tolerances = _TOLERANCES * np.sqrt(np.count_nonzero(small))
    contours = _contours(small)
    while len(contours) > 1 and len(_ring(contours, tolerances[0])) > most:
        contours = contours[: len(contours) // 2]
    best: Points = np.zeros((0, 2), np.float32)
    best_iou = -1.0
    for tolerance in tolerances:
        ring = _ring(contours, tolerance)
        if len(ring) > most and len(best):
            break
        iou = masks.iou(to_mask(ring, size), small)
        if iou > best_iou:
            best, best_iou = ring, iou
        if iou >= kept_iou:
            break
    return np.asarray(best * (np.array([width, height]) / size) + (x, y), np.float32)


def to_mask(points: Points, size: Size) -> NDArray[np.bool_]:
    """The pixels inside a ring: (N, 2) float32 image frame -> (H, W) bool; size: (width, height).

    A pixel belongs to it if its centre is inside, by the even-odd rule.
    """
    return to_runs(points, size).mask()


def to_runs(points: Points, size: Size) -> Runs:
    """As `to_mask`, without an array of the photo's size."""
    width, height = size
    points = points if len(points) >= 3 else points[:0]
    # Even-odd scan conversion: in each row whose centre line it crosses, an edge flips the pixels right of it. The
    # fills of OpenCV and pycocotools draw the outline too, which fattens an object by half a pixel all around.
    starts = points.astype(np.float64)
    ends = np.roll(starts, -1, axis=0)
    first = np.clip(np.ceil(np.minimum(starts[:, 1], ends[:, 1]) - 0.5), 0, height).astype(int)
    last = np.clip(np.ceil(np.maximum(starts[:, 1], ends[:, 1]) - 0.5), 0, height).astype(int)
    crossed = np.maximum(last - first, 0)
    edge = np.repeat(np.arange(len(starts)), crossed)
    rows = np.arange(len(edge)) - np.repeat(np.cumsum(crossed) - crossed, crossed) + first[edge]
    (x0, y0), (x1, y1) = starts[edge].T, ends[edge].T
    columns = np.ceil(x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0) - 0.5).astype(int)
    flips = np.sort(rows * (width + 1) + np.clip(columns, 0, width))  # an even number in each row
    places = flips // (width + 1) * width + flips % (width + 1)
    return Runs.of_stretches(size, places[::2], places[1::2])


def _contours(mask: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    """The outlines of the parts and holes worth keeping, largest first: (N, 2) along the edges of pixels.

    OpenCV follows the centres of an object's outermost pixels. Grown by one pixel to the right and below, those centres
    have the coordinates of the edges: for parts and holes alike. Of a mask of twice the size: as it is, gaps of one
    pixel would be closed, and the corners that OpenCV cuts would take in pixels, a large share of a tiny mask.
    """
    doubled = np.pad(mask.astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1), 1)
    grown = cv2.dilate(doubled, np.ones((2, 2), np.uint8), anchor=(1, 1))
    found, _ = cv2.findContours(grown, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    smallest = SMALLEST_PART * np.count_nonzero(doubled)
    sized = sorted(((cv2.contourArea(contour), contour[:, 0]) for contour in found), key=lambda item: -item[0])
    kept = [contour for area, contour in sized if area >= smallest] or [sized[0][1]]
    return [(contour.astype(np.float64) - 1) / 2 for contour in kept]


def _ring(contours: list[NDArray[np.float64]], tolerance: float) -> Points:
    return _joined([_simplified(contour, tolerance) for contour in contours])


def _simplified(contour: NDArray[np.float64], tolerance: float) -> NDArray[np.float64]:
    simple = cv2.approxPolyDP(contour[:, None].astype(np.float32), tolerance, closed=True)[:, 0]
    if len(simple) < 3:  # a line, or what the tolerance makes one
        (x0, y0), (x1, y1) = contour.min(axis=0), contour.max(axis=0)
        simple = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    return np.asarray(simple, np.float64)


def _joined(rings: list[NDArray[np.float64]]) -> Points:
    """One ring of several, the largest first: each joins at its nearest pair of vertices, there and back."""
    whole = rings[0]
    for ring in rings[1:]:
        apart = np.square(whole[:, None] - ring[None]).sum(axis=2)
        at, start = np.unravel_index(int(np.argmin(apart)), apart.shape)
        turned = np.roll(ring, -int(start), axis=0)
        whole = np.concatenate([whole[: at + 1], turned, turned[:1], whole[at:]])
    return whole.astype(np.float32)
