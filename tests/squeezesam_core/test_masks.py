"""Masks: upsampling, clean-up that respects clicks, boxes, IoU."""

import numpy as np
import pytest

from squeezesam_core import masks

NOWHERE = np.zeros((0, 2), np.float32), np.zeros(0, np.int64)


def logits_of(mask: np.ndarray) -> np.ndarray:
    return np.where(mask, 4.0, -4.0).astype(np.float32)


def scene() -> np.ndarray:
    """A 60 x 60 object with a pinhole at (40, 40) and a window at 20..39; a speck at (90, 90)."""
    mask = np.zeros((100, 100), bool)
    mask[10:70, 10:70] = True
    mask[20:40, 20:40] = False
    mask[40:42, 50:52] = False
    mask[90:92, 90:92] = True
    return mask


@pytest.mark.parametrize(
    ("points", "labels", "speck", "pinhole"),
    [
        (NOWHERE[0], NOWHERE[1], False, True),
        (np.array([[0.91, 0.91]], np.float32), np.array([1]), True, True),
        (np.array([[0.51, 0.41]], np.float32), np.array([0]), False, False),
        (np.array([[0.91, 0.91]], np.float32), np.array([0]), False, True),
    ],
    ids=["no click", "click on the speck", "background on the pinhole", "background on the speck"],
)
def test_clean(points: np.ndarray, labels: np.ndarray, speck: bool, pinhole: bool) -> None:
    cleaned = masks.clean(logits_of(scene()), points, labels) > 0
    assert cleaned[90, 90] == speck
    assert cleaned[40, 50] == pinhole
    assert not cleaned[30, 30], "a window is no pinhole"
    assert cleaned[12, 12]


def test_clean_leaves_its_argument_alone() -> None:
    logits = logits_of(scene())
    masks.clean(logits, *NOWHERE)
    assert np.array_equal(logits, logits_of(scene()))


def test_background_at_the_edge_is_never_filled() -> None:
    mask = np.ones((100, 100), bool)
    mask[0, 0] = False
    mask[50:90, 50:90] = False
    assert not (masks.clean(logits_of(mask), *NOWHERE) > 0)[0, 0]


def test_upsample_keeps_shares() -> None:
    mask = np.zeros((20, 30), bool)
    mask[5:15, 10:20] = True
    assert masks.upsample(logits_of(mask), (300, 200)).shape == (200, 300)
    assert abs(masks.upsample(logits_of(mask), (300, 200)).mean() - mask.mean()) < 0.01


def test_bounding_box() -> None:
    assert masks.bounding_box(scene()) == (10, 10, 82, 82)
    assert masks.bounding_box(np.zeros((4, 4), bool)) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("a", "b", "ignore", "iou"),
    [
        ([1, 1, 0, 0], [1, 0, 1, 0], None, 1 / 3),
        ([1, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 0], 1 / 2),
        ([0, 0, 0, 0], [0, 0, 0, 0], None, 1.0),
        ([1, 1, 1, 1], [0, 0, 0, 0], None, 0.0),
        ([1, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0], 1.0),
    ],
    ids=["overlap", "ignored", "both empty", "nothing right", "only ignored"],
)
def test_iou(a: list[int], b: list[int], ignore: list[int] | None, iou: float) -> None:
    arrays = [None if row is None else np.array([row], bool) for row in (a, b, ignore)]
    assert masks.iou(*arrays) == pytest.approx(iou)


@pytest.mark.parametrize(
    ("drawn", "pieces"),
    [
        ([], 0),
        ([(0, 0, 40, 40)], 1),
        ([(0, 0, 40, 40), (60, 60, 30, 30)], 2),
        ([(0, 0, 40, 40), (40, 40, 30, 30)], 1),
        ([(0, 0, 40, 40), (60, 60, 8, 10)], 2),
        ([(0, 0, 40, 40), (60, 60, 8, 9)], 1),
    ],
    ids=["empty", "one", "two", "corners touch", "the smallest piece, 5 %", "a crumb"],
)
def test_pieces(drawn: list[tuple[int, int, int, int]], pieces: int) -> None:
    mask = np.zeros((100, 100), bool)
    for x, y, width, height in drawn:
        mask[y : y + height, x : x + width] = True
    assert masks.pieces(mask) == pieces
