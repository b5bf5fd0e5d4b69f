"""A mask as the stretches of its rows: what costs as much as its outline is long, not as the photo is large.

A 50-megapixel photo has some thousands of rows, and an object crosses each of them a few times. So a mask is drawn from
logits, measured, shrunk and written as run-length code without an array of the photo's size.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from squeezesam_core.geometry import Size, Window

Positions = NDArray[np.int32]
"""(N,) positions in a photo's pixels, row by row from the top left: y * width + x."""


@dataclass(frozen=True, eq=False)
class Runs:
    """A mask of a photo of `size` (width, height): from starts[i] up to, not including, ends[i].

    Sorted; none is empty, none crosses the end of its row, and two in one row never touch.
    """

    size: Size
    starts: Positions
    ends: Positions

    @classmethod
    def of(cls, mask: NDArray[np.bool_]) -> "Runs":
        """mask: (H, W) bool."""
        height, width = mask.shape
        flat = mask.ravel()
        changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        edges = np.concatenate([[0] if flat.size and flat[0] else [], changes, [flat.size]]).astype(np.int64)
        return cls.of_stretches((width, height), edges[:-1:2], edges[1::2])

    @classmethod
    def within(cls, part: NDArray[np.bool_], window: Window, image: Size) -> "Runs":
        """Of a mask of what `window` shows of a photo of `image` (width, height) pixels: (h, w) bool, its size."""
        y, x0, x1 = (places.astype(np.int64) for places in cls.of(part).rows())
        begin = (y + window.y0) * image[0] + window.x0
        return cls.of_stretches(image, begin + x0, begin + x1)

    @classmethod
    def of_stretches(cls, size: Size, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> "Runs":
        """Of sorted stretches that do not overlap; they may be empty, touch, and go on over the ends of rows."""
        some = ends > starts
        starts, ends = starts[some], ends[some]
        width = size[0]
        first, last = starts // width, (ends - 1) // width
        rows = last - first + 1
        stretch = np.repeat(np.arange(len(starts)), rows)
        row = np.arange(len(stretch)) - np.repeat(np.cumsum(rows) - rows, rows) + first[stretch]
        begin = np.maximum(starts[stretch], row * width)
        end = np.minimum(ends[stretch], (row + 1) * width)
        begin, end = _joined(begin, end, begin[1:] % width != 0)
        return cls(size, begin.astype(np.int32), end.astype(np.int32))

    @classmethod
    def of_logits(cls, logits: NDArray[np.float32], window: Window, image: Size) -> "Runs":
        """Where logits (h, w) of what `window` shows are above 0, drawn up bilinearly to the window's size.

        The same mask as enlarging them to (H, W) and comparing with 0. Between two columns of logits the enlarged row
        is a straight line, which crosses 0 at a place that a division gives: no value in between is computed.
        """
        width = logits.shape[1]
        across, down = window.size
        rows = _enlarged_rows(logits, down)
        inside = np.zeros((down, width + 2), np.int8)
        inside[:, 1:-1] = rows > 0
        row, node = np.nonzero(inside[:, 1:] != inside[:, :-1])  # rises and falls take turns in every row
        left, right = rows[row, np.maximum(node - 1, 0)], rows[row, np.minimum(node, width - 1)]
        at_border = (node == 0) | (node == width)
        with np.errstate(divide="ignore", invalid="ignore"):
            crossing = node - 1 + np.where(at_border, 0, left / (left - right))
        column = (crossing + 0.5) * (across / width) - 0.5  # between the centres of pixels
        start = np.where(node == 0, 0, np.floor(column) + 1)[::2]
        end = np.where(node == width, across, np.ceil(column))[1::2]
        start, end = np.clip(start, 0, across).astype(np.int64), np.clip(end, 0, across).astype(np.int64)
        begin_of_row = (row[::2].astype(np.int64) + window.y0) * image[0] + window.x0
        return cls.of_stretches(image, begin_of_row + start, begin_of_row + end)

    @property
    def nbytes(self) -> int:
        return self.starts.nbytes + self.ends.nbytes

    @cached_property
    def area(self) -> int:
        """Its pixels."""
        return int((self.ends.astype(np.int64) - self.starts).sum())

    @cached_property
    def box(self) -> tuple[int, int, int, int]:
        """x, y, width, height in pixels of the smallest box around it; all zero if it is empty."""
        if not len(self.starts):
            return 0, 0, 0, 0
        y, x0, x1 = self.rows()
        left, top = int(x0.min()), int(y[0])
        return left, top, int(x1.max()) - left, int(y[-1]) + 1 - top

    def rows(self) -> tuple[Positions, Positions, Positions]:
        """For each run its row and its columns: y, x0, x1, each (N,) int32."""
        y, x0 = np.divmod(self.starts, np.int32(self.size[0]))
        return y, x0, x0 + (self.ends - self.starts)

    def stretches(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Starts and ends where a run at a row's end and one at the next row's begin are one: as run-length code."""
        return _joined(self.starts.astype(np.int64), self.ends.astype(np.int64))

    def mask(self) -> NDArray[np.bool_]:
        """(H, W) bool."""
        flat = np.zeros(self.size[0] * self.size[1], np.bool_)
        for start, end in zip(self.starts.tolist(), self.ends.tolist(), strict=True):
            flat[start:end] = True
        return flat.reshape(self.size[1], self.size[0])

    def holds(self, x: int, y: int) -> bool:
        """Whether a pixel is in it."""
        before = int(np.searchsorted(self.starts, y * self.size[0] + x, side="right")) - 1
        return before >= 0 and y * self.size[0] + x < int(self.ends[before])

    def union(self, other: "Runs") -> "Runs":
        """What is in either; both of one size."""
        starts, ends = np.concatenate([self.starts, other.starts]), np.concatenate([self.ends, other.ends])
        order = np.argsort(starts, kind="stable")
        return Runs.of_stretches(self.size, *_merged(starts[order].astype(np.int64), ends[order].astype(np.int64)))

    def iou(self, other: "Runs") -> float:
        """Intersection over union, 0..1; both of one size. 1 if both are empty."""
        union = self.union(other).area
        return (self.area + other.area - union) / union if union else 1.0

    def without(self, other: "Runs") -> "Runs":
        """What is in this and not in the other; both of one size."""
        return self._rest().union(other)._rest()

    def _rest(self) -> "Runs":
        """All that is not in it."""
        starts = np.append(0, self.ends).astype(np.int64)
        ends = np.append(self.starts, self.size[0] * self.size[1]).astype(np.int64)
        return Runs.of_stretches(self.size, starts, ends)

    def inside(self, window: Window) -> "Runs":
        """The part within a window."""
        y, x0, x1 = self.rows()
        x0, x1 = np.maximum(x0, window.x0), np.minimum(x1, window.x1)
        kept = (x1 > x0) & (y >= window.y0) & (y < window.y1)
        begin = y[kept] * np.int32(self.size[0])
        return Runs(self.size, begin + x0[kept], begin + x1[kept])

    def coverage(self, size: Size) -> NDArray[np.float32]:
        """The mask shrunk to `size` (width, height), neither larger than the photo's: (h, w) float32, the share of each
        of those pixels that it covers, 0..1."""
        width, height = size
        y, x0, x1 = self.rows()
        across, down = width / self.size[0], height / self.size[1]
        # A run's edge at x covers all cells right of it and a part of its own: two steps of a sum along the row.
        top, bottom = y * down, (y + 1) * down
        row = np.minimum(top.astype(np.int64), height - 1)
        upper = np.minimum(bottom, row + 1) - top  # a row of pixels reaches into one more row of cells at most
        steps = np.zeros((height + 1) * (width + 2))
        for columns, sign in ((x0, 1.0), (x1, -1.0)):
            place = columns * across
            cell = np.minimum(place.astype(np.int64), width)
            part = place - cell
            for index, weight in ((row, upper), (row + 1, bottom - top - upper)):
                at = index * (width + 2) + cell
                steps += np.bincount(at, sign * weight * (1 - part), steps.size)
                steps += np.bincount(at + 1, sign * weight * part, steps.size)
        summed = np.cumsum(steps.reshape(height + 1, width + 2)[:height, :width], axis=1)
        return np.clip(summed, 0, 1).astype(np.float32)


def _enlarged_rows(logits: NDArray[np.float32], height: int) -> NDArray[np.float32]:
    """(h, w) -> (height, w), bilinear, between the centres of pixels."""
    place = np.clip((np.arange(height) + 0.5) * (logits.shape[0] / height) - 0.5, 0, logits.shape[0] - 1)
    above = np.minimum(place.astype(np.int64), max(logits.shape[0] - 2, 0))
    share = (place - above).astype(np.float32)[:, None]
    below = np.minimum(above + 1, logits.shape[0] - 1)
    return logits[above] * (1 - share) + logits[below] * share


def _merged(starts: NDArray[np.int64], ends: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Stretches sorted by their starts, those that overlap made one."""
    reached = np.maximum.accumulate(ends) if len(ends) else ends
    apart = starts[1:] > reached[:-1]
    return starts[np.append(True, apart)[: len(starts)]], reached[np.append(apart, True)[: len(ends)]]


def _joined(
    starts: NDArray[np.int64], ends: NDArray[np.int64], where: NDArray[np.bool_] | Literal[True] = True
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Make one of each two that touch; where: (N - 1,), whether that pair may be."""
    apart = (starts[1:] != ends[:-1]) | np.logical_not(where)
    return starts[np.append(True, apart)[: len(starts)]], ends[np.append(apart, True)[: len(ends)]]
