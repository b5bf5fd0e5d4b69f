"""COCO's segmentations as masks: polygons, run lengths, and run lengths packed into a string.

pycocotools draws the polygons. Run lengths are decoded here, because its decoder leaves what the runs do not cover as
it finds it in memory, and trusts the size that the record declares.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from squeezesam_core.geometry import Size
from squeezesam_core.records import BadMaskError, Problem

MOST_PIXELS = 178_956_970
"""Pillow's limit for a photo, and so for a mask of one."""
POINTS = 3
"""A polygon of fewer points has no area."""


def decode(segmentation: Any, size: Size) -> NDArray[np.bool_]:
    """A segmentation of a photo of `size` (width, height) -> (H, W) bool.

    segmentation: polygons [[x, y, x, y, ...], ...] in pixels, those of fewer than three points left out; or {size:
    [height, width], counts: run lengths down the columns, or their packed string}. Raises BadMaskError; nothing larger
    than `size` is ever allocated.
    """
    check_size(size)
    return _decode_runs(segmentation if isinstance(segmentation, Mapping) else _draw(segmentation, size), size)


def to_rle(segmentation: Any, size: Size) -> dict[str, Any]:
    """The same as pycocotools' compressed RLE, to compare masks without their pixels. Raises BadMaskError."""
    check_size(size)
    if isinstance(segmentation, Mapping):
        return encode(_decode_runs(segmentation, size))
    return _draw(segmentation, size)


def encode(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """(H, W) bool -> {size: [height, width], counts: packed string (bytes)}."""
    return dict(coco_mask.encode(np.asfortranarray(mask, np.uint8)))


def check_size(size: Size) -> None:
    """Raises BadMaskError if no photo can have this (width, height)."""
    width, height = size
    if width < 1 or height < 1 or width * height > MOST_PIXELS:
        raise BadMaskError(Problem.MALFORMED, f"a photo of {width}x{height} is declared")


def unpack(counts: str | bytes) -> NDArray[np.int64]:
    """COCO's packed string -> run lengths (N,) int64: five bits a character, the sixth says that more follow, the
    fifth of the last is the sign; from the fourth on, each is the difference to the one two before.
    """
    data = counts.encode("ascii", "replace") if isinstance(counts, str) else bytes(counts)
    digits = np.frombuffer(data, np.uint8).astype(np.int64) - 48
    if digits.size == 0 or digits.min() < 0 or digits.max() > 63 or digits[-1] & 32:
        raise BadMaskError(Problem.BAD_RLE, "its counts are no packed run lengths")
    last = np.flatnonzero((digits & 32) == 0)
    first = np.concatenate([[0], last[:-1] + 1])
    place = np.arange(digits.size) - np.repeat(first, last - first + 1)
    if place.max() > 6:
        raise BadMaskError(Problem.BAD_RLE, "a run length has more than 32 bits")
    values = np.add.reduceat((digits & 31) << (5 * place), first)
    values -= ((digits[last] & 16) >> 4) << (5 * (place[last] + 1))
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values


def _decode_runs(segmentation: Mapping[str, Any], size: Size) -> NDArray[np.bool_]:
    width, height = size
    try:
        declared = [int(value) for value in segmentation["size"]]
        counts = segmentation["counts"]
    except (KeyError, TypeError, ValueError) as error:
        raise BadMaskError(Problem.BAD_RLE, "it needs size and counts") from error
    if declared != [height, width]:
        raise BadMaskError(Problem.WRONG_SIZE, f"the mask is {declared[::-1]}, the photo {width}x{height}")
    if isinstance(counts, (str, bytes)):
        runs = unpack(counts)
    else:
        try:
            runs = np.asarray(counts, np.int64)
        except (TypeError, ValueError, OverflowError) as error:
            raise BadMaskError(Problem.BAD_RLE, "its counts are no list of run lengths") from error
    if runs.ndim != 1 or (runs < 0).any() or (runs > width * height).any() or runs.sum() != width * height:
        raise BadMaskError(Problem.BAD_RLE, f"its runs do not add up to the {width * height} pixels of the photo")
    flat = np.repeat(np.arange(runs.size) % 2 == 1, runs)
    return np.ascontiguousarray(flat.reshape(width, height).T)


def _draw(polygons: Sequence[Any], size: Size) -> dict[str, Any]:
    width, height = size
    outlines = []
    for polygon in polygons:
        try:
            points = np.asarray(polygon, np.float64).reshape(-1, 2)
        except (TypeError, ValueError) as error:
            raise BadMaskError(Problem.MALFORMED, "a polygon is no list x, y, x, y, ... of numbers") from error
        far = np.abs(points - (width / 2, height / 2)) > 1.5 * max(size)  # pycocotools walks along every edge
        if not np.isfinite(points).all() or far.any():
            raise BadMaskError(Problem.OFF_PHOTO, f"a polygon leaves the photo of {width}x{height}")
        if len(points) >= POINTS:
            outlines.append(points.ravel())
    if not outlines:
        raise BadMaskError(Problem.SHORT_POLYGON, "no polygon has three points")
    return dict(coco_mask.merge(coco_mask.frPyObjects(outlines, height, width)))
